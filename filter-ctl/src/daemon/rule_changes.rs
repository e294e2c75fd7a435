//! Rules that operators add and remove.

use jiff::Timestamp;

use super::{
    engine::{Engine, actor_name, invalid, not_found, refused},
    handle::{Actor, Answer},
    local::{Local, RULES},
    rules::{AddedRule, ConflictError, choose},
};
use crate::{
    audit::Event,
    http::wire::{AddRule, Changed, RuleAdded},
    order::field::parse_until,
    rule::{Rule, RuleId, text},
};

/// The alarm about a rule that does not go together with others.
const LEFT_OUT: &str = "rule_left_out";

impl Engine {
    pub(super) fn add_rule(&mut self, request: &AddRule, actor: &Actor) -> Answer<RuleAdded> {
        self.check_undamaged(None)?;
        let written =
            text::parse(&request.text).map_err(|error| invalid("rule", error.to_string()))?;
        let now = self.now();
        let until = request
            .until
            .as_deref()
            .map(|until| parse_until(until, now, &self.timezone))
            .transpose()
            .map_err(|error| invalid("until", error.to_string()))?;
        if until.is_some_and(|until| until <= now) {
            let error = "the end of the rule has passed: expected a later one";
            return Err(invalid("until", error.to_owned()));
        }
        let mut local = self.local.clone();
        local.rules.rules.retain(|added| added.rule.holds(now));
        let id = match &request.id {
            Some(name) => name.clone().into(),
            None => local.rules.next_id(&self.config),
        };
        let added = AddedRule {
            rule: Rule::new(id.clone(), written, until),
            reason: request.reason.clone(),
            by: actor_name(actor),
            at: now,
        };
        let text = added.rule.text.to_string();
        local.rules.rules.push(added);
        let chosen = choose(&self.config, &local, now);
        // What is left out already stays left out; this is about the new one.
        let conflict = chosen.left_out.into_iter().find(|left| *left.id() == id);
        if let Some(conflict) = conflict {
            return Err(refused(conflict.code(), conflict.to_string()));
        }
        let event = Event::new(&actor_name(actor), "rule_add", id.as_str())
            .detail("text", &text)
            .detail(
                "until",
                until.map_or_else(String::new, |until| until.to_string()),
            )
            .detail("reason", &request.reason);
        let message = format!("rule {id} is in force: {text}");
        let changed = self.decide(local, Local::save_rules, event, message)?;
        Ok(RuleAdded { id, text, changed })
    }

    pub(super) fn remove_rule(&mut self, id: &RuleId, actor: &Actor) -> Answer<Changed> {
        self.check_undamaged(None)?;
        let mut local = self.local.clone();
        let Some(position) = local
            .rules
            .rules
            .iter()
            .position(|added| added.rule.id == *id)
        else {
            if self.config.rules.iter().any(|known| known.rule.id == *id) {
                let how = match id.group() {
                    None => "take it out of the file and reload".to_owned(),
                    Some(group) => {
                        format!("set `then = \"none\"` for it in host group {group} and reload")
                    }
                };
                let error = format!("rule {id} is in the configuration: {how}");
                return Err(refused("rule_configured", error));
            }
            let error = format!("there is no rule {id}; see `filter-ctl rule list`");
            return Err(not_found("no_such_rule", error));
        };
        let removed = local.rules.rules.remove(position);
        let event = Event::new(&actor_name(actor), "rule_remove", id.as_str())
            .detail("text", &removed.rule.text);
        let message = format!("rule {id} is removed: {}", removed.rule.text);
        self.decide(local, Local::save_rules, event, message)
    }

    /// Forgets rules that have ended.
    pub(super) fn forget_ended_rules(&mut self, now: Timestamp) {
        if self
            .local
            .rules
            .rules
            .iter()
            .any(|added| !added.rule.holds(now))
        {
            self.local.rules.rules.retain(|added| added.rule.holds(now));
            self.save_decisions(RULES, Local::save_rules);
        }
    }

    /// Says which rules are not in force, because others are in their place.
    pub(super) fn note_left_out(&mut self, left_out: &[ConflictError]) {
        let is_gone = |subject: &str| left_out.iter().all(|left| left.id().as_str() != subject);
        self.alarms
            .retain(|(code, subject), _| *code != LEFT_OUT || !is_gone(subject));
        for conflict in left_out {
            let message = format!(
                "the rule of that name that was added is not in force: {conflict}; remove it, or change the \
                 configuration and reload"
            );
            self.raise(LEFT_OUT, conflict.id().as_str(), message);
        }
    }
}
