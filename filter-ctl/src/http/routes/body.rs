//! What is sent to a route.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::{Service, invalid, refusal, refuse};
use crate::{daemon::handle::Upload, http::wire::RefusalKind, order::sign::SIGNATURES_MAX};

/// A JSON document.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| unreadable(error.status(), &error.body_text()))?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| refuse(invalid(format!("the request is not understood: {error}"))))
    }
}

/// A bundle with its signatures, and the place that it takes in memory.
pub(super) struct UploadBody {
    pub(super) upload: Upload,
    pub(super) place: OwnedSemaphorePermit,
}

impl FromRequest<Service> for UploadBody {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Response> {
        let place = service.uploads.clone().acquire_owned().await;
        let place = place.map_err(|_| refuse(invalid("the service is stopping")))?;
        let upload = upload(request, service).await?;
        Ok(Self { upload, place })
    }
}

/// Reads a multipart body with a bundle and its signatures.
pub(in crate::http) async fn upload<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Upload, Response> {
    let multipart = Multipart::from_request(request, state)
        .await
        .map_err(|error| unreadable(error.status(), &error.body_text()))?;
    parts(multipart).await
}

async fn parts(mut multipart: Multipart) -> Result<Upload, Response> {
    let mut bundle = None;
    let mut signatures = Vec::new();
    loop {
        let broken = |error: MultipartError| unreadable(error.status(), &error.body_text());
        let Some(field) = multipart.next_field().await.map_err(broken)? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(broken)?;
        match name.as_str() {
            "bundle" if bundle.is_none() => bundle = Some(Vec::from(bytes)),
            "bundle" => return Err(refuse(invalid("two parts `bundle`: expected one"))),
            "signature" if signatures.len() < SIGNATURES_MAX => signatures.push(Vec::from(bytes)),
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
