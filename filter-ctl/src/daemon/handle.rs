//! The door to the running service: what the HTTP routes may ask of it.
//!
//! Reads are answered from the last published [`View`] and never wait for a change in progress.
//! Changes are queued, at most [`COMMANDS_MAX`] at a time, and done one after the other.

use std::{fmt, net::IpAddr, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};

use super::{lists::PullCommand, view::View};
use crate::{
    events::Hub,
    feed::hints::Hints,
    http::wire::{
        AcceptClock, AddException, AddOrder, AddRule, ApplyReport, CaptureRequest, Changed,
        DecideHold, Explanation, Holds, InterfaceRequest, NeverBlockEntry, OrderDetail,
        OrderReport, OrderSummary, PanicRequest, PauseFeed, Refusal, RefusalKind, RemoveException,
        ReportSent, RollBack, RuleAdded, RuleEntry, Stats, Status, TrustStatus, Withdraw,
    },
    kernel::meters::{MeterReader, MeterReading},
    order::{FeedName, Input, OrderId},
    receipt::store::{ReceiptDir, ReceiptError, ReceiptId, Signed},
    rule::RuleId,
    spool::Spool,
};

/// Changes that may wait; a further one is refused as `busy`.
pub const COMMANDS_MAX: usize = 64;

/// Who asks: the peer of the control socket, or a task of the service itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user's number; `None` for the service itself.
    pub uid: Option<u32>,
    /// The user's name, or what the task is called.
    pub name: String,
}

/// A bundle as it arrived.
#[derive(Debug)]
pub struct Upload {
    /// The feed that the transport belongs to, where it belongs to one.
    pub feed: Option<FeedName>,
    /// The bundle.
    pub bundle: Input,
    /// The bytes of each detached signature.
    pub signatures: Vec<Vec<u8>>,
}

/// The answer to a change.
pub type Answer<T> = Result<T, Refusal>;

/// A change, with the way back for its answer.
#[derive(Debug)]
pub enum Command {
    /// Admit and enforce a bundle.
    Apply(Upload, Actor, oneshot::Sender<Answer<ApplyReport>>),
    /// Enter an operator's order, with the list that came with the letter.
    AddOrder(
        Box<AddOrder>,
        Option<Input>,
        Actor,
        oneshot::Sender<Answer<ApplyReport>>,
    ),
    /// Stop enforcing an order or an entry.
    Withdraw(Withdraw, Actor, oneshot::Sender<Answer<Changed>>),
    /// Enforce again what an operator had withdrawn.
    Reinstate(Withdraw, Actor, oneshot::Sender<Answer<Changed>>),
    /// Let through what waits, as far as one person can.
    Approve(DecideHold, Actor, oneshot::Sender<Answer<Changed>>),
    /// Keep out what waits.
    Reject(DecideHold, Actor, oneshot::Sender<Answer<Changed>>),
    /// Never block a prefix.
    AddException(AddException, Actor, oneshot::Sender<Answer<Changed>>),
    /// Drop an exception.
    RemoveException(RemoveException, Actor, oneshot::Sender<Answer<Changed>>),
    /// Put a rule into force.
    AddRule(AddRule, Actor, oneshot::Sender<Answer<RuleAdded>>),
    /// Remove a rule.
    RemoveRule(RuleId, Actor, oneshot::Sender<Answer<Changed>>),
    /// Note that the report on a letter was sent.
    ReportSent(ReportSent, Actor, oneshot::Sender<Answer<Changed>>),
    /// Put the program on an interface.
    Attach(InterfaceRequest, Actor, oneshot::Sender<Answer<Changed>>),
    /// Take it off.
    Detach(InterfaceRequest, Actor, oneshot::Sender<Answer<Changed>>),
    /// Set the kill switch.
    Panic(PanicRequest, Actor, oneshot::Sender<Answer<Changed>>),
    /// Pause a feed where it is.
    Pause(FeedName, PauseFeed, Actor, oneshot::Sender<Answer<Changed>>),
    /// Take a feed back to an earlier state.
    RollBack(FeedName, RollBack, Actor, oneshot::Sender<Answer<Changed>>),
    /// End the pause of a feed. The answer is `None` if it is not paused.
    Resume(FeedName, Actor, oneshot::Sender<Answer<Option<Changed>>>),
    /// Take the clock for right.
    AcceptClock(AcceptClock, Actor, oneshot::Sender<Answer<Changed>>),
    /// Let addresses inside be whole for a capture.
    OpenWhole(CaptureRequest, Actor, oneshot::Sender<Answer<u64>>),
    /// End that.
    CloseWhole(u64),
    /// Read the configuration again.
    Reload(Actor, oneshot::Sender<Answer<Changed>>),
    /// What concerns fetched feeds.
    Pull(PullCommand),
    /// Read the counters now.
    Stats(oneshot::Sender<Answer<Stats>>),
}

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<Arc<View>>,
    receipts: ReceiptDir,
    hints: Hints,
    spool: Spool,
    watched: Watched,
}

/// What is looked at without asking the engine.
#[derive(Clone, Default)]
pub struct Watched {
    /// Samples of what was dropped.
    pub hub: Hub,
    /// What comes for protected destinations; `None` where there is no kernel, as in tests.
    pub meters: Option<Arc<MeterReader>>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// The whole addresses that a capture may see, until this is dropped.
#[derive(Debug)]
pub struct WholeAddresses {
    id: u64,
    commands: mpsc::Sender<Command>,
}

impl Drop for WholeAddresses {
    fn drop(&mut self) {
        // With a full queue they are closed when their time is over.
        let _full = self.commands.try_send(Command::CloseWhole(self.id));
    }
}

impl Handle {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        view: watch::Receiver<Arc<View>>,
        receipts: ReceiptDir,
        spool: Spool,
        watched: Watched,
    ) -> Self {
        Self {
            commands,
            view,
            receipts,
            hints: Hints::default(),
            spool,
            watched,
        }
    }

    /// A door without a service behind it: the test sees the commands, and writes the view.
    #[cfg(test)]
    pub(crate) fn for_test(
        view: View,
        state_dir: &std::path::Path,
    ) -> (Self, mpsc::Receiver<Command>) {
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let (_, view) = watch::channel(Arc::new(view));
        let spool = Spool::new(state_dir);
        let watched = Watched::default();
        let handle = Self::new(commands, view, ReceiptDir::default(), spool, watched);
        (handle, received)
    }

    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Answer<T>>) -> Command,
    ) -> Answer<T> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .try_send(command(answer))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => refusal(
                    "busy",
                    format!("{COMMANDS_MAX} changes are waiting already; try again in a moment"),
                ),
                mpsc::error::TrySendError::Closed(_) => stopping(),
            })?;
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Where what arrives lies until it is judged.
    #[must_use]
    pub const fn spool(&self) -> &Spool {
        &self.spool
    }

    /// See [`Command::Apply`].
    pub async fn apply(&self, upload: Upload, actor: Actor) -> Answer<ApplyReport> {
        self.ask(|answer| Command::Apply(upload, actor, answer))
            .await
    }

    /// See [`Command::AddOrder`].
    pub async fn add_order(
        &self,
        order: AddOrder,
        attachment: Option<Input>,
        actor: Actor,
    ) -> Answer<ApplyReport> {
        self.ask(|answer| Command::AddOrder(Box::new(order), attachment, actor, answer))
            .await
    }

    /// See [`Command::Withdraw`].
    pub async fn withdraw(&self, request: Withdraw, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Withdraw(request, actor, answer))
            .await
    }

    /// See [`Command::Reinstate`].
    pub async fn reinstate(&self, request: Withdraw, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Reinstate(request, actor, answer))
            .await
    }

    /// See [`Command::Approve`].
    pub async fn approve(&self, request: DecideHold, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Approve(request, actor, answer))
            .await
    }

    /// See [`Command::Reject`].
    pub async fn reject(&self, request: DecideHold, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Reject(request, actor, answer))
            .await
    }

    /// See [`Command::AddException`].
    pub async fn add_exception(&self, request: AddException, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::AddException(request, actor, answer))
            .await
    }

    /// See [`Command::RemoveException`].
    pub async fn remove_exception(
        &self,
        request: RemoveException,
        actor: Actor,
    ) -> Answer<Changed> {
        self.ask(|answer| Command::RemoveException(request, actor, answer))
            .await
    }

    /// See [`Command::AddRule`].
    pub async fn add_rule(&self, request: AddRule, actor: Actor) -> Answer<RuleAdded> {
        self.ask(|answer| Command::AddRule(request, actor, answer))
            .await
    }

    /// See [`Command::RemoveRule`].
    pub async fn remove_rule(&self, id: RuleId, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::RemoveRule(id, actor, answer))
            .await
    }

    /// See [`Command::ReportSent`].
    pub async fn report_sent(&self, request: ReportSent, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::ReportSent(request, actor, answer))
            .await
    }

    /// See [`Command::Attach`].
    pub async fn attach(&self, request: InterfaceRequest, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Attach(request, actor, answer))
            .await
    }

    /// See [`Command::Detach`].
    pub async fn detach(&self, request: InterfaceRequest, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Detach(request, actor, answer))
            .await
    }

    /// See [`Command::Panic`].
    pub async fn panic(&self, request: PanicRequest, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Panic(request, actor, answer))
            .await
    }

    /// See [`Command::Pause`].
    pub async fn pause_feed(
        &self,
        feed: FeedName,
        request: PauseFeed,
        actor: Actor,
    ) -> Answer<Changed> {
        self.ask(|answer| Command::Pause(feed, request, actor, answer))
            .await
    }

    /// See [`Command::RollBack`].
    pub async fn roll_back(
        &self,
        feed: FeedName,
        request: RollBack,
        actor: Actor,
    ) -> Answer<Changed> {
        self.ask(|answer| Command::RollBack(feed, request, actor, answer))
            .await
    }

    /// Ends the pause of a feed, and fetches it at once if it is fetched.
    pub async fn sync_feed(&self, feed: FeedName, actor: Actor) -> Answer<Changed> {
        let name = feed.clone();
        let resumed = self
            .ask(|answer| Command::Resume(name, actor, answer))
            .await?;
        let hinted = self.hint(&feed);
        let fetched = format!("it is fetched now; `filter-ctl feed show {feed}` says what came");
        match resumed {
            Some(Changed {
                message,
                generation,
            }) => Ok(Changed {
                message: if hinted {
                    format!("{message}; {fetched}")
                } else {
                    message
                },
                generation,
            }),
            None if hinted => Ok(Changed {
                message: format!("{feed}: {fetched}"),
                generation: None,
            }),
            None => Err(refusal_of(
                RefusalKind::NotFound,
                "not_fetched",
                format!("feed `{feed}` is not paused, and not fetched: its [[feed]] has no url"),
            )),
        }
    }

    /// See [`Command::AcceptClock`].
    pub async fn accept_clock(&self, request: AcceptClock, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::AcceptClock(request, actor, answer))
            .await
    }

    /// See [`Command::OpenWhole`].
    pub async fn open_whole(
        &self,
        request: CaptureRequest,
        actor: Actor,
    ) -> Answer<WholeAddresses> {
        let id = self
            .ask(|answer| Command::OpenWhole(request, actor, answer))
            .await?;
        Ok(WholeAddresses {
            id,
            commands: self.commands.clone(),
        })
    }

    /// Samples of what was dropped.
    #[must_use]
    pub const fn events(&self) -> &Hub {
        &self.watched.hub
    }

    /// The meters as they are now.
    pub async fn read_meters(&self) -> Answer<MeterReading> {
        let Some(meters) = self.watched.meters.clone() else {
            return Err(refusal("no_meters", "there are no meters here".to_owned()));
        };
        match tokio::task::spawn_blocking(move || meters.read()).await {
            Ok(reading) => reading.map_err(|error| refusal("cannot_read", error.to_string())),
            Err(_) => Err(stopping()),
        }
    }

    /// The names of the host groups, by number less 1.
    #[must_use]
    pub fn host_groups(&self) -> Vec<String> {
        let view = self.view();
        let groups = view.rules.perimeter.groups.iter();
        groups.map(|group| group.name.clone()).collect()
    }

    /// See [`Command::Reload`].
    pub async fn reload(&self, actor: Actor) -> Answer<Changed> {
        self.ask(|answer| Command::Reload(actor, answer)).await
    }

    /// See [`Command::Stats`].
    pub async fn stats(&self) -> Answer<Stats> {
        self.ask(Command::Stats).await
    }

    /// What the service looks like.
    #[must_use]
    pub fn status(&self) -> Status {
        self.view.borrow().status()
    }

    /// The trust file in force.
    #[must_use]
    pub fn trust(&self) -> TrustStatus {
        self.view.borrow().trust.as_ref().clone()
    }

    /// Whether, and on whose order, an address is blocked.
    #[must_use]
    pub fn explain(&self, address: IpAddr) -> Explanation {
        let view = self.view.borrow().clone();
        view.explain(address)
    }

    /// Every order.
    #[must_use]
    pub fn orders(&self) -> Vec<OrderSummary> {
        let view = self.view.borrow().clone();
        view.orders()
    }

    /// One order.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<OrderDetail> {
        let view = self.view.borrow().clone();
        view.order(id)
    }

    /// What waits for persons.
    #[must_use]
    pub fn holds(&self) -> Holds {
        let view = self.view.borrow().clone();
        view.holds()
    }

    /// What became of an order.
    #[must_use]
    pub fn report(&self, id: &OrderId) -> Option<OrderReport> {
        let view = self.view.borrow().clone();
        view.report(id, jiff::Timestamp::now())
    }

    /// What is never blocked.
    #[must_use]
    pub fn exceptions(&self) -> Vec<NeverBlockEntry> {
        self.view.borrow().exceptions()
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleEntry> {
        self.view.borrow().rule_entries()
    }

    /// A receipt with its signature, or that there is none. Waits for the disk and for nothing else.
    pub async fn receipt(&self, feed: FeedName, id: ReceiptId) -> Answer<Signed> {
        let missing = refusal_of(
            RefusalKind::NotFound,
            "no_such_receipt",
            format!("there is no receipt {} of feed {feed}", id.as_str()),
        );
        let found = self.read(move |receipts| receipts.read(&feed, &id)).await?;
        found.ok_or(missing)
    }

    /// The file of the appliance's public key, by which receipts verify.
    pub async fn public_key(&self) -> Answer<String> {
        let found = self.read(ReceiptDir::public_key).await?;
        found.ok_or_else(|| {
            let error = "the appliance has no key yet; see the alarms of `filter-ctl status`";
            refusal("no_key", error.to_owned())
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReceiptDir) -> Result<T, ReceiptError> + Send + 'static,
    ) -> Answer<T> {
        let receipts = self.receipts.clone();
        match tokio::task::spawn_blocking(move || read(&receipts)).await {
            Ok(result) => result.map_err(|error| refusal("cannot_read", error.to_string())),
            Err(_) => Err(stopping()),
        }
    }

    /// Hints that there is something new of a feed; false if nobody pulls it.
    #[must_use]
    pub fn hint(&self, feed: &FeedName) -> bool {
        self.hints.give(feed)
    }

    /// Where the tasks that pull feeds wait for hints.
    #[must_use]
    pub const fn hints(&self) -> &Hints {
        &self.hints
    }

    /// The view itself, for the metrics.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }
}

fn stopping() -> Refusal {
    refusal("stopping", "the service is stopping".to_owned())
}

fn refusal(code: &str, error: String) -> Refusal {
    refusal_of(RefusalKind::Failed, code, error)
}

fn refusal_of(kind: RefusalKind, code: &str, error: String) -> Refusal {
    Refusal {
        kind,
        code: code.to_owned(),
        error,
    }
}
