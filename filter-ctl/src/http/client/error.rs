//! Why there is no answer.

use std::{path::PathBuf, time::Duration};

use crate::http::wire::Refusal;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("the service is not reachable at {}: {reason}", .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The socket's file lets this user not in.
    #[error(
        "this user may not open {}: it takes root or a member of the group `levee`, and of the group \
         `levee-admin` as well to change anything",
        .0.display()
    )]
    Denied(PathBuf),
    /// It listened, and then said nothing.
    #[error("the service did not answer within {} s{}", .after.as_secs(), unknown(*.change))]
    Silent {
        /// How long it was waited for.
        after: Duration,
        /// Whether it was asked to change something.
        change: bool,
    },
    /// The connection broke.
    #[error("the service broke off: {reason}{}", unknown(*.change))]
    Broken {
        /// What was seen.
        reason: String,
        /// Whether it was asked to change something.
        change: bool,
    },
    /// The service says no.
    #[error("{}", .0.error)]
    Refused(Refusal),
    /// Somebody else answered.
    #[error("{} does not speak filter-ctl's language: {reason}", .socket.display())]
    Foreign {
        /// The socket.
        socket: PathBuf,
        /// What was wrong with the answer.
        reason: String,
    },
}

const fn unknown(change: bool) -> &'static str {
    if change {
        "; whether the change was made is not known: look with `filter-ctl status`"
    } else {
        ""
    }
}
