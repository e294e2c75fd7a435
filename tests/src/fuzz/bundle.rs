//! Admission, on any bytes that carry a good signature: so the reader behind it is reached.

use std::{collections::BTreeMap, sync::Arc};

use filter_ctl::order::{
    VerifiedOrder, hex,
    parse::{self, ParsedLine},
    state,
    trust::Scope,
    verify::{
        Admission, AdmissionError, Admitted, Committed, Context, Mark, UntrustedOrder, admit,
        encode_since, readmit,
    },
};
use ipnet::IpNet;

use super::{
    authority::{TRUST, UTC, now, signature},
    check_said,
};

/// The digest that a delta of the corpus has in place of the right one, which is put in before it is judged.
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a delta is applied on.
const BASE: &str = concat!(
    r#"{"type":"levee-bundle","version":1,"feed":"cert","epoch":1,"seq":7,"kind":"snapshot","#,
    r#""issued_at":"2026-11-23T07:00:00Z","expires_at":"2026-11-24T07:00:00Z","entries":4,"#,
    r#""order":{"reference":"7/2026","issuer":"CERT"}}"#,
    "\n",
    r#"{"id":"e1","net":"203.0.113.7","until":"2026-12-10T00:00:00Z"}"#,
    "\n",
    r#"{"id":"e2","net":"2001:db8:7::/48","proto":"tcp","ports":[443],"until":"2026-12-10T00:00:00Z"}"#,
    "\n",
    r#"{"id":"short","net":"198.51.0.0/16","until":"2026-12-10T00:00:00Z"}"#,
    "\n",
    r#"{"id":"e3","net":"198.51.100.0/24","until":"2026-12-10T00:00:00Z","order":{"reference":"8","issuer":"B"}}"#,
    "\n",
);

/// What a receiver has of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Receiver {
    stored: Vec<Vec<u8>>,
    last: Option<(Mark, Arc<VerifiedOrder>)>,
}

impl Receiver {
    fn judge(&self, bundle: &[u8], signatures: &[&str]) -> Result<Admission, AdmissionError> {
        let untrusted = UntrustedOrder {
            transport_feed: Some("cert".to_owned().try_into().expect("a name")),
            bundle: bundle.to_vec().into(),
            signatures: signatures
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect(),
        };
        let context = Context {
            mark: &|_| self.last.as_ref().map(|(mark, _)| mark.clone()),
            previous: &|_| self.last.as_ref().map(|(_, order)| Arc::clone(order)),
            bundles: &|_, _| Ok(self.stored.iter().cloned().map(Into::into).collect()),
            ..Context::new(now(), &UTC)
        };
        admit(&untrusted, &TRUST, &context)
    }

    fn signed(&self, bundle: &[u8]) -> Result<Admission, AdmissionError> {
        self.judge(bundle, &[&signature(bundle)])
    }

    fn took(&self, bundle: &[u8], admitted: Admitted) -> Self {
        let mut stored = self.stored.clone();
        if admitted.mark.chain.is_empty() {
            stored.clear();
        }
        stored.push(bundle.to_vec());
        let Admitted { order, mark } = admitted;
        Self {
            stored,
            last: Some((mark, order)),
        }
    }

    /// What a restart reads back; the snapshot's entries began with its admission.
    fn restarted(&self) -> Arc<VerifiedOrder> {
        let (mark, order) = self.last.clone().expect("something");
        let mut chain = self.stored.clone();
        let bundle = chain.pop().expect("the bundle");
        let since = mark.chain.is_empty().then(|| encode_since(&order));
        let committed = Committed {
            feed: order.feed().clone(),
            mark,
            chain: chain.into_iter().map(Into::into).collect(),
            signatures: vec![signature(&bundle).into_bytes()],
            bundle: bundle.into(),
            since: since.or_else(|| Some(Vec::new())),
        };
        let read = readmit(&committed, &TRUST, &UTC).expect("what was admitted is read back");
        assert_eq!(read.alarms, [], "what was admitted is read back in silence");
        read.order
    }
}

/// Judges `data` as a signed bundle for a feed from which nothing was admitted.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn bundle(data: &[u8]) {
    check(&Receiver::default(), data);
}

/// Judges `data` as a signed bundle on top of a snapshot. A state digest of zeros is made the right one.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn delta(data: &[u8]) {
    let empty = Receiver::default();
    let Ok(Admission::New(base)) = empty.signed(BASE.as_bytes()) else {
        panic!("the base is good");
    };
    let base = empty.took(BASE.as_bytes(), *base);
    let right = state::digest([BASE.as_bytes(), data]).ok();
    let text = str::from_utf8(data)
        .ok()
        .filter(|text| text.contains(NO_DIGEST));
    match (text, right) {
        (Some(text), Some(digest)) => {
            let text = text.replacen(NO_DIGEST, &hex::encode(&digest), 1);
            check(&base, text.as_bytes());
        }
        _ => check(&base, data),
    }
}

fn check(before: &Receiver, data: &[u8]) {
    let unsigned = before.judge(data, &[&signature(b"other bytes")]);
    assert_eq!(
        unsigned.map_err(|error| error.code()),
        Err("bad_signature"),
        "nothing is looked at before the signature"
    );
    let judged = before.signed(data);
    assert_eq!(judged, before.signed(data), "a judgement is one");
    match judged {
        Err(error) => {
            assert!(!error.code().is_empty());
            // Beside a bundle that is refused in a watched directory it stands as it is.
            let text = error.to_string();
            assert!(!text.contains(char::is_control), "{text:?}");
            check_said(&text);
        }
        Ok(Admission::Repeat { mark, .. }) => {
            assert_eq!(before.last.as_ref().map(|(mark, _)| mark), Some(&mark));
        }
        Ok(Admission::Test(order)) => check_order(before, data, &order),
        Ok(Admission::New(admitted)) => {
            check_order(before, data, &admitted.order);
            let after = before.took(data, *admitted);
            let Some((mark, order)) = &after.last else {
                return;
            };
            assert!(
                before
                    .last
                    .as_ref()
                    .is_none_or(|(old, _)| old.number() < mark.number())
            );
            assert_eq!(after.restarted(), *order, "a restart changes nothing");
            match after.signed(data) {
                Ok(Admission::Repeat { mark: again, .. }) => assert_eq!(again, *mark),
                other => panic!("the same bytes again: {other:?}"),
            }
        }
    }
}

/// What is admitted is inside the scope, and every line has become one thing or the other.
fn check_order(before: &Receiver, data: &[u8], order: &VerifiedOrder) {
    let scope = TRUST.feeds()[0].scope.clone();
    let mut addresses = 0;
    let mut found: BTreeMap<String, IpNet> = BTreeMap::new();
    for entry in order.entries().by_id() {
        assert_eq!(entry.net, entry.net.trunc());
        assert!(entry.terms.until > now(), "{entry:?}");
        let shortest = if entry.net.addr().is_ipv4() { 24 } else { 48 };
        assert!(entry.net.prefix_len() >= shortest, "{entry:?}");
        assert!((entry.terms.order as usize) < order.orders().len());
        addresses += Scope::addresses(&entry.net);
        found.insert(entry.id.to_owned(), entry.net);
    }
    for refused in order.refused() {
        found.insert(refused.id.to_string(), refused.net);
    }
    let count = order.entries().len() + order.refused().len();
    assert!(count as u64 <= scope.entries_max);
    assert!(scope.addresses_max.is_none_or(|max| addresses <= max));
    assert_eq!(found.len(), count, "an id stands once");
    assert_eq!(found, expected(before, data));
}

/// The state that the bundles amount to, line by line.
fn expected(before: &Receiver, data: &[u8]) -> BTreeMap<String, IpNet> {
    let mut state = BTreeMap::new();
    for bundle in before.stored.iter().map(Vec::as_slice).chain([data]) {
        let (manifest, lines) = parse::open(bundle, &UTC).expect("a manifest");
        if manifest.kind == parse::Kind::Snapshot {
            state.clear();
        }
        for line in lines {
            match line.expect("a line") {
                ParsedLine::Add(entry) => state.insert(entry.id.into_owned(), entry.net),
                ParsedLine::Remove(removal) => state.remove(&*removal.id),
            };
        }
    }
    state
}
