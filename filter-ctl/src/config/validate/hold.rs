//! Own space, shared infrastructure, holds and approvals.

use super::{Findings, absolute, host_bits};
use crate::{
    config::{
        Config, HoldConfig,
        hold::{OWN_SPACE_MAX, SHARED_FILES_MAX},
    },
    policy::HoldReason,
};

pub(super) fn validate(config: &Config, findings: &mut Findings) {
    for (index, net) in config.own_space.iter().enumerate() {
        host_bits(&format!("own_space.{index}"), *net, findings);
    }
    for (index, path) in config.shared_infrastructure.iter().enumerate() {
        absolute(&format!("shared_infrastructure.{index}"), path, findings);
    }
    for (key, count, most) in [
        ("own_space", config.own_space.len(), OWN_SPACE_MAX),
        (
            "shared_infrastructure",
            config.shared_infrastructure.len(),
            SHARED_FILES_MAX,
        ),
    ] {
        if count > most {
            findings.problem(key, format!("{count} are listed; at most {most} fit"));
        }
    }
    for reason in HoldReason::ALL {
        let persons = config.approval.persons(reason);
        if persons > 2 {
            let path = format!("approval.{}", reason.name());
            findings.problem(path, format!("{persons} is not between 0 and 2"));
        }
    }
    hold("orders.hold", config.orders.hold, findings);
    for (index, feed) in config.feeds.iter().enumerate() {
        hold(&format!("feed.{index}.hold"), feed.hold, findings);
    }
}

fn hold(path: &str, hold: HoldConfig, findings: &mut Findings) {
    for (key, value, most) in [
        ("shorter_than_ipv4", hold.shorter_than_ipv4, 32),
        ("shorter_than_ipv6", hold.shorter_than_ipv6, 128),
    ] {
        if value > most {
            let message = format!("{value} is not between 0 and {most}");
            findings.problem(format!("{path}.{key}"), message);
        }
    }
}
