//! `profile`: what a host group can say, under a name. Needs no service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use crate::{
    cli::{failure::Failure, offline, output::Outcome, text},
    config::{
        Config, DEFAULT_PATH, HostGroupConfig,
        profile::{GroupRule, InForce, Profile, ProfileError, ProfileName, Setting, Shelf},
    },
    exit::Exit,
    rule::RuleId,
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum ProfileCommand {
    /// List the profiles: the built-in ones, and those of the configuration's directory
    List(ListArgs),
    /// Show what a profile sets, and what it may break
    Show(ShowArgs),
}

/// The arguments of `list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The name of the profile
    #[arg(value_name = "NAME", value_parser = name)]
    name: ProfileName,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Where profiles are.
#[derive(Args, Clone, Debug)]
struct PlaceArgs {
    /// The configuration that says where further profiles are
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

/// What a profile says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its name.
    pub name: ProfileName,
    /// The file that it was read from; none of one that is built in.
    pub file: Option<PathBuf>,
    /// What it is for.
    pub description: String,
    /// What of good traffic it may break.
    pub may_break: Vec<String>,
    /// The file, or that it is built in, in words.
    #[serde(skip)]
    pub origin: String,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileShown {
    /// What it says of itself.
    #[serde(flatten)]
    pub about: About,
    /// What it sets.
    pub settings: Vec<SettingShown>,
}

/// What a profile does for a host group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupShown {
    /// The group.
    pub host_group: String,
    /// What the profile says of itself.
    pub profile: About,
    /// What is in force for the group, of the profile and its own.
    pub settings: Vec<SettingShown>,
    /// The rules that this makes, one for each network.
    pub rules: Vec<RuleId>,
}

/// A setting of a profile or a host group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingShown {
    /// `policy`, `limit` or `rule`.
    pub kind: &'static str,
    /// What is set.
    pub name: String,
    /// What it is set to; of a rule, what it does.
    #[serde(flatten)]
    pub value: ValueShown,
    /// Who sets it: `profile` or `host_group`.
    pub set_by: &'static str,
    /// What the profile says, where the host group says something else.
    pub instead_of: Option<ValueShown>,
}

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueShown {
    /// An action or a rate.
    pub value: String,
    /// The packets that a rule means, without the networks of the group.
    #[serde(rename = "match")]
    pub matching: Option<String>,
}

pub(super) fn run(context: &Context, command: &ProfileCommand) -> Result<Outcome, Failure> {
    match command {
        ProfileCommand::List(ListArgs { place }) => list(context, &place.shelf()),
        ProfileCommand::Show(ShowArgs { name, place }) => {
            let profile = place.shelf().find(name).map_err(|error| failure(&error))?;
            let shown = profile_shown(&profile);
            context.document(&shown, || text::profile::profile(&shown))
        }
    }
}

/// All profiles that can be used. Those that cannot are named beside them.
fn list(context: &Context, shelf: &Shelf) -> Result<Outcome, Failure> {
    let names = shelf.names().map_err(|error| failure(&error))?;
    let mut shown = Vec::with_capacity(names.len());
    let mut notes = Vec::new();
    for name in &names {
        match shelf.find(name) {
            Ok(profile) => shown.push(profile_shown(&profile)),
            Err(error) => notes.push(error.to_string()),
        }
    }
    let mut outcome = context.document(&shown, || text::profile::list(&shown))?;
    if !notes.is_empty() {
        outcome = outcome.with_exit(Exit::Usage);
    }
    outcome.notes = notes;
    Ok(outcome)
}

fn failure(error: &ProfileError) -> Failure {
    match error {
        ProfileError::Unknown { .. } => Failure::not_found("no_such_profile", error.to_string()),
        _ => Failure::invalid("profile", error.to_string()),
    }
}

/// What profiles do for the host groups that name one.
pub(super) fn groups(config: &Config) -> Vec<GroupShown> {
    let groups = config.host_groups.iter();
    groups
        .filter_map(|group| group_shown(config, group))
        .collect()
}

fn group_shown(config: &Config, group: &HostGroupConfig) -> Option<GroupShown> {
    let profile = group.in_force.profile.as_ref()?;
    let rules = config.rules.iter().map(|configured| &configured.rule.id);
    let own = rules.filter(|id| id.group() == Some(group.name.as_str()));
    Some(GroupShown {
        host_group: group.name.clone(),
        profile: about(profile),
        settings: settings(&group.in_force),
        rules: own.cloned().collect(),
    })
}

pub(in crate::cli) fn profile_shown(profile: &Profile) -> ProfileShown {
    ProfileShown {
        about: about(profile),
        settings: settings(&InForce::of_profile(profile.clone().into())),
    }
}

fn about(profile: &Profile) -> About {
    About {
        name: profile.name.clone(),
        file: profile.file.clone(),
        description: profile.text.description.clone(),
        may_break: profile.text.may_break.clone(),
        origin: profile.origin(),
    }
}

fn settings(in_force: &InForce) -> Vec<SettingShown> {
    let InForce {
        profile: _,
        policies,
        limits,
        rules,
    } = in_force;
    let plain = |value: &dyn ToString| ValueShown {
        value: value.to_string(),
        matching: None,
    };
    let policies = policies.iter().map(|(policy, setting)| {
        setting_shown("policy", policy.name(), setting, |action| {
            plain(&action.name())
        })
    });
    let limits = limits
        .iter()
        .map(|(class, setting)| setting_shown("limit", class.name(), setting, |rate| plain(rate)));
    let rules = rules.iter().map(|(name, setting)| {
        setting_shown("rule", name.as_str(), setting, |rule: &GroupRule| {
            ValueShown {
                value: rule.then.to_string(),
                matching: Some(rule.matching.to_string()),
            }
        })
    });
    policies.chain(limits).chain(rules).collect()
}

fn setting_shown<T>(
    kind: &'static str,
    name: &str,
    setting: &Setting<T>,
    shown: impl Fn(&T) -> ValueShown,
) -> SettingShown {
    let (set_by, instead_of) = match setting {
        Setting::Profile(_) => ("profile", None),
        Setting::Group(_) => ("host_group", None),
        Setting::Overridden { profile, .. } => ("host_group", Some(shown(profile))),
    };
    SettingShown {
        kind,
        name: name.to_owned(),
        value: shown(setting.value()),
        set_by,
        instead_of,
    }
}

fn name(text: &str) -> Result<ProfileName, String> {
    ProfileName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

impl PlaceArgs {
    fn shelf(&self) -> Shelf {
        Shelf::with(&offline::profile_dir(&self.config))
    }
}
