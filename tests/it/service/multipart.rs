//! The body of a push, on any bytes: each is answered, none with a failure of the service, and none of them changes
//! what is in force.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use super::{CONFIG, arrives, site};
use crate::{
    fuzz::change,
    support::{
        authority::Bundle,
        daemon::Site,
        layout::{BAD_4, GOOD_4, Layout},
        random::Random,
        say, skipped,
    },
};

/// Changed bodies that are sent.
const CHANGED: u64 = 250;

fn part(name: &str, content: &str) -> String {
    format!(
        "--levee\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n{content}\r\n"
    )
}

/// The status and the answer to a body.
fn post(site: &Site<'_>, body: &[u8]) -> (u16, String) {
    let mut stream = UnixStream::connect(site.socket()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let head = format!(
        "POST /v1/bundles HTTP/1.1\r\nHost: levee\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=levee\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // It may answer before it has read all of it.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (
        status.unwrap_or_else(|| panic!("no answer: {answer:?}")),
        answer,
    )
}

#[test]
fn whatever_the_body_of_a_push_is_it_is_answered_and_only_a_signed_bundle_counts() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let _service = site.start();
    let first = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", first.to_str().unwrap()]);

    let path = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[GOOD_4]));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let (bundle, signature) = (read(&path), read(&path.with_extension("jsonl.minisig")));
    let (bundle, good) = (part("bundle", &bundle), part("signature", &signature));
    // What carries the good signature is broken before it is sent.
    let broken = part("bundle", &read(&path).replace("botnet", "Botnet"));
    let seeds: Vec<Vec<u8>> = [
        format!("{broken}{good}--levee--\r\n"),
        format!("{good}{broken}--levee--\r\n"),
        format!("{broken}--levee--\r\n"),
        format!("{good}--levee--\r\n"),
        format!("{broken}{broken}{good}--levee--\r\n"),
        format!("{broken}{}--levee--\r\n", good.repeat(17)),
        format!("{broken}{good}{}--levee--\r\n", part("other", "x")),
        format!("{broken}{good}"),
        "--levee--\r\n".to_owned(),
        String::new(),
    ]
    .map(String::into_bytes)
    .into();
    let seed = Random::seed("LEVEE_SEED", 0x3017);
    let changed = (0..CHANGED).map(|number| change(&seeds, &mut Random::new(seed + number)));
    for body in seeds.iter().cloned().chain(changed) {
        let (status, answer) = post(&site, &body);
        if !(400..500).contains(&status) {
            say(&format!("b\"{}\"", body.escape_ascii()));
            panic!("{answer}");
        }
        assert!(answer.contains("\"code\":"), "{answer}");
    }
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    let (status, answer) = post(&site, format!("{bundle}{good}--levee--\r\n").as_bytes());
    assert_eq!(status, 200, "{answer}");
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
}
