//! Lists that nobody signs, on any bytes.

use std::fmt::Write as _;

use filter_ctl::order::{
    FeedName, Input, OrderInfo,
    list::{Expected, ListFormat, parse},
    verify::{CommittedList, ListTerms, admit_list, encode_since, readmit_list},
};

use super::{authority::now, check_said};

const ENTRIES_MAX: u32 = 64;

/// Reads `data` as plain text or netset.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn plain(data: &[u8]) {
    check(data, ListFormat::Plain);
}

/// Reads `data` as Spamhaus DROP in JSON lines.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn drop_json(data: &[u8]) {
    check(data, ListFormat::DropJson);
    if read(data, ListFormat::DropJson).is_ok() {
        // The last line says that all is there: without its end, no beginning of the list is one.
        let end = data.trim_ascii_end().len();
        for cut in [end - 1, end / 2, end / 3] {
            let read = read(&data[..cut], ListFormat::DropJson);
            assert!(read.is_err(), "a list cut off after {cut} bytes is none");
        }
    }
}

fn read(data: &[u8], format: ListFormat) -> Result<Vec<ipnet::IpNet>, String> {
    let expected = Expected {
        format,
        entries_max: ENTRIES_MAX,
        can_be_empty: false,
    };
    parse(data, &expected).map_err(|error| {
        assert!(!error.code().is_empty());
        error.to_string()
    })
}

fn check(data: &[u8], format: ListFormat) {
    let nets = match read(data, format) {
        Ok(nets) => nets,
        Err(error) => {
            check_said(&error);
            assert!(
                admit(data, format).is_none(),
                "a list that is none is not admitted"
            );
            return;
        }
    };
    assert!(nets.len() <= ENTRIES_MAX as usize);
    assert!(nets.is_sorted_by(|a, b| a < b), "each once");
    assert!(nets.iter().all(|net| *net == net.trunc()));
    let mut text = "# a list\n".to_owned();
    for net in &nets {
        writeln!(text, "{net}").expect("text");
    }
    if !nets.is_empty() {
        let again = read(text.as_bytes(), ListFormat::Plain);
        assert_eq!(again.as_ref(), Ok(&nets), "what was read can be written");
    }
    let list = admit(data, format).expect("a list");
    let (order, problem) = readmit_list(&list).expect("what was admitted is read back");
    assert_eq!(problem, None);
    assert_eq!(order.entries().len() + order.refused().len(), nets.len());
    for entry in order.entries().by_id() {
        assert!(entry.net.prefix_len() >= if entry.net.addr().is_ipv4() { 24 } else { 48 });
        assert_eq!(entry.terms.until, list.mark.until());
    }
}

fn admit(data: &[u8], format: ListFormat) -> Option<CommittedList> {
    let feed = FeedName::try_from("list".to_owned()).expect("a name");
    let terms = ListTerms {
        format,
        ttl_seconds: 3_600,
        shortest_ipv4: 24,
        shortest_ipv6: 48,
        entries_max: ENTRIES_MAX,
        can_be_empty: false,
        order: OrderInfo {
            reference: "list".into(),
            issuer: "x".into(),
            basis: "".into(),
            reason: "".into(),
        },
    };
    let input = Input::from(data.to_vec());
    let admitted = admit_list(&feed, &input, &terms, None, now()).ok()?;
    assert_eq!(admitted.change, None, "a first list changes nothing");
    Some(CommittedList {
        since: Some(encode_since(&admitted.order)),
        feed,
        mark: admitted.mark,
        input,
    })
}
