//! What the trust file promises.

mod succession;

use proptest::prelude::*;

use super::*;

/// Two keys of minisign's own form; the third is the first with another id.
fn keys() -> [String; 3] {
    let pair = |seed: u8| {
        let mut bytes = vec![b'E', b'd'];
        bytes.extend([seed; 8]);
        bytes.extend([seed.wrapping_add(1); 32]);
        bytes
    };
    let (first, second, mut third) = (pair(1), pair(3), pair(1));
    third[2] = 9;
    [first, second, third].map(|bytes| {
        let key = minisign::PublicKey::from_bytes(&bytes).expect("a key");
        key.to_base64()
    })
}

fn file(feed: &str) -> String {
    let [one, two, _] = keys();
    format!(
        "[[key]]\nname = 'one'\npublic_key = '{one}'\n\
         [[key]]\nname = 'two'\npublic_key = '{two}'\nexpires = '2028-01-01T00:00:00Z'\n\
         [[feed]]\n{feed}"
    )
}

fn refused(text: &str) -> String {
    TrustFile::parse(text).expect_err("refused").to_string()
}

#[test]
fn a_feed_has_the_guard_rails_unless_it_says_otherwise() {
    let trust = TrustFile::parse(&file("name = 'ncsc'\nkeys = ['one']")).expect("a trust file");
    let feed = &trust.feeds()[0];
    assert_eq!((feed.threshold, &feed.keys[..]), (1, &[0][..]));
    assert_eq!(feed.scope, Scope::default());
    assert_eq!(
        (feed.scope.shortest_ipv4, feed.scope.shortest_ipv6),
        (24, 48)
    );
    assert_eq!(feed.scope.addresses_limit(), 256_000_000);
    assert_eq!(trust.keys()[0].id.to_string(), "0101010101010101");
    assert_eq!(trust.key_by_id(trust.keys()[1].id), Some(1));

    let scope = "name = 'ncsc'\nkeys = ['two', 'one']\nthreshold = 2\n[feed.scope]\n\
                 families = ['ipv4']\nshortest_ipv4 = 16\nentries_max = 5\nuntil_max_days = 7\n\
                 addresses_max = 1000";
    let trust = TrustFile::parse(&file(scope)).expect("a trust file");
    let scope = &trust.feeds()[0].scope;
    assert_eq!((scope.addresses_limit(), scope.entries_max), (1000, 5));
    assert!(!scope.allows_family(&"2001:db8::/48".parse().expect("a prefix")));
    assert!(scope.allows_length(&"10.0.0.0/16".parse().expect("a prefix")));
    assert!(!scope.allows_length(&"10.0.0.0/15".parse().expect("a prefix")));
}

#[test]
fn covered_addresses_are_counted_as_documented() {
    let count = |net: &str| Scope::addresses(&net.parse().expect("a prefix"));
    assert_eq!(count("192.0.2.1/32"), 1);
    assert_eq!(count("192.0.2.0/24"), 256);
    assert_eq!(count("0.0.0.0/0"), 1 << 32);
    assert_eq!(count("2001:db8::/48"), 256);
    assert_eq!(count("2001:db8::/64"), 1);
    assert_eq!(count("2001:db8::1/128"), 1);
    assert_eq!(count("::/0"), 1 << 56);
}

#[test]
fn the_whole_pub_file_is_a_key_too() {
    let [one, ..] = keys();
    let text = format!("untrusted comment: minisign public key\n{one}\n");
    assert_eq!(read_public_key(&text), read_public_key(&one));
    assert!(read_public_key(&format!("{one}\n{one}")).is_none());
    assert!(read_public_key(&one[1..]).is_none());
    assert!(read_public_key("").is_none());
}

#[test]
fn a_key_under_two_names_is_refused() {
    let [one, _, again] = keys();
    let second = |key: &str| {
        format!(
            "{}\n[[key]]\nname = 'three'\npublic_key = '{key}'",
            file("name='f'\nkeys=['one']")
        )
    };
    for key in [one, again] {
        let error = refused(&second(&key));
        assert!(
            error.contains("`three`") && error.contains("`one`"),
            "{error}"
        );
    }
}

#[test]
fn a_wrong_trust_file_names_the_key_or_the_feed() {
    for (feed, expected) in [
        (
            "name = 'operator'\nkeys = ['one']",
            "feed `operator`: the name is reserved",
        ),
        (
            "name = 'f'\nkeys = ['three']",
            "feed `f`: key `three` is not in the file",
        ),
        (
            "name = 'f'\nkeys = ['one', 'one']",
            "feed `f`: key `one` is listed twice",
        ),
        (
            "name = 'f'\nkeys = []",
            "feed `f`: `threshold` is 1 with 0 keys",
        ),
        (
            "name = 'f'\nkeys = ['one']\nthreshold = 0",
            "feed `f`: `threshold` is 0",
        ),
        (
            "name = 'f'\nkeys = ['one']\nthreshold = 2",
            "feed `f`: `threshold` is 2 with 1 keys",
        ),
        (
            "name = 'f'\nkeys = ['one']\n[[feed]]\nname = 'f'\nkeys = ['two']",
            "a second feed",
        ),
        (
            "name = 'f'\nkeys = ['one']\n[feed.scope]\nfamilies = []",
            "feed `f`: scope: `families`",
        ),
        (
            "name = 'f'\nkeys = ['one']\n[feed.scope]\nshortest_ipv4 = 7",
            "`shortest_ipv4`",
        ),
        (
            "name = 'f'\nkeys = ['one']\n[feed.scope]\nshortest_ipv6 = 129",
            "`shortest_ipv6`",
        ),
        (
            "name = 'f'\nkeys = ['one']\n[feed.scope]\nuntil_max_days = 181",
            "`until_max_days`",
        ),
        (
            "name = 'f'\nkeys = ['one']\n[feed.scope]\nentries_max = 0",
            "a limit of 0",
        ),
        ("name = 'f'\nkeys = ['one']\ncolour = 'red'", "colour"),
        ("name = 'F'\nkeys = ['one']", "`F` is not a feed name"),
    ] {
        let error = refused(&file(feed));
        assert!(error.contains(expected), "{feed}: {error}");
    }
    let key = |name: &str, key: &str| format!("[[key]]\nname = '{name}'\npublic_key = '{key}'\n");
    let [one, two, _] = keys();
    assert!(refused(&key("a", "RWQ")).contains("key `a`: `public_key`"));
    assert!(refused(&key("", &one)).contains("expected a name"));
    assert!(refused(&(key("a", &one) + &key("a", &two))).contains("key `a`: a second key"));
    assert!(refused(&" ".repeat(TRUST_BYTES_MAX + 1)).contains("at most"));
    let feeds = "[[feed]]\nname = 'f'\nkeys = []\n".repeat(TRUST_FEEDS_MAX + 1);
    assert!(refused(&feeds).contains("257 `feed` tables"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", cut in 0_usize..400) {
        let _ = TrustFile::parse(&text);
        let _ = read_public_key(&text);
        let whole = file("name = 'f'\nkeys = ['one']");
        let cut = cut.min(whole.len());
        let _ = TrustFile::parse(&format!("{}{text}{}", &whole[..cut], &whole[cut..]));
    }
}
