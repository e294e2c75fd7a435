//! What the reader of lists promises.

use ipnet::IpNet;
use proptest::prelude::*;

use crate::order::letter::*;

fn nets(text: &str) -> Vec<String> {
    let list = parse_list(text, Format::Text, None).expect(text);
    assert_eq!(list.not_enforceable, [], "{text}");
    list.entries
        .iter()
        .map(|entry| entry.net.to_string())
        .collect()
}

fn kinds(text: &str) -> Vec<(u64, String, Kind)> {
    let list = parse_list(text, Format::Text, None).expect(text);
    let kinds = list.not_enforceable.into_iter();
    kinds
        .map(|refused| (refused.line, refused.text, refused.kind))
        .collect()
}

#[test]
fn every_defanged_form_of_an_address_is_read() {
    for text in [
        "203.0.113.7",
        "203.0.113[.]7",
        "203[.]0[.]113[.]7",
        "203.0.113(.)7",
        "203{.}0{.}113{.}7",
        "203[dot]0[dot]113[dot]7",
        "203(DOT)0(DOT)113(DOT)7",
        "203\\.0\\.113\\.7",
        "203.0.113.7/32",
        "203.0.113[.]7/32",
        "203.0.113.7[/]32",
        "  203.0.113.7  ",
        "\u{feff}203.0.113.7\r\n",
        "\u{a0}203.0.113.7\u{a0}",
        "203.0.113\u{200b}.7",
        "- 203.0.113.7",
        "* 203.0.113.7",
        "•203.0.113.7",
        "• 203.0.113.7;",
        "1. 203.0.113.7",
        "2) 203.0.113.7",
        "(3) 203.0.113.7.",
        "a) 203.0.113.7,",
        "\"203.0.113.7\"",
        "'203.0.113.7',",
        "“203.0.113.7”",
        "<203.0.113.7>",
        "[203.0.113.7]",
        "IP: 203.0.113.7 (C2)",
        "IP:\t203.0.113.7",
        "| 203.0.113.7 | botnet |",
        "203.0.113.7 # seen with 198.51.100.1",
        "203.0.113.7#C2",
        "ip=203.0.113.7",
        "địa chỉ:203.0.113.7",
        "src:203.0.113.7,",
        "203.0.113.7 ; SBL256894",
        "203.0.113.7 // C2",
        "# 198.51.100.1\n203.0.113.7\n; 198.51.100.2\n// 198.51.100.3",
        "203.0.113.7 since 30.12.2026 at 12:30:00, v1.2, call 024.3640.4421",
    ] {
        assert_eq!(nets(text), ["203.0.113.7/32"], "{text:?}");
    }
    for text in [
        "2001:db8:7::1",
        "2001[:]db8[:]7[:][:]1",
        "2001:db8:7::1.",
        "[2001:db8:7::1]",
        "2001:db8:7[::]1",
    ] {
        assert_eq!(nets(text), ["2001:db8:7::1/128"], "{text:?}");
    }
    assert_eq!(
        nets("2001:db8:7::, 2001:db8::/48"),
        ["2001:db8:7::/128", "2001:db8::/48"]
    );
}

#[test]
fn several_addresses_may_stand_on_a_line() {
    for text in [
        "203.0.113.7 198.51.100.0/24",
        "203.0.113.7,198.51.100.0/24",
        "203.0.113.7;198.51.100.0/24",
        "203.0.113.7 ; 198.51.100.0/24",
        "203.0.113.7, and 198.51.100.0/24.",
        "203.0.113.7|198.51.100.0/24 # 192.0.2.1",
    ] {
        assert_eq!(
            nets(text),
            ["203.0.113.7/32", "198.51.100.0/24"],
            "{text:?}"
        );
    }
    let list = parse_list("\n203.0.113.7\r\n\r\n203.0.113.8", Format::Auto, None).expect("a list");
    let lines: Vec<_> = list.entries.iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [2, 4]);
}

#[test]
fn what_is_no_address_is_reported_and_not_enforced() {
    for (text, kind) in [
        ("evil.example.net", Kind::Domain),
        ("evil[.]example[.]net", Kind::Domain),
        ("7.113.0.203.example.net", Kind::Domain),
        ("evil.example.net:8080", Kind::Domain),
        ("evil.example.net/gate.php", Kind::Domain),
        ("độc.hại.vn", Kind::Domain),
        ("http://203.0.113.7/x", Kind::Url),
        ("hxxp://203.0.113[.]7/x,y;z", Kind::Url),
        ("hxxps[://]evil[.]example/#a", Kind::Url),
        ("bot@evil.example.net", Kind::Email),
        ("bot[@]evil[.]example", Kind::Email),
        ("d41d8cd98f00b204e9800998ecf8427e", Kind::Hash),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", Kind::Hash),
        ("Danh sách máy chủ", Kind::Other),
        ("00:1a:2b:3c:4d:5e", Kind::Other),
        ("AS64496", Kind::Other),
    ] {
        let kinds = kinds(&format!("203.0.113.7\n{text}"));
        assert_eq!(kinds.len(), 1, "{text}: {kinds:?}");
        assert_eq!((kinds[0].0, kinds[0].2), (2, kind), "{text}");
    }
    assert_eq!(kinds("evil.example.net 203.0.113.7 and more").len(), 1);
    assert_eq!(kinds("- \n ---- \n\n*"), []);
    assert_eq!(
        kinds("a\u{1b}[31mb")[0].1,
        "a [31mb",
        "no control characters"
    );
}

#[test]
fn what_looks_like_an_address_and_is_none_refuses_the_list() {
    for (text, expected) in [
        ("203.0.113.256", "expected an IPv4 or IPv6 address"),
        ("203.0.113", "expected an IPv4"),
        ("203.0.113.", "expected an IPv4"),
        ("203.0.113.7.9", "expected an IPv4"),
        ("203.0.113.007", "expected an IPv4"),
        ("203..113.7", "expected an IPv4"),
        ("176.221.42.3254.174.140.223", "expected an IPv4"),
        ("10.0.0.0/33", "expected a prefix length from 0 to 32"),
        ("10.0/8", "expected an IPv4"),
        ("203.0.113.7/24", "expected 203.0.113.0/24"),
        ("203.0.113.7/255.255.255.255", "expected a prefix length"),
        ("203.0.113.1-203.0.113.9", "a range: expected prefixes"),
        ("203.0.113.1-9", "a range: expected prefixes"),
        (
            "203.0.113.1 - 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        (
            "203.0.113.1 – 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        (
            "203.0.113.1 to 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        (
            "từ 203.0.113.1 tới 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        (
            "203.0.113.1 → 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        (
            "203.0.113.1 / 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        (
            "203.0.113.1 .. 203.0.113.9",
            "ends a range: expected prefixes",
        ),
        ("203.0.113.8 /29", "a prefix length apart from its address"),
        ("203.0.113.x", "a pattern: expected prefixes"),
        ("203.0.x.x", "a pattern: expected prefixes"),
        ("203.0.113.xxx", "a pattern: expected prefixes"),
        ("203.0.113.0 255.255.255.0", "a netmask: expected prefixes"),
        ("203.0.113.7:443", "expected the address alone"),
        ("203.0.113.7/gate.php", "expected a prefix length"),
        ("203.0.113.*", "expected an IPv4"),
        ("203.0.113[.7", "expected an IPv4"),
        ("2001:db8::7::1", "expected an IPv4 or IPv6"),
        ("2001:db8::/129", "expected a prefix length from 0 to 128"),
        ("2001:db8:7::1/48", "expected 2001:db8:7::/48"),
        ("2001:db8:1:2:3:4:5:6:7", "expected an IPv4 or IPv6"),
        ("[2001:db8::7]:443", "expected an IPv4 or IPv6"),
        ("fe80::1%eth0", "expected an IPv4 or IPv6"),
    ] {
        let error =
            parse_list(&format!("198.51.100.1\n- {text}\n"), Format::Text, None).expect_err(text);
        assert_eq!(error.code(), "broken_address", "{text}: {error}");
        let error = error.to_string();
        assert!(
            error.starts_with("line 2: `") && error.contains(expected),
            "{text}: {error}"
        );
    }
}

#[test]
fn what_a_line_exempts_is_never_entered() {
    for (text, word) in [
        ("203.0.113.0/24 ngoại trừ 203.0.113.7", "trừ"),
        ("TRỪ: 203.0.113.77", "trừ"),
        ("Không được chặn 203.0.113.7", "không được chặn"),
        ("do not block 203.0.113.89", "not block"),
        ("Don’t block: 203.0.113.89", "don't block"),
        ("203.0.113.0/24 # except 203.0.113.7", "except"),
        ("203.0.113.0/24 (excluding .7)", "excluding"),
        ("Ngoại trừ các địa chỉ sau:\n203.0.113.7", "trừ"),
    ] {
        for before in ["", "198.51.100.1\n"] {
            let text = format!("{before}{text}");
            let error = parse_list(&text, Format::Text, None).expect_err(&text);
            assert_eq!(error.code(), "list_exempts", "{text}: {error}");
            let line = if before.is_empty() { 1 } else { 2 };
            let expected = format!("line {line}: `{word}` beside an address");
            assert!(error.to_string().starts_with(&expected), "{text}: {error}");
        }
    }
    let table = "ip,note\n203.0.113.7,C2\n203.0.113.8,do not block\n";
    let error = parse_list(table, Format::Auto, None).expect_err(table);
    assert!(
        error.to_string().starts_with("line 3: `not block`"),
        "{error}"
    );
    // Of a whole word, and beside an address.
    assert_eq!(nets("203.0.113.7 (unexceptional)"), ["203.0.113.7/32"]);
    assert_eq!(
        kinds("203.0.113.7\nExcept for this, we have no objection.").len(),
        1
    );
}

#[test]
fn what_hangs_on_an_address_and_may_be_the_end_of_another_is_reported() {
    let reported = |text: &str| {
        let list = parse_list(text, Format::Text, None).expect(text);
        let texts = list.not_enforceable.into_iter().map(|refused| refused.text);
        (list.entries.len(), texts.collect::<Vec<_>>())
    };
    let (entries, texts) = reported("203.0.113.52,53,54");
    assert_eq!(entries, 1);
    assert_eq!(texts, ["203.0.113.52,53", "203.0.113.52,54"]);
    assert_eq!(reported("203.0.113.52,C2,198.51.100.7").1, [""; 0]);
    assert_eq!(reported("203.0.113.52, 3 times").1, [""; 0]);
    // Nor is an address lost that nobody can read out of its word.
    assert_eq!(
        reported("203.0.113.52 và bot_203.0.113.53_x").1,
        ["bot_203.0.113.53_x"]
    );
}

#[test]
fn a_table_is_read_by_the_column_with_a_known_name() {
    let read = |text: &str, column: Option<&str>| {
        let list = parse_list(text, Format::Auto, column)?;
        Ok::<_, ListError>(
            list.entries
                .iter()
                .map(|entry| (entry.line, entry.net.to_string()))
                .collect::<Vec<_>>(),
        )
    };
    let one = |line| Ok(vec![(line, "203.0.113.7/32".to_owned())]);
    assert_eq!(read("name,IP,port\nbot,203.0.113[.]7,443\n", None), one(2));
    assert_eq!(
        read(
            "\u{feff}\"name\";\"ip_address\"\r\n\"a;\"\"b\";\"203.0.113.7\"\r\n",
            None
        ),
        one(2)
    );
    assert_eq!(
        read("# made by hand\n\nname\tcidr\n\nx\t203.0.113.7/32\n", None),
        one(5)
    );
    assert_eq!(read("indicator\n203.0.113.7", None), one(2));
    assert_eq!(read("ip\n203.0.113.7 # not 203.0.113.1", None), one(2));
    assert_eq!(
        read("name,note,ip\na,\"two\nlines\",203.0.113.7", None),
        one(2)
    );
    assert_eq!(
        read("ip,host\n203.0.113.7,198.51.100.1", None),
        one(2),
        "other columns are not read"
    );
    assert_eq!(
        read("src,dst\n198.51.100.1,203.0.113.7", Some(" DST ")),
        one(2)
    );
    assert_eq!(
        read("ip,more\n\"203.0.113.7, 203.0.113.8\",x", None)
            .expect("a table")
            .len(),
        2
    );

    let list = parse_list(
        "ip,name\n,evil.example\nevil.example,\n203.0.113.7,x\n,\n",
        Format::Csv,
        None,
    );
    let list = list.expect("a table");
    let kinds: Vec<_> = list
        .not_enforceable
        .iter()
        .map(|refused| (refused.line, refused.kind))
        .collect();
    assert_eq!(kinds, [(2, Kind::Other), (3, Kind::Domain)]);
    assert_eq!(list.entries.len(), 1);
}

#[test]
fn a_table_that_leaves_a_doubt_is_refused_and_names_its_columns() {
    for (text, column, expected) in [
        (
            "host,port\na,1",
            None,
            "no column with a known name: expected one of the columns `host`, `port`",
        ),
        (
            "src_ip,dst_ip\n198.51.100.1,203.0.113.7",
            None,
            "several columns with addresses: expected one of the columns `src_ip`, `dst_ip`",
        ),
        (
            "ip,address\na,1",
            None,
            "several columns with addresses: expected one of the columns `ip`, `address`",
        ),
        (
            "ip,port\na,1",
            Some("addr"),
            "no column `addr`: expected one of the columns `ip`, `port`",
        ),
        ("ip,ip\na,1", Some("ip"), "several columns `ip`"),
        (
            "ip,port\n203.0.113.7\n",
            None,
            "line 2: a row of 1 fields: expected 2",
        ),
        (
            "ip,port\n203.0.113.7,1\n\"203.0.113.7,1\n",
            None,
            "line 3: a quote that is not closed",
        ),
        (
            "ip,port\n\"203.0.113.7\"x,1\n",
            None,
            "line 2: text after a closing quote",
        ),
        (
            "network,netmask\n203.0.113.0,255.255.255.0\n",
            None,
            "line 1: column `netmask` says that the addresses are prefixes or ranges",
        ),
        ("ip\n203.0.113.999\n", None, "line 2: `203.0.113.999`"),
        ("", None, "line 1: an empty table"),
    ] {
        let error = parse_list(text, Format::Csv, column)
            .expect_err(text)
            .to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_list_past_its_limits_is_refused() {
    let code = |text: &str| parse_list(text, Format::Text, None).map_err(|error| error.code());
    assert_eq!(code(&" ".repeat(LIST_BYTES_MAX + 1)), Err("list_too_large"));
    assert_eq!(
        code(&" ".repeat(LIST_LINE_BYTES_MAX + 1)),
        Err("line_too_long")
    );
    assert_eq!(
        code(&"\n".repeat(LIST_LINES_MAX + 1)),
        Err("too_many_lines")
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_list_reader_panic(
        text in "[0-9a-f.:/\\[\\](){}#;,|\"' \r\n\t\\-@hxtp\u{a0}é]{0,120}",
        any in "\\PC{0,60}",
        column in prop::option::of("[a-z]{0,3}"),
    ) {
        for text in [&text, &any, &format!("ip,x\n{text}\n{any}")] {
            for format in [Format::Auto, Format::Text, Format::Csv] {
                let _ = parse_list(text, format, column.as_deref());
            }
        }
    }

    #[test]
    fn every_address_survives_defanging(address in any::<std::net::IpAddr>(), form in 0_usize..6) {
        let forms = [("[.]", "[:]"), ("(.)", "(:)"), ("{.}", "{:}"), ("[dot]", "[:]"), (".", ":"), ("\\.", ":")];
        // What begins with 255 is taken for a netmask.
        prop_assume!(!address.to_string().starts_with("255."));
        let (dot, colon) = forms[form];
        let text = address.to_string().replace('.', dot).replace(':', colon);
        prop_assert_eq!(nets(&text), [IpNet::from(address).to_string()]);
    }
}
