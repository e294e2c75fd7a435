//! Where each request goes.

/// [`super::wire::Status`].
pub const STATUS: &str = "/v1/status";
/// [`super::wire::Stats`].
pub const STATS: &str = "/v1/stats";
/// [`super::wire::Explanation`], of the query's `address`.
pub const EXPLAIN: &str = "/v1/explain";
/// A list of [`super::wire::OrderSummary`]; to enter one, [`super::wire::AddOrder`],
/// or a multipart body with it as `order` and the list that came with the letter as `attachment`.
pub const ORDERS: &str = "/v1/orders";
/// [`super::wire::OrderDetail`], of the query's `id`.
pub const ORDER: &str = "/v1/order";
/// [`super::wire::OrderReport`], of the query's `id`.
pub const REPORT: &str = "/v1/report";
/// [`super::wire::ReportSent`].
pub const REPORT_SENT: &str = "/v1/report/sent";
/// A list of [`super::wire::NeverBlockEntry`]; to enter one, [`super::wire::AddException`].
pub const EXCEPTIONS: &str = "/v1/exceptions";
/// [`super::wire::RemoveException`].
pub const EXCEPTIONS_REMOVE: &str = "/v1/exceptions/remove";
/// A multipart body with a bundle and its signatures; the query may name the `feed`.
pub const BUNDLES: &str = "/v1/bundles";
/// [`super::wire::Withdraw`].
pub const WITHDRAW: &str = "/v1/withdraw";
/// [`super::wire::RuleEntry`], in the order in which they are asked; to add one, [`super::wire::AddRule`]; to
/// remove one, the query's `id`.
pub const RULES: &str = "/v1/rules";
/// [`super::wire::Withdraw`], the other way.
pub const REINSTATE: &str = "/v1/reinstate";
/// [`super::wire::Holds`].
pub const HOLDS: &str = "/v1/holds";
/// [`super::wire::DecideHold`].
pub const APPROVE: &str = "/v1/approve";
/// [`super::wire::DecideHold`], the other way.
pub const REJECT: &str = "/v1/reject";
/// [`super::wire::InterfaceRequest`].
pub const ATTACH: &str = "/v1/attach";
/// [`super::wire::InterfaceRequest`].
pub const DETACH: &str = "/v1/detach";
/// [`super::wire::PanicRequest`].
pub const PANIC: &str = "/v1/panic";
/// [`super::wire::FeedRequest`]: end its pause and fetch it now.
pub const FEED_SYNC: &str = "/v1/feeds/sync";
/// [`super::wire::PauseFeed`].
pub const FEED_PAUSE: &str = "/v1/feeds/{feed}/pause";
/// [`super::wire::RollBack`].
pub const FEED_ROLLBACK: &str = "/v1/feeds/{feed}/rollback";
/// [`super::wire::DecideUpdate`]: enforce the update of its list that is held.
pub const FEED_APPROVE: &str = "/v1/feeds/approve";
/// [`super::wire::DecideUpdate`]: never enforce it.
pub const FEED_REJECT: &str = "/v1/feeds/reject";
/// [`super::wire::SignedReceipt`], of the query's `feed` and `id`.
pub const RECEIPTS: &str = "/v1/receipts";
/// [`super::wire::TrustStatus`].
pub const TRUST: &str = "/v1/trust";
/// [`super::wire::AcceptClock`].
pub const CLOCK_ACCEPT: &str = "/v1/clock/accept";
/// [`super::wire::Events`]; with `follow=1` a line for each [`super::wire::EventLine`]. The query may name a `reason`,
/// and the number of the event `after` which to begin.
pub const EVENTS: &str = "/v1/events";
/// [`super::wire::CaptureRequest`]; the answer is a pcapng file.
pub const CAPTURE: &str = "/v1/capture";
/// [`super::wire::Meters`], over the query's `seconds`, of its `group`, `limit` destinations.
pub const METERS: &str = "/v1/meters";
/// No body.
pub const RELOAD: &str = "/v1/reload";

/// Bytes of a request with a bundle; a longer one is refused.
pub const BUNDLE_BODY_MAX: usize = 257 << 20;
/// Bytes of a request with an operator's order and the list that came with it; a longer one is refused.
pub const ORDER_BODY_MAX: usize = 128 << 20;
/// Bytes of any other request; a longer one is refused.
pub const BODY_MAX: usize = 64 << 10;
