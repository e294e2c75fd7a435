//! What an authority is answered: HTTP status, document, and when to try again.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse as _, Response},
};

use crate::http::wire::{PushRefusal, Refusal, RefusalKind};

/// When to try again what failed here, in seconds.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The HTTP status of a refusal by the engine.
pub(super) fn status_of(refusal: &Refusal) -> StatusCode {
    match (refusal.kind, refusal.code.as_str()) {
        (RefusalKind::Refused, "rollback" | "equivocation" | "wrong_base" | "epoch_too_far") => {
            StatusCode::CONFLICT
        }
        (RefusalKind::Refused, "bundle_too_large" | "signature_too_large") => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        (RefusalKind::Refused, "unknown_feed") | (RefusalKind::NotFound, _) => {
            StatusCode::NOT_FOUND
        }
        (RefusalKind::Refused, _) => StatusCode::UNPROCESSABLE_ENTITY,
        (RefusalKind::Forbidden, _) => StatusCode::FORBIDDEN,
        (RefusalKind::Invalid, _) => StatusCode::BAD_REQUEST,
        // A clock that is wrong, a full disk, a queue that is full: nothing that the sender can change.
        (RefusalKind::Failed, _) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A refusal without a receipt.
pub(super) fn refuse(kind: RefusalKind, code: &str, error: String) -> PushRefusal {
    let code = code.to_owned();
    PushRefusal {
        refusal: Refusal { kind, code, error },
        receipt: None,
    }
}

/// The answer to what the engine or the handle says no to.
pub(super) fn refused(refusal: Refusal, receipt: Option<String>) -> Response {
    let status = status_of(&refusal);
    let response = refuse_with(status, PushRefusal { refusal, receipt });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return retry_after(response, RETRY_AFTER_FAILURE);
    }
    response
}

/// A refusal with the status that it has.
pub(super) fn refuse_with(status: StatusCode, refusal: PushRefusal) -> Response {
    (status, Json(refusal)).into_response()
}

/// A refusal that ends after a while.
pub(super) fn refuse_for_now(
    status: StatusCode,
    code: &str,
    error: String,
    wait: Duration,
) -> Response {
    let response = refuse_with(status, refuse(RefusalKind::Failed, code, error));
    retry_after(response, wait)
}

/// Adds when to try again: whole seconds, at least one.
pub(super) fn retry_after(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_by_its_status_what_to_do_about_it() {
        for (kind, code, status) in [
            (RefusalKind::Refused, "rollback", 409),
            (RefusalKind::Refused, "equivocation", 409),
            (RefusalKind::Refused, "bundle_too_large", 413),
            (RefusalKind::Refused, "unknown_feed", 404),
            (RefusalKind::Refused, "bad_signature", 422),
            (RefusalKind::Failed, "clock_behind", 503),
            (RefusalKind::Failed, "busy", 503),
        ] {
            let PushRefusal { refusal, .. } = refuse(kind, code, String::new());
            assert_eq!(status_of(&refusal).as_u16(), status, "{code}");
            let again = refused(refusal, None).headers().contains_key(RETRY_AFTER);
            assert_eq!(again, status == 503, "{code}");
        }
    }
}
