//! What is sent to a route.

use axum::{
    Json,
    body::Bytes,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use serde::de::DeserializeOwned;

use super::{Service, invalid, refusal, refuse};
use crate::{
    daemon::handle::Upload,
    http::wire::{AddOrder, RefusalKind},
    order::{Input, SIGNATURE_BYTES_MAX, parse::BUNDLE_BYTES_MAX_DEFAULT, sign::SIGNATURES_MAX},
    spool::{Receiving, Room, Spool, SpoolError, Way},
};

/// A JSON document.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| unreadable(error.status(), &error.body_text()))?;
        document(&bytes).map(Self)
    }
}

/// An operator's order, and the list that came with the letter.
pub(super) struct OrderBody {
    pub(super) order: AddOrder,
    pub(super) attachment: Option<Input>,
}

impl FromRequest<Service> for OrderBody {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Response> {
        let content_type = request.headers().get(CONTENT_TYPE);
        if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"multipart/")) {
            let Body(order) = Body::from_request(request, service).await?;
            let attachment = None;
            return Ok(Self { order, attachment });
        }
        let spool = service.handle.spool();
        let room = spool.room(Way::Sent, bundle_bytes(request.headers()));
        let room = room.await;
        let multipart = Multipart::from_request(request, service).await;
        let mut multipart =
            multipart.map_err(|error| unreadable(error.status(), &error.body_text()))?;
        let receiving = spool.receive(room).await;
        let mut receiving = Some(receiving.map_err(|error| not_spooled(&error))?);
        let (mut order, mut attachment) = (None, None);
        while let Some(field) = multipart
            .next_field()
            .await
            .map_err(|error| broken(&error))?
        {
            let name = field.name().unwrap_or_default().to_owned();
            match (name.as_str(), receiving.take()) {
                ("order", kept) if order.is_none() => {
                    receiving = kept;
                    let bytes = field.bytes().await.map_err(|error| broken(&error))?;
                    order = Some(document(&bytes)?);
                }
                ("attachment", Some(receiving)) => {
                    attachment = Some(spooled(field, receiving).await?);
                }
                (other, _) => {
                    let error = format!("a part `{other}`: expected one `order`, one `attachment`");
                    return Err(refuse(invalid(error)));
                }
            }
        }
        match order {
            Some(order) => Ok(Self { order, attachment }),
            None => Err(refuse(invalid("no part `order`: expected one"))),
        }
    }
}

/// A bundle with its signatures.
pub(super) struct UploadBody(pub(super) Upload);

impl FromRequest<Service> for UploadBody {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Response> {
        let spool = service.handle.spool();
        let room = spool.room(Way::Sent, bundle_bytes(request.headers()));
        let room = room.await;
        upload(request, service, spool, room).await.map(Self)
    }
}

/// How long the bundle of a request can be: it is not longer than the whole.
pub(in crate::http) fn bundle_bytes(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let max = BUNDLE_BYTES_MAX_DEFAULT as u64;
    length.map_or(max, |length: u64| length.min(max))
}

/// Reads a multipart body with a bundle and its signatures, the bundle into the spool.
pub(in crate::http) async fn upload<S: Send + Sync>(
    request: Request,
    state: &S,
    spool: &Spool,
    room: Room,
) -> Result<Upload, Response> {
    let multipart = Multipart::from_request(request, state)
        .await
        .map_err(|error| unreadable(error.status(), &error.body_text()))?;
    let receiving = spool.receive(room).await;
    parts(multipart, receiving.map_err(|error| not_spooled(&error))?).await
}

async fn parts(mut multipart: Multipart, receiving: Receiving) -> Result<Upload, Response> {
    let mut receiving = Some(receiving);
    let mut bundle = None;
    let mut signatures = Vec::new();
    while let Some(field) = multipart
        .next_field()
        .await
        .map_err(|error| broken(&error))?
    {
        match field.name().unwrap_or_default() {
            "bundle" => match receiving.take() {
                Some(receiving) => bundle = Some(spooled(field, receiving).await?),
                None => return Err(refuse(invalid("two parts `bundle`: expected one"))),
            },
            "signature" if signatures.len() < SIGNATURES_MAX => {
                signatures.push(signature(field).await?);
            }
            "signature" => {
                return Err(refuse(invalid(format!(
                    "more than {SIGNATURES_MAX} parts `signature`"
                ))));
            }
            other => {
                return Err(refuse(invalid(format!(
                    "a part `{other}`: expected `bundle` and `signature` only"
                ))));
            }
        }
    }
    match bundle {
        Some(bundle) => Ok(Upload {
            feed: None,
            bundle,
            signatures,
        }),
        None => Err(refuse(invalid("no part `bundle`: expected one"))),
    }
}

async fn spooled(mut field: Field<'_>, mut receiving: Receiving) -> Result<Input, Response> {
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        let written = receiving.write(&chunk).await;
        written.map_err(|error| not_spooled(&error))?;
    }
    receiving
        .finish()
        .await
        .map_err(|error| not_spooled(&error))
}

/// A signature file. Of one that is too long so much is kept that admission refuses it as that.
async fn signature(mut field: Field<'_>) -> Result<Vec<u8>, Response> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        let room = (SIGNATURE_BYTES_MAX + 1).saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(bytes)
}

#[expect(
    clippy::result_large_err,
    reason = "axum's answer, made once for a request"
)]
fn document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Response> {
    serde_json::from_slice(bytes)
        .map_err(|error| refuse(invalid(format!("the request is not understood: {error}"))))
}

fn broken(error: &MultipartError) -> Response {
    unreadable(error.status(), &error.body_text())
}

/// A bundle that is too long, or has no place on the disk, which is not the sender's fault.
fn not_spooled(error: &SpoolError) -> Response {
    match error {
        SpoolError::TooLong { .. } => unreadable(StatusCode::PAYLOAD_TOO_LARGE, ""),
        SpoolError::File(error) => {
            tracing::error!(%error, "a bundle cannot be received");
            let refusal = refusal(RefusalKind::Failed, "spool", error.to_string());
            (StatusCode::SERVICE_UNAVAILABLE, Json(refusal)).into_response()
        }
    }
}

/// A body that cannot be read, or is too long to be.
fn unreadable(status: StatusCode, what: &str) -> Response {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let refusal = refusal(
            RefusalKind::Invalid,
            "too_large",
            "the request is longer than the service accepts",
        );
        (status, Json(refusal)).into_response()
    } else {
        refuse(invalid(what))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Bytes;

    use super::*;

    #[tokio::test]
    async fn a_bundle_that_is_too_long_is_given_up_while_it_comes() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.clear().unwrap();
        let send = async |length: usize| {
            let bundle = "x".repeat(length);
            let part = "--b\r\nContent-Disposition: form-data; name=\"bundle\"\r\n\r\n";
            let request = Request::builder()
                .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
                .header(CONTENT_LENGTH, 1000)
                .body(Bytes::from(format!("{part}{bundle}\r\n--b--\r\n")))
                .unwrap();
            let room = spool.room(Way::Sent, 1000).await;
            let sent = upload(request, &(), &spool, room).await;
            sent.map(|upload| upload.bundle.bytes().len())
                .map_err(|response| response.status())
        };
        assert_eq!(send(1000).await, Ok(1000));
        assert_eq!(send(1001).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        let left = std::fs::read_dir(directory.path().join("spool")).unwrap();
        assert_eq!(left.count(), 0, "nothing of either stays");
    }
}
