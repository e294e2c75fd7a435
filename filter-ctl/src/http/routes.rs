//! From a request to the handle and back. Nothing is decided here but who may ask.

pub(super) mod body;
mod watch;

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, FromRequestParts, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{Method, StatusCode, Uri, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use self::body::{Body, OrderBody, UploadBody};
use super::{
    path,
    peer::{CHANGE_GROUP, Peer, READ_GROUP, Role},
    wire::{
        AcceptClock, AddException, AddRule, DecideHold, DecideUpdate, FeedRequest,
        InterfaceRequest, PanicRequest, PauseFeed, Refusal, RefusalKind, RemoveException,
        ReportSent, RollBack, SignedReceipt, Withdraw,
    },
};
use crate::{
    daemon::handle::{Actor, Handle, Upload},
    order::{FeedName, OrderId},
    receipt::store::{ReceiptId, Signed},
    rule::RuleId,
};

#[derive(Clone)]
struct Service {
    handle: Handle,
}

/// The routes of the control API. Each request needs a [`Peer`] among its extensions.
pub(super) fn router(handle: Handle) -> Router {
    let small = Router::new()
        .route(path::STATUS, get(status))
        .route(path::STATS, get(stats))
        .route(path::EXPLAIN, get(explain))
        .route(path::ORDER, get(order))
        .route(path::EXCEPTIONS, get(exceptions).post(add_exception))
        .route(path::EXCEPTIONS_REMOVE, post(remove_exception))
        .route(path::RULES, get(rules).post(add_rule).delete(remove_rule))
        .route(path::WITHDRAW, post(withdraw))
        .route(path::REINSTATE, post(reinstate))
        .route(path::HOLDS, get(holds))
        .route(path::APPROVE, post(approve))
        .route(path::REJECT, post(reject))
        .route(path::REPORT, get(report))
        .route(path::REPORT_SENT, post(report_sent))
        .route(path::ATTACH, post(attach))
        .route(path::DETACH, post(detach))
        .route(path::PANIC, post(panic))
        .route(path::FEED_SYNC, post(sync_feed))
        .route(path::FEED_PAUSE, post(pause_feed))
        .route(path::FEED_ROLLBACK, post(roll_back))
        .route(path::FEED_APPROVE, post(approve_update))
        .route(path::FEED_REJECT, post(reject_update))
        .route(path::TRUST, get(trust))
        .route(path::CLOCK_ACCEPT, post(accept_clock))
        .route(path::RELOAD, post(reload))
        .route(path::RECEIPTS, get(receipt))
        .route(path::EVENTS, get(watch::events))
        .route(path::CAPTURE, post(watch::capture))
        .route(path::METERS, get(watch::meters))
        .layer(DefaultBodyLimit::max(path::BODY_MAX));
    let orders = Router::new()
        .route(path::ORDERS, get(orders).post(add_order))
        .layer(DefaultBodyLimit::max(path::ORDER_BODY_MAX));
    let bundles = Router::new()
        .route(path::BUNDLES, post(apply))
        .layer(DefaultBodyLimit::max(path::BUNDLE_BODY_MAX));
    small
        .merge(orders)
        .merge(bundles)
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_route)
        .with_state(Service { handle })
}

/// An answer that carries its status code.
struct Answer<T>(Result<T, Refusal>);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(document) => Json(document).into_response(),
            Err(refusal) => refuse(refusal),
        }
    }
}

fn refuse(refusal: Refusal) -> Response {
    let status = match refusal.kind {
        RefusalKind::Invalid => StatusCode::BAD_REQUEST,
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, Json(refusal)).into_response()
}

fn refusal(kind: RefusalKind, code: &str, error: impl Into<String>) -> Refusal {
    Refusal {
        kind,
        code: code.to_owned(),
        error: error.into(),
    }
}

fn invalid(error: impl Into<String>) -> Refusal {
    refusal(RefusalKind::Invalid, "bad_request", error)
}

/// A peer that may read.
struct Reader;

/// A peer that may change things.
struct Admin(Actor);

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        allowed(parts, Role::Reader, "read").map(|_| Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        allowed(parts, Role::Admin, "change this").map(Self)
    }
}

#[expect(
    clippy::result_large_err,
    reason = "axum takes the answer to a refused request as the error"
)]
fn allowed(parts: &Parts, needed: Role, what: &str) -> Result<Actor, Response> {
    allow(parts.extensions.get::<Peer>(), needed, what).map_err(refuse)
}

/// Who asks, if they may.
fn allow(peer: Option<&Peer>, needed: Role, what: &str) -> Result<Actor, Refusal> {
    if let Some(Peer { actor, role }) = peer
        && *role >= needed
    {
        return Ok(actor.clone());
    }
    let who = peer.map_or("this user", |peer| peer.actor.name.as_str());
    let group = match needed {
        Role::Admin => CHANGE_GROUP,
        Role::Reader | Role::Nobody => READ_GROUP,
    };
    Err(refusal(
        RefusalKind::Forbidden,
        "forbidden",
        format!("{who} may not {what}: it takes root or a member of the group `{group}`"),
    ))
}

async fn status(_: Reader, State(service): State<Service>) -> Response {
    Answer(Ok(service.handle.status())).into_response()
}

async fn stats(_: Reader, State(service): State<Service>) -> Response {
    Answer(service.handle.stats().await).into_response()
}

async fn trust(_: Reader, State(service): State<Service>) -> Response {
    Answer(Ok(service.handle.trust())).into_response()
}

async fn orders(_: Reader, State(service): State<Service>) -> Response {
    Answer(Ok(service.handle.orders())).into_response()
}

async fn exceptions(_: Reader, State(service): State<Service>) -> Response {
    Answer(Ok(service.handle.exceptions())).into_response()
}

async fn rules(_: Reader, State(service): State<Service>) -> Response {
    Answer(Ok(service.handle.rules())).into_response()
}

async fn holds(_: Reader, State(service): State<Service>) -> Response {
    Answer(Ok(service.handle.holds())).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    address: String,
}

async fn explain(
    _: Reader,
    State(service): State<Service>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Response {
    let address = query.map_err(|error| invalid(error.body_text())).and_then(
        |Query(ExplainQuery { address })| {
            address
                .parse()
                .map_err(|_| invalid(format!("`{address}` is not an IPv4 or IPv6 address")))
        },
    );
    Answer(address.map(|address| service.handle.explain(address))).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderQuery {
    id: OrderId,
}

async fn order(
    _: Reader,
    State(service): State<Service>,
    query: Result<Query<OrderQuery>, QueryRejection>,
) -> Response {
    of_order(query, |id| service.handle.order(id))
}

async fn report(
    _: Reader,
    State(service): State<Service>,
    query: Result<Query<OrderQuery>, QueryRejection>,
) -> Response {
    of_order(query, |id| service.handle.report(id))
}

fn of_order<T: Serialize>(
    query: Result<Query<OrderQuery>, QueryRejection>,
    find: impl Fn(&OrderId) -> Option<T>,
) -> Response {
    let found =
        query
            .map_err(|error| invalid(error.body_text()))
            .and_then(|Query(OrderQuery { id })| {
                find(&id).ok_or_else(|| {
                    refusal(
                        RefusalKind::NotFound,
                        "no_such_order",
                        format!("there is no order `{id}`; `filter-ctl order list` names them all"),
                    )
                })
            });
    Answer(found).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptQuery {
    feed: FeedName,
    id: String,
}

async fn receipt(
    _: Reader,
    State(service): State<Service>,
    query: Result<Query<ReceiptQuery>, QueryRejection>,
) -> Response {
    let Query(ReceiptQuery { feed, id }) = match query {
        Ok(query) => query,
        Err(error) => return refuse(invalid(error.body_text())),
    };
    let Some(id) = ReceiptId::parse(&id) else {
        let error = format!("`{id}` is no receipt: expected 64 lower-case hexadecimal digits");
        return refuse(invalid(error));
    };
    let found = service.handle.receipt(feed, id).await;
    Answer(found.map(
        |Signed {
             document,
             signature,
         }| SignedReceipt {
            document,
            signature,
        },
    ))
    .into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyQuery {
    feed: Option<FeedName>,
}

async fn apply(
    Admin(actor): Admin,
    State(service): State<Service>,
    query: Result<Query<ApplyQuery>, QueryRejection>,
    UploadBody(upload): UploadBody,
) -> Response {
    let answer = match query {
        Ok(Query(ApplyQuery { feed })) => {
            let upload = Upload { feed, ..upload };
            service.handle.apply(upload, actor).await
        }
        Err(error) => Err(invalid(error.body_text())),
    };
    Answer(answer).into_response()
}

async fn add_order(
    Admin(actor): Admin,
    State(service): State<Service>,
    OrderBody { order, attachment }: OrderBody,
) -> Response {
    Answer(service.handle.add_order(order, attachment, actor).await).into_response()
}

/// The changes that are one document each way.
macro_rules! changes {
    ($($name:ident: $request:ty),+ $(,)?) => {
        $(async fn $name(
            Admin(actor): Admin,
            State(service): State<Service>,
            Body(request): Body<$request>,
        ) -> Response {
            Answer(service.handle.$name(request, actor).await).into_response()
        })+
    };
}

changes!(
    withdraw: Withdraw,
    reinstate: Withdraw,
    approve: DecideHold,
    reject: DecideHold,
    add_exception: AddException,
    remove_exception: RemoveException,
    add_rule: AddRule,
    report_sent: ReportSent,
    attach: InterfaceRequest,
    detach: InterfaceRequest,
    panic: PanicRequest,
    accept_clock: AcceptClock,
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleQuery {
    id: RuleId,
}

async fn remove_rule(
    Admin(actor): Admin,
    State(service): State<Service>,
    query: Result<Query<RuleQuery>, QueryRejection>,
) -> Response {
    let answer = match query {
        Ok(Query(RuleQuery { id })) => service.handle.remove_rule(id, actor).await,
        Err(error) => Err(invalid(error.body_text())),
    };
    Answer(answer).into_response()
}

async fn reload(Admin(actor): Admin, State(service): State<Service>) -> Response {
    Answer(service.handle.reload(actor).await).into_response()
}

async fn sync_feed(
    Admin(actor): Admin,
    State(service): State<Service>,
    Body(FeedRequest { feed }): Body<FeedRequest>,
) -> Response {
    Answer(service.handle.sync_feed(feed, actor).await).into_response()
}

async fn pause_feed(
    Admin(actor): Admin,
    State(service): State<Service>,
    feed: Result<Path<FeedName>, PathRejection>,
    Body(request): Body<PauseFeed>,
) -> Response {
    let Path(feed) = match feed {
        Ok(feed) => feed,
        Err(error) => return refuse(invalid(error.body_text())),
    };
    Answer(service.handle.pause_feed(feed, request, actor).await).into_response()
}

async fn roll_back(
    Admin(actor): Admin,
    State(service): State<Service>,
    feed: Result<Path<FeedName>, PathRejection>,
    Body(request): Body<RollBack>,
) -> Response {
    let Path(feed) = match feed {
        Ok(feed) => feed,
        Err(error) => return refuse(invalid(error.body_text())),
    };
    Answer(service.handle.roll_back(feed, request, actor).await).into_response()
}

async fn approve_update(
    Admin(actor): Admin,
    State(service): State<Service>,
    Body(request): Body<DecideUpdate>,
) -> Response {
    Answer(service.handle.decide_update(request, true, actor).await).into_response()
}

async fn reject_update(
    Admin(actor): Admin,
    State(service): State<Service>,
    Body(request): Body<DecideUpdate>,
) -> Response {
    Answer(service.handle.decide_update(request, false, actor).await).into_response()
}

async fn no_such_route(method: Method, uri: Uri) -> Response {
    refuse(refusal(
        RefusalKind::NotFound,
        "no_such_route",
        format!("{method} {} is not part of this API", uri.path()),
    ))
}
