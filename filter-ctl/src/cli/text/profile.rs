//! The text of `profile list`, `profile show`, and of what `check` says of profiles.

use super::{
    count,
    table::{Side, Table},
};
use crate::cli::{
    command::profile::{About, GroupShown, ProfileShown, SettingShown, ValueShown},
    sanitize,
};

/// A line for each profile.
#[must_use]
pub fn list(profiles: &[ProfileShown]) -> String {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("FROM", Side::Left),
        ("POLICIES", Side::Right),
        ("LIMITS", Side::Right),
        ("RULES", Side::Right),
        ("FOR", Side::Left),
    ]);
    for ProfileShown { about, settings } in profiles {
        let of = |kind| {
            let some = settings.iter().filter(|setting| setting.kind == kind);
            some.count().to_string()
        };
        table.row([
            about.name.to_string(),
            about.origin.clone(),
            of("policy"),
            of("limit"),
            of("rule"),
            about.description.clone(),
        ]);
    }
    table.render(0)
}

/// What a profile sets, and what it may break.
#[must_use]
pub fn profile(ProfileShown { about, settings }: &ProfileShown) -> String {
    let mut table = Table::new(&[
        ("KIND", Side::Left),
        ("NAME", Side::Left),
        ("VALUE", Side::Left),
        ("MATCH", Side::Left),
    ]);
    for setting in settings {
        table.row(cells(setting));
    }
    format!("Profile {}{}{}", head(about), table.render(2), tail(about))
}

/// What is in force for a host group, whose word it is, and what it may break.
#[must_use]
pub fn group(group: &GroupShown) -> String {
    let GroupShown {
        host_group,
        profile,
        settings,
        rules,
    } = group;
    let mut table = Table::new(&[
        ("KIND", Side::Left),
        ("NAME", Side::Left),
        ("IN FORCE", Side::Left),
        ("SET BY", Side::Left),
        ("MATCH", Side::Left),
    ]);
    for setting in settings {
        let [kind, name, value, matching] = cells(setting);
        table.row([kind, name, value, set_by(setting), matching]);
    }
    format!(
        "Host group {host_group}, {}, profile {}{}{}",
        count(rules.len() as u64, "rule", "rules"),
        head(profile),
        table.render(2),
        tail(profile)
    )
}

fn cells(setting: &SettingShown) -> [String; 4] {
    let ValueShown { value, matching } = setting.value.clone();
    let (kind, name) = (setting.kind.to_owned(), setting.name.clone());
    [kind, name, value, matching.unwrap_or_default()]
}

fn set_by(setting: &SettingShown) -> String {
    match &setting.instead_of {
        None if setting.set_by == "profile" => "profile".to_owned(),
        None => "host group".to_owned(),
        Some(theirs) if theirs.value != setting.value.value => {
            format!("host group, instead of {}", theirs.value)
        }
        Some(theirs) if theirs.matching != setting.value.matching => {
            "host group, with another match".to_owned()
        }
        Some(_) => "host group, as the profile".to_owned(),
    }
}

fn head(about: &About) -> String {
    let About {
        name,
        origin,
        description,
        ..
    } = about;
    format!("{name} ({origin}): {}\n", sanitize::line(description))
}

fn tail(about: &About) -> String {
    let mut text = "  May break:\n".to_owned();
    for sentence in &about.may_break {
        text += &format!("    {}\n", sanitize::line(sentence));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::command::profile::profile_shown,
        config::profile::{ProfileText, Shelf},
    };

    const MANUAL: &str = include_str!("../../../../docs/profiles.md");

    /// The block of the manual's page that follows a heading.
    fn block(heading: &str) -> &'static str {
        let (_, after) = MANUAL.split_once(heading).expect("a heading");
        let (_, block) = after.split_once("```text\n").expect("a block");
        block.split_once("```").expect("its end").0
    }

    #[test]
    fn the_manual_shows_every_built_in_profile_with_what_it_may_break() {
        let shelf = Shelf::built_in();
        for name in shelf.names().unwrap() {
            let shown = profile_shown(&shelf.find(&name).unwrap());
            let text = profile(&shown);
            assert_eq!(block(&format!("\n## {name}\n")), text);
            assert!(!shown.about.may_break.is_empty());
            for sentence in &shown.about.may_break {
                assert!(text.contains(sentence), "{name}: {sentence}");
            }
        }
    }

    #[test]
    fn the_example_of_the_manual_can_be_used() {
        let (_, own) = MANUAL
            .split_once("\n## Profiles of your own\n")
            .expect("a heading");
        let (_, own) = own.split_once("```toml\n").expect("a block");
        let (own, _) = own.split_once("```").expect("its end");
        ProfileText::parse(own).unwrap();
    }
}
