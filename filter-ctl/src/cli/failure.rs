//! Why a command did not do what it was asked.

use crate::{
    exit::Exit,
    http::{
        client::ClientError,
        wire::{Refusal, RefusalKind},
    },
};

/// A command that ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is said.
    pub refusal: Refusal,
}

impl Failure {
    fn new(kind: RefusalKind, code: &str, error: impl Into<String>) -> Self {
        Self::from(Refusal {
            kind,
            code: code.to_owned(),
            error: error.into(),
        })
    }

    /// The input makes no sense.
    pub fn invalid(code: &str, error: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, code, error)
    }

    /// What it names does not exist.
    pub fn not_found(code: &str, error: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, code, error)
    }

    /// It is not allowed.
    pub fn refused(code: &str, error: impl Into<String>) -> Self {
        Self::new(RefusalKind::Refused, code, error)
    }

    /// It should have worked.
    pub fn failed(code: &str, error: impl Into<String>) -> Self {
        Self::new(RefusalKind::Failed, code, error)
    }

    /// Nobody answers.
    pub fn unreachable(error: impl Into<String>) -> Self {
        Self {
            exit: Exit::Unreachable,
            ..Self::failed("service_unreachable", error)
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.kind {
            RefusalKind::Invalid | RefusalKind::NotFound => Exit::Usage,
            RefusalKind::Forbidden | RefusalKind::Refused => Exit::Refused,
            RefusalKind::Failed => Exit::Failed,
        };
        Self { exit, refusal }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            ClientError::Unreachable { .. } => Self::unreachable(format!(
                "{error}; start it with `filter-ctl run`, or name its socket with --socket"
            )),
            ClientError::Denied(_) => {
                Self::new(RefusalKind::Forbidden, "forbidden", error.to_string())
            }
            ClientError::Silent { .. } | ClientError::Broken { .. } => {
                Self::failed("no_answer", error.to_string())
            }
            ClientError::Foreign { .. } => Self::failed("not_levee", error.to_string()),
        }
    }
}
