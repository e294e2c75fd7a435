//! The changes that operators and authorities ask for.
//!
//! Each follows the same steps: judge it, plan what it would amount to, make it durable, enforce it,
//! record it. Whatever fails before it is durable changes nothing.

use std::{path::Path, sync::Arc};

use filter_common::table::Scope;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    desired::SourceKey,
    engine::{Engine, actor_name, failed, invalid, not_found, refused},
    handle::{Actor, Answer, Command},
    local::{EXCEPTIONS_MAX, Exception, Local, LocalError, WITHDRAWALS_MAX, WithdrawalRecord},
    recover::Unreadable,
};
use crate::{
    audit::Event,
    http::wire::{
        AddException, Changed, InterfaceRequest, PanicRequest, RemoveException, Stats, Withdraw,
    },
    kernel::attach,
    observe::report,
    order::field::parse_until,
};

/// Writes one of the files of decisions below a state directory.
pub(super) type Save = fn(&Local, &Path) -> Result<(), LocalError>;

impl Engine {
    /// Carries out a command and sends its answer. Nobody waiting for an answer is no error: the
    /// change was asked for all the same.
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Apply(upload, actor, answer) => {
                let result = self.apply(upload, &actor);
                self.reply(answer, result);
            }
            Command::AddOrder(order, attachment, actor, answer) => {
                let result = self.add_order(&order, attachment.as_ref(), &actor);
                self.reply(answer, result);
            }
            Command::Withdraw(request, actor, answer) => {
                let asked_at = Timestamp::now();
                let result = self.withdraw(&request, &actor);
                self.note_unblocked(asked_at, &result);
                self.reply(answer, result);
            }
            Command::Reinstate(request, actor, answer) => {
                let result = self.reinstate(&request, &actor);
                self.reply(answer, result);
            }
            Command::Approve(request, actor, answer) => {
                let result = self.approve(&request, &actor);
                self.reply(answer, result);
            }
            Command::Reject(request, actor, answer) => {
                let result = self.reject(&request, &actor);
                self.reply(answer, result);
            }
            Command::AddException(request, actor, answer) => {
                let asked_at = Timestamp::now();
                let result = self.add_exception(request, &actor);
                self.note_unblocked(asked_at, &result);
                self.reply(answer, result);
            }
            Command::RemoveException(request, actor, answer) => {
                let result = self.remove_exception(&request, &actor);
                self.reply(answer, result);
            }
            Command::AddRule(request, actor, answer) => {
                let result = self.add_rule(&request, &actor);
                self.reply(answer, result);
            }
            Command::RemoveRule(id, actor, answer) => {
                let result = self.remove_rule(&id, &actor);
                self.reply(answer, result);
            }
            Command::ReportSent(request, actor, answer) => {
                let result = self.report_sent(&request, &actor);
                self.reply(answer, result);
            }
            Command::Attach(request, actor, answer) => {
                let result = self.attach(&request, &actor);
                self.reply(answer, result);
            }
            Command::Detach(request, actor, answer) => {
                let result = self.detach(&request, &actor);
                self.reply(answer, result);
            }
            Command::Panic(request, actor, answer) => {
                let result = match request.feed.clone() {
                    Some(feed) => self.panic_feed(&feed, &request, &actor),
                    None => Ok(self.panic(&request, &actor)),
                };
                self.reply(answer, result);
            }
            Command::AcceptClock(request, actor, answer) => {
                let result = self.accept_clock(&request, &actor);
                self.reply(answer, result);
            }
            Command::OpenWhole(request, actor, answer) => {
                let result = self.open_whole(&request, &actor);
                self.reply(answer, result);
            }
            Command::CloseWhole(id) => self.close_whole(id),
            Command::Reload(actor, answer) => {
                let result = self.reload(&actor);
                self.reply(answer, result);
            }
            Command::Pause(feed, request, actor, answer) => {
                let result = self.pause(&feed, &request, &actor);
                self.reply(answer, result);
            }
            Command::RollBack(feed, request, actor, answer) => {
                let result = self.roll_back(&feed, &request, &actor);
                self.reply(answer, result);
            }
            Command::Resume(feed, actor, answer) => {
                let result = self.resume(&feed, &actor);
                self.reply(answer, result);
            }
            Command::Pull(command) => self.pull_command(command),
            Command::Stats(answer) => {
                let result = Ok(self.stats());
                self.reply(answer, result);
            }
        }
    }

    /// Answers after the view shows what was done, so that who asks next sees it.
    pub(super) fn reply<T>(&mut self, answer: oneshot::Sender<T>, result: T) {
        self.publish_view();
        let _gone = answer.send(result);
    }

    fn stats(&mut self) -> Stats {
        self.read_counters();
        report::stats(&self.ledger, Timestamp::now())
    }

    fn withdraw(&mut self, request: &Withdraw, actor: &Actor) -> Answer<Changed> {
        self.check_known(request)?;
        let entry = request.entry.as_deref().map(Box::from);
        let known = |record: &WithdrawalRecord| record.order == request.id && record.entry == entry;
        if self.local.withdrawals.iter().any(known) {
            return Err(refused(
                "already_withdrawn",
                format!("{} is withdrawn already", subject(request)),
            ));
        }
        if self.local.withdrawals.len() >= WITHDRAWALS_MAX {
            let error =
                format!("{WITHDRAWALS_MAX} withdrawals are in force already, which is the limit");
            return Err(refused("limit", error));
        }
        let mut local = self.local.clone();
        local.withdrawals.push(WithdrawalRecord {
            order: request.id.clone(),
            entry,
            reason: request.reason.clone(),
            by: actor_name(actor),
            at: Timestamp::now(),
        });
        let message = format!("{} is withdrawn and no longer enforced", subject(request));
        let event = Event::new(&actor_name(actor), "withdraw", subject(request));
        self.take_away(
            local,
            Local::save_withdrawals,
            event.detail("reason", &request.reason),
            message,
        )
    }

    fn reinstate(&mut self, request: &Withdraw, actor: &Actor) -> Answer<Changed> {
        self.check_undamaged(None)?;
        let mut local = self.local.clone();
        local.withdrawals.retain(|record| {
            record.order != request.id || record.entry.as_deref() != request.entry.as_deref()
        });
        if local.withdrawals.len() == self.local.withdrawals.len() {
            return Err(not_found(
                "not_withdrawn",
                format!("{} is not withdrawn", subject(request)),
            ));
        }
        let message = format!(
            "{} is enforced again, as far as it has not ended",
            subject(request)
        );
        let event = Event::new(&actor_name(actor), "reinstate", subject(request));
        self.decide(
            local,
            Local::save_withdrawals,
            event.detail("reason", &request.reason),
            message,
        )
    }

    fn check_known(&mut self, request: &Withdraw) -> Answer<()> {
        let in_force = self.pinned.in_force(&self.sources, &self.local.pauses);
        let in_force = self.with_recovered(in_force);
        let sources = in_force.values().chain(self.sources.values());
        let sources = sources.filter(|source| *source.feed() == request.id.feed);
        let mut of_order = sources.filter_map(|source| {
            let orders = source.orders().iter();
            let index = orders
                .into_iter()
                .position(|info| info.reference == request.id.reference)?;
            Some((source, index))
        });
        let known = of_order.any(|(source, index)| match &request.entry {
            None => true,
            Some(entry) => {
                let entries = source.entries();
                let position = entries.find(entry);
                position.is_some_and(|at| entries.at(at).terms.order as usize == index)
            }
        });
        if known {
            return Ok(());
        }
        let cure = "see `filter-ctl order list`";
        Err(not_found(
            "no_such_order",
            format!("there is no {}; {cure}", subject(request)),
        ))
    }

    fn add_exception(&mut self, request: AddException, actor: &Actor) -> Answer<Changed> {
        let AddException {
            net,
            scope,
            reason,
            until,
        } = request;
        if net.trunc() != net {
            let error = format!("{net} has host bits: expected {}", net.trunc());
            return Err(invalid("host_bits", error));
        }
        let scope = match scope.as_str() {
            "lists" => Scope::Lists,
            "all" => Scope::All,
            other => {
                let error = format!("`{other}` is no scope: expected `lists` or `all`");
                return Err(invalid("scope", error));
            }
        };
        if reason.trim().is_empty() {
            return Err(invalid("reason", "an exception needs a reason".to_owned()));
        }
        let now = self.now();
        let until = until
            .map(|until| parse_until(&until, now, &self.timezone))
            .transpose()
            .map_err(|error| invalid("until", error.to_string()))?;
        if until.is_some_and(|until| until <= now) {
            return Err(invalid(
                "until",
                "the end of the exception has passed".to_owned(),
            ));
        }
        let mut local = self.local.clone();
        local.exceptions.retain(|exception| exception.net != net);
        if local.exceptions.len() >= EXCEPTIONS_MAX {
            let error =
                format!("{EXCEPTIONS_MAX} exceptions are in force already, which is the limit");
            return Err(refused("limit", error));
        }
        let event = Event::new(&actor_name(actor), "exception_add", net.to_string())
            .detail("scope", if scope == Scope::All { "all" } else { "lists" })
            .detail(
                "until",
                until.map_or_else(String::new, |until| until.to_string()),
            )
            .detail("reason", &reason);
        local.exceptions.push(Exception {
            net,
            all: scope == Scope::All,
            reason,
            until,
            by: actor_name(actor),
            at: now,
        });
        self.take_away(
            local,
            Local::save_exceptions,
            event,
            format!("{net} is no longer blocked"),
        )
    }

    fn remove_exception(&mut self, request: &RemoveException, actor: &Actor) -> Answer<Changed> {
        self.check_undamaged(None)?;
        let net = request.net;
        let mut local = self.local.clone();
        local.exceptions.retain(|exception| exception.net != net);
        if local.exceptions.len() == self.local.exceptions.len() {
            let error = format!(
                "{net} is no exception; built-in and configured entries cannot be removed here, see \
                 `filter-ctl exception list`"
            );
            return Err(not_found("no_such_exception", error));
        }
        let event = Event::new(&actor_name(actor), "exception_remove", net.to_string());
        let message = format!("{net} can be blocked again");
        self.decide(local, Local::save_exceptions, event, message)
    }

    /// The same for a decision that takes blocking away: a disk that does not take it does not keep it from being
    /// enforced. It is written as soon as that can be done, see [`Engine::save_unsaved`].
    pub(super) fn take_away(
        &mut self,
        local: Local,
        save: Save,
        event: Event,
        message: String,
    ) -> Answer<Changed> {
        let files = local.changed_files(&self.local);
        match (
            self.decide(local.clone(), save, event.clone(), message.clone()),
            &files[..],
        ) {
            (Err(refusal), [file]) if refusal.code == "state_not_writable" => {
                self.raise("state_not_writable", *file, refusal.error.clone());
                let keep: Save = |_, _| Ok(());
                self.ledger_may_wait = true;
                let changed = self.decide(local, keep, event, message);
                self.ledger_may_wait = false;
                let mut changed = changed?;
                self.unsaved.insert(*file, save);
                changed.message = format!(
                    "{}: this is in force, and NOT ON DISK: {}; a restart before that is mended forgets it",
                    changed.message, refusal.error
                );
                Ok(changed)
            }
            (result, _) => result,
        }
    }

    /// Writes what was enforced and could not be written.
    pub(super) fn save_unsaved(&mut self) {
        for (file, save) in std::mem::take(&mut self.unsaved) {
            self.save_decisions(file, save);
            if self.has_alarm("state_not_writable", file) {
                self.unsaved.insert(file, save);
            }
        }
    }

    /// Makes an operator's decision durable and enforces it.
    ///
    /// Where nobody can say what is in force, the table stays as it is, and the decision waits on disk. A file of
    /// decisions that cannot be read is not written over.
    pub(super) fn decide(
        &mut self,
        local: Local,
        save: Save,
        event: Event,
        message: String,
    ) -> Answer<Changed> {
        let sources = self.sources.clone();
        let plan = self.plan(&sources, &local)?;
        if let Some(file) = self.damaged_decisions(&local) {
            let error = format!(
                "{file} cannot be read and is not written over; put back a good copy and restart; meanwhile \
                 `filter-ctl panic off` lets every packet pass"
            );
            return Err(failed("state_damaged", error));
        }
        let stored = save(&local, &self.config.state_dir);
        self.stored("state_not_writable", stored)?;
        self.local = local;
        self.record(event);
        if let Unreadable::Unknown(problem) = &self.unreadable {
            self.rules = Arc::new(plan.rules);
            let message = format!(
                "{message}: this is stored, and NOT YET IN FORCE, because {problem}; the table in force stays as it \
                 is until that is mended; `filter-ctl panic off` lets every packet pass meanwhile"
            );
            let generation = self.generation();
            return Ok(Changed {
                message,
                generation,
            });
        }
        let generation = self.enforce_plan(plan)?;
        Ok(Changed {
            message,
            generation: Some(generation),
        })
    }

    /// Writes a file of decisions of which some have ended. What is not written has ended all the same.
    pub(super) fn save_decisions(&mut self, file: &'static str, save: Save) {
        match save(&self.local, &self.config.state_dir) {
            Ok(()) => self.clear_alarm("state_not_writable", file),
            Err(error) => self.raise("state_not_writable", file, error.to_string()),
        }
    }

    /// A file that holds one of the decisions that would change, and cannot be read.
    fn damaged_decisions(&self, local: &Local) -> Option<&'static str> {
        let changed = local.changed_files(&self.local);
        changed
            .into_iter()
            .find(|file| self.damaged.contains(*file))
    }

    fn attach(&mut self, request: &InterfaceRequest, actor: &Actor) -> Answer<Changed> {
        let name = &request.name;
        if self.instance.live().ok().flatten().is_none() {
            let error =
                "there is no generation to enforce yet; see the alarms of `filter-ctl status`";
            return Err(failed("no_generation", error.to_owned()));
        }
        let attached = self.attach_one(name)?;
        self.detached.remove(name);
        let message = match attached {
            attach::Attached::Kept => format!("{name} was attached already"),
            attach::Attached::New | attach::Attached::Replaced => format!("{name} is attached"),
        };
        self.record(Event::new(&actor_name(actor), "attach_request", name));
        Ok(Changed {
            message,
            generation: self.generation(),
        })
    }

    fn detach(&mut self, request: &InterfaceRequest, actor: &Actor) -> Answer<Changed> {
        let name = &request.name;
        let detached = attach::detach(&self.pins, name)
            .map_err(|error| failed("detach", error.to_string()))?;
        if !detached {
            let error = format!("{name} is not attached; see `filter-ctl status`");
            return Err(not_found("not_attached", error));
        }
        self.detached.insert(name.clone());
        self.record(Event::new(&actor_name(actor), "detach", name));
        tracing::warn!(interface = name, "detached: nothing is filtered there");
        let message = format!(
            "{name} is detached and not filtered, until `filter-ctl attach {name}` or the next start \
             of the service"
        );
        Ok(Changed {
            message,
            generation: self.generation(),
        })
    }

    fn panic(&mut self, request: &PanicRequest, actor: &Actor) -> Changed {
        self.instance.set_bypass(request.off);
        self.set_bypass_before(request.off);
        let (action, message) = if request.off {
            (
                "panic_off",
                "filtering is off: every packet passes, and is counted as `bypass`",
            )
        } else {
            ("panic_on", "filtering is on")
        };
        tracing::warn!(actor = actor_name(actor), action, "the kill switch was set");
        self.record(
            Event::new(&actor_name(actor), action, "filtering").detail("reason", &request.reason),
        );
        Changed {
            message: message.to_owned(),
            generation: self.generation(),
        }
    }

    /// The generation in force.
    pub(super) fn generation(&self) -> Option<u64> {
        self.instance
            .live()
            .ok()
            .flatten()
            .map(|live| live.generation)
    }

    /// Replaces one source, if what results fits.
    pub(super) fn sources_with(
        &self,
        key: SourceKey,
        order: Arc<crate::order::VerifiedOrder>,
    ) -> super::desired::Sources {
        let mut sources = self.sources.clone();
        sources.insert(key, order);
        sources
    }
}

fn subject(request: &Withdraw) -> String {
    match &request.entry {
        Some(entry) => format!("entry {entry} of order {}", request.id),
        None => format!("order {}", request.id),
    }
}
