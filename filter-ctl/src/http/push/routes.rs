//! What authorities may ask for.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{
        Method, StatusCode, Uri,
        header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
    },
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::time::timeout;

use super::{
    Push,
    answer::{refuse, refuse_for_now, refuse_with, refused, retry_after},
    gate::{Allowed, gate},
};
use crate::{
    daemon::handle::{Actor, Answer, Upload},
    http::{
        path::{BODY_MAX, BUNDLE_BODY_MAX},
        routes::body,
        wire::{ApplyReport, PushAnswer, PushFeedStatus, PushNotice, PushNoticed, RefusalKind},
    },
    order::{FeedName, Provenance, hex},
    receipt::{ReceiptStatus, store::ReceiptId},
    spool::Way,
};

/// How long a bundle may take to arrive, however long it is; past it, 408.
const UPLOAD_TIME_MAX: Duration = Duration::from_mins(2);
/// How long even the shortest may take.
const UPLOAD_TIME_MIN: Duration = Duration::from_secs(20);
/// Beyond that, so many bytes have to come in a second: who says that little comes, and lets it trickle, holds his
/// place no longer than that takes.
const UPLOAD_BYTES_PER_SECOND_MIN: u64 = 512 << 10;
/// How long a bundle may wait for room in the spool; past it, 503.
const ROOM_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an answer waits for the engine; past it, it is `received`.
const ENGINE_TIME_MAX: Duration = Duration::from_secs(10);
/// The end of the name of a receipt's signature.
const SIGNATURE: &str = ".minisig";

pub(super) fn router(push: Push) -> Router {
    let bundles = Router::new()
        .route("/v1/feeds/{feed}/bundles", post(bundle))
        .layer(DefaultBodyLimit::max(BUNDLE_BODY_MAX));
    Router::new()
        .route("/v1/feeds/{feed}/notify", post(notify))
        .route("/v1/feeds/{feed}/status", get(status))
        .route("/v1/feeds/{feed}/receipts/{name}", get(receipt))
        .route("/v1/appliance.pub", get(public_key))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .merge(bundles)
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_route)
        .layer(from_fn_with_state(push.clone(), gate))
        .with_state(push)
}

async fn bundle(State(push): State<Push>, allowed: Allowed, request: Request) -> Response {
    let (client, feed) = allowed.into_parts();
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > BUNDLE_BODY_MAX) {
        let error = format!("the request is too long: expected at most {BUNDLE_BODY_MAX} bytes");
        return refuse_with(
            StatusCode::PAYLOAD_TOO_LARGE,
            refuse(RefusalKind::Invalid, "too_large", error),
        );
    }
    let Ok(turn) = client.uploads.clone().try_acquire_owned() else {
        return refuse_for_now(
            StatusCode::TOO_MANY_REQUESTS,
            "upload_in_progress",
            "another bundle of this client is on its way: expected one after the other".to_owned(),
            Duration::from_secs(1),
        );
    };
    let spool = push.handle.spool();
    let bytes_max = body::bundle_bytes(request.headers());
    let time_max = upload_time(bytes_max);
    let room = spool.room(Way::Sent, bytes_max);
    let Ok(room) = timeout(ROOM_TIME_MAX, room).await else {
        return refuse_for_now(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "others are being received, as many as there is room for".to_owned(),
            ROOM_TIME_MAX,
        );
    };
    let upload = match timeout(time_max, body::upload(request, &(), spool, room)).await {
        Ok(Ok(upload)) => upload,
        // Nothing else that a sender is told before its bundle is judged will end by itself.
        Ok(Err(response)) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
            return retry_after(response, ROOM_TIME_MAX);
        }
        Ok(Err(response)) => return response,
        Err(_) => {
            let error = format!("expected the bundle within {} s", time_max.as_secs());
            return refuse_with(
                StatusCode::REQUEST_TIMEOUT,
                refuse(RefusalKind::Invalid, "too_slow", error),
            );
        }
    };
    let id = ReceiptId::of_digest(&upload.bundle.sha256());
    let upload = Upload {
        feed: Some(feed.clone()),
        ..upload
    };
    let actor = Actor {
        uid: None,
        name: format!("push {}", client.name),
    };
    let handle = push.handle.clone();
    // The client's turn lasts for as long as the engine has the bundle, also where nobody waits any more.
    let applied = tokio::spawn(async move {
        let answer = handle.apply(upload, actor).await;
        drop(turn);
        answer
    });
    let answer = match timeout(ENGINE_TIME_MAX, applied).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(_)) | Err(_) => None,
    };
    told(&push, feed, id, answer).await
}

/// How long a bundle of at most so many bytes may take to arrive.
fn upload_time(bytes_max: u64) -> Duration {
    let by_length = Duration::from_secs(bytes_max / UPLOAD_BYTES_PER_SECOND_MIN);
    (UPLOAD_TIME_MIN + by_length).min(UPLOAD_TIME_MAX)
}

/// What the sender of a bundle is told.
async fn told(
    push: &Push,
    feed: FeedName,
    id: ReceiptId,
    answer: Option<Answer<ApplyReport>>,
) -> Response {
    let url = format!("/v1/feeds/{feed}/receipts/{}", id.as_str());
    let status = match answer {
        None => "received",
        Some(Ok(report)) if report.status == "repeat" => "repeat",
        Some(Ok(report)) => ReceiptStatus::of(&report).name(),
        // It is on disk, and will be enforced.
        Some(Err(refusal)) if refusal.code == "enforce_failed" => ReceiptStatus::Admitted.name(),
        Some(Err(refusal)) => {
            let given = push.handle.receipt(feed, id).await.is_ok();
            return refused(refusal, Some(url).filter(|_| given));
        }
    };
    let answer = PushAnswer {
        receipt: id.as_str().to_owned(),
        url: url.clone(),
        status: status.to_owned(),
    };
    (StatusCode::ACCEPTED, [(LOCATION, url)], Json(answer)).into_response()
}

async fn notify(State(push): State<Push>, allowed: Allowed, body: Bytes) -> Response {
    let (_, feed) = allowed.into_parts();
    let notice: Option<PushNotice> = match body.trim_ascii() {
        [] => None,
        text => match serde_json::from_slice(text) {
            Ok(notice) => Some(notice),
            Err(error) => {
                let error = format!("the request is not understood: {error}");
                let refusal = refuse(RefusalKind::Invalid, "bad_request", error);
                return refuse_with(StatusCode::BAD_REQUEST, refusal);
            }
        },
    };
    let admitted = feed_status(&push, &feed).and_then(|status| status.epoch.zip(status.seq));
    let is_known = |notice: PushNotice| admitted >= Some((notice.epoch, notice.seq));
    let status = if notice.is_some_and(is_known) {
        "current"
    } else if push.handle.hint(&feed) {
        "noted"
    } else {
        let error = format!("feed {feed} is not pulled from anywhere: push its bundles");
        let refusal = refuse(RefusalKind::NotFound, "not_pulled", error);
        return refuse_with(StatusCode::NOT_FOUND, refusal);
    };
    let status = status.to_owned();
    (StatusCode::ACCEPTED, Json(PushNoticed { status })).into_response()
}

async fn status(State(push): State<Push>, allowed: Allowed) -> Response {
    let (_, feed) = allowed.into_parts();
    if let Some(status) = feed_status(&push, &feed) {
        return Json(status).into_response();
    }
    let error = format!("there is no feed {feed}");
    let refusal = refuse(RefusalKind::NotFound, "unknown_feed", error);
    refuse_with(StatusCode::NOT_FOUND, refusal)
}

fn feed_status(push: &Push, feed: &FeedName) -> Option<PushFeedStatus> {
    let view = push.handle.view();
    let status = view.status.feeds.iter().find(|known| known.feed == *feed)?;
    let source = view.sources.iter().find(|source| source.feed() == feed);
    let sha256 = source.and_then(|source| match source.provenance() {
        Provenance::Bundle { sha256, .. } => Some(hex::encode(sha256)),
        Provenance::List { .. } | Provenance::Operator { .. } | Provenance::Table => None,
    });
    // Its authority goes on from what was admitted last, wherever the feed stands.
    let (epoch, seq, sha256, admitted_at) = match &status.paused {
        Some(paused) => (
            paused.epoch,
            paused.seq,
            paused.sha256.clone(),
            paused.admitted_at,
        ),
        None => (status.epoch, status.seq, sha256, status.admitted_at),
    };
    let generation = view.status.generation.as_ref();
    Some(PushFeedStatus {
        feed: feed.clone(),
        mode: status.mode.clone(),
        epoch,
        seq,
        sha256,
        admitted_at,
        paused: status.paused.is_some(),
        expires_at: status.expires_at,
        desired: status.desired,
        enforced: status.enforced,
        withheld: status.withheld,
        generation: generation.map(|generation| generation.number),
    })
}

/// A receipt, or its signature where the name ends in `.minisig`.
async fn receipt(
    State(push): State<Push>,
    allowed: Allowed,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    let (_, feed) = allowed.into_parts();
    let (id, is_signature) = match name.strip_suffix(SIGNATURE) {
        Some(id) => (id, true),
        None => (name.as_str(), false),
    };
    let Some(id) = ReceiptId::parse(id) else {
        let error = "expected the SHA-256 of a bundle: 64 lower-case hexadecimal digits".to_owned();
        let refusal = refuse(RefusalKind::Invalid, "bad_request", error);
        return refuse_with(StatusCode::BAD_REQUEST, refusal);
    };
    match push.handle.receipt(feed, id).await {
        Ok(signed) if is_signature => {
            ([(CONTENT_TYPE, "text/plain")], signed.signature).into_response()
        }
        Ok(signed) => ([(CONTENT_TYPE, "application/json")], signed.document).into_response(),
        Err(refusal) => refused(refusal, None),
    }
}

async fn public_key(State(push): State<Push>) -> Response {
    match push.handle.public_key().await {
        Ok(key) => ([(CONTENT_TYPE, "text/plain")], key).into_response(),
        Err(refusal) => refused(refusal, None),
    }
}

async fn no_such_route(method: Method, uri: Uri) -> Response {
    let error = format!("{method} {} is not part of this API", uri.path());
    let refusal = refuse(RefusalKind::NotFound, "no_such_route", error);
    refuse_with(StatusCode::NOT_FOUND, refusal)
}
