//! What the types of `[push]` alone cannot express. Whether the certificates can be used is checked where they
//! are read.

use std::collections::{HashMap, HashSet};

use super::{Findings, absolute};
use crate::{
    config::{Config, push::PushConfig},
    order::FeedName,
};

/// Clients that may be configured; a configuration with more is refused.
const PUSH_CLIENTS_MAX: usize = 256;
/// Certificates that a client may be known by; a configuration with more is refused.
const CLIENT_CERTIFICATES_MAX: usize = 8;
/// Bytes of a client's name.
const CLIENT_NAME_MAX: usize = 63;

pub(super) fn validate(config: &Config, findings: &mut Findings) {
    let push = &config.push;
    files(push, findings);
    clients(config, findings);
    if push.listen.is_some() && push.clients.is_empty() {
        findings.warning(
            "push.listen",
            "no [[push.client]] is configured, so nobody may push",
        );
    }
}

fn files(push: &PushConfig, findings: &mut Findings) {
    for (key, path) in [
        ("push.certificate", &push.certificate),
        ("push.key", &push.key),
        ("push.client_ca", &push.client_ca),
    ] {
        if !path.as_os_str().is_empty() {
            absolute(key, path, findings);
        } else if push.listen.is_some() {
            findings.problem(
                key,
                "push.listen is set and this is not: expected the path of a PEM file",
            );
        }
    }
}

fn clients(config: &Config, findings: &mut Findings) {
    let clients = &config.push.clients;
    if clients.len() > PUSH_CLIENTS_MAX {
        findings.problem(
            "push.client",
            format!(
                "{} clients are configured; at most {PUSH_CLIENTS_MAX} can be",
                clients.len()
            ),
        );
    }
    let mut names = HashSet::new();
    let mut fingerprints = HashMap::new();
    for (index, client) in clients.iter().enumerate() {
        let path = |key: &str| format!("push.client.{index}.{key}");
        let name = client.name.as_str();
        if !(1..=CLIENT_NAME_MAX).contains(&name.len()) || name.contains(char::is_control) {
            let message = format!(
                "{name:?} is no name: expected 1 to {CLIENT_NAME_MAX} bytes without control characters"
            );
            findings.problem(path("name"), message);
        } else if !names.insert(name) {
            findings.problem(path("name"), format!("client {name} is configured twice"));
        }
        if !(1..=CLIENT_CERTIFICATES_MAX).contains(&client.sha256.len()) {
            let message = format!(
                "{} fingerprints: expected 1 to {CLIENT_CERTIFICATES_MAX}",
                client.sha256.len()
            );
            findings.problem(path("sha256"), message);
        }
        for fingerprint in &client.sha256 {
            if let Some(other) = fingerprints.insert(*fingerprint, name) {
                let message = format!("{fingerprint} is a certificate of client {other} already");
                findings.problem(path("sha256"), message);
            }
        }
        if client.feeds.is_empty() {
            findings.warning(path("feeds"), "no feed is named, so nothing may be pushed");
        }
        for feed in &client.feeds {
            if feed.as_str() == FeedName::OPERATOR {
                let message =
                    "the feed `operator` holds the operators' own orders; nobody pushes to it";
                findings.problem(path("feeds"), message);
            } else if !config.feeds.iter().any(|known| known.name == *feed) {
                let message = format!("there is no [[feed]] of the name {feed}");
                findings.problem(path("feeds"), message);
            }
        }
    }
}
