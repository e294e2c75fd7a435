//! The authority's side: a key, and a bundle of 100,000 prefixes.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use jiff::{SignedDuration, Timestamp};

use crate::support::{
    daemon::Site,
    layout::{BAD_4, BAD_6},
};

/// Entries of the bundle.
const ENTRIES: usize = 100_000;

/// The order that is withdrawn in the end.
pub(crate) const WITHDRAWN: &str = "cert:DEMO-2/2026";

/// Lists of addresses that may lie beside the checkout.
const LISTS: [&str; 2] = ["malicious-ip.txt", "ipsum.txt"];

/// Makes the authority's key and the provider's trust file.
pub(crate) fn make_key(site: &Site<'_>) {
    site.done(&["bundle", "keygen", "--no-password", "authority"]);
    let public = fs::read_to_string(site.path("authority.pub")).unwrap();
    let key = public.lines().last().unwrap();
    let trust = format!(
        "[[key]]\nname = \"cert-2026\"\npublic_key = \"{key}\"\n\n\
         [[feed]]\nname = \"cert\"\nkeys = [\"cert-2026\"]\n"
    );
    fs::write(site.path("trust.toml"), trust).unwrap();
}

/// Writes the bundle, not yet signed. Says where its entries are from.
pub(crate) fn write_bundle(site: &Site<'_>) -> String {
    let now = Timestamp::now();
    let [expires, until] = [1, 30].map(|days| now + SignedDuration::from_hours(24 * days));
    let (nets, source) = nets();
    let mut text = format!(
        "{{\"type\":\"levee-bundle\",\"version\":1,\"feed\":\"cert\",\"epoch\":1,\"seq\":1,\
         \"kind\":\"snapshot\",\"issued_at\":\"{now}\",\"expires_at\":\"{expires}\",\
         \"entries\":{ENTRIES},\"order\":{{\"reference\":\"DEMO-1/2026\",\"issuer\":\"Demo CERT\",\
         \"basis\":\"demonstration\",\"reason\":\"attack sources\"}}}}\n"
    );
    let second = ",\"order\":{\"reference\":\"DEMO-2/2026\",\"issuer\":\"Demo CERT\",\
                  \"basis\":\"demonstration\",\"reason\":\"botnet C2\"}";
    for (number, net) in [BAD_4, BAD_6].iter().enumerate() {
        writeln!(
            text,
            "{{\"id\":\"c2-{number}\",\"net\":\"{net}\",\"until\":\"{until}\"{second}}}"
        )
        .unwrap();
    }
    for (number, net) in nets.iter().enumerate() {
        writeln!(
            text,
            "{{\"id\":\"s-{number}\",\"net\":\"{net}\",\"until\":\"{until}\"}}"
        )
        .unwrap();
    }
    fs::write(site.path("cert.jsonl"), text).unwrap();
    source
}

/// The addresses of the large order: from a real list if there is one, else made up.
fn nets() -> (BTreeSet<Ipv4Addr>, String) {
    let wanted = ENTRIES - 2;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    for list in LISTS {
        let Ok(text) = fs::read_to_string(data.join(list)) else {
            continue;
        };
        let address = |line: &str| line.split_whitespace().next()?.parse().ok();
        let nets: BTreeSet<Ipv4Addr> = text.lines().filter_map(address).take(wanted).collect();
        if nets.len() == wanted {
            return (
                nets,
                format!("{wanted} hosts of {list}, and two of a second order"),
            );
        }
    }
    // A multiplicative generator, so that every run has the same list.
    let mut state = 0x9e37_79b9_u32;
    let mut nets = BTreeSet::new();
    while nets.len() < wanted {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let address = Ipv4Addr::from(state);
        // Unicast space without the special-use blocks that most entries would be refused for.
        if (11..100).contains(&address.octets()[0]) {
            nets.insert(address);
        }
    }
    (
        nets,
        format!("{wanted} made-up hosts, and two of a second order"),
    )
}

/// Whether an address belongs to the order that is withdrawn.
pub(crate) fn is_listed(address: IpAddr) -> bool {
    [BAD_4, BAD_6]
        .iter()
        .any(|listed| listed.parse() == Ok(address))
}
