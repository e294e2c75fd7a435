//! `order add`: a letter that an operator types in, with what is to be blocked as arguments or as the
//! list that came with it.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use jiff::civil::Date;
use serde::Serialize;

use super::exit_of;
use crate::{
    cli::{
        command::Context,
        failure::Failure,
        output::Outcome,
        text::{
            self, count,
            table::{Side, Table},
        },
    },
    exit::Exit,
    http::wire::{AddOrder, ApplyReport},
    order::{
        Direction,
        letter::{self, Indicator, Kind, LIST_BYTES_MAX, NotEnforceable, ParsedList, parse_list},
    },
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// Print what would be entered, and enter nothing
    #[arg(long)]
    dry_run: bool,
    /// Addresses and prefixes to block; forms such as 203.0.113[.]7 are understood
    #[arg(value_name = "PREFIX")]
    nets: Vec<String>,
    /// The number of the decision or letter
    #[arg(long)]
    reference: String,
    /// The authority that decided; without one, the order is the operator's own
    #[arg(long, default_value = "")]
    issuer: String,
    /// Until when: a time, a date (the end of that day), or from now, such as 30d
    #[arg(long)]
    until: String,
    /// The legal basis
    #[arg(long, default_value = "", hide_default_value = true)]
    basis: String,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// By when the authority expects a report
    #[arg(long)]
    deadline: Option<String>,
    /// The date of the letter, such as 2026-11-24
    #[arg(long)]
    date: Option<Date>,
    /// Which packets of the listed address
    #[arg(long, value_enum, default_value_t)]
    dir: DirectionArg,
    /// A protocol by name or number; without it all
    #[arg(long)]
    proto: Option<String>,
    /// Ports of the listed address, such as 443 or 8000-8010; without it all
    #[arg(
        long = "port",
        value_name = "PORT",
        value_delimiter = ',',
        requires = "proto"
    )]
    ports: Vec<String>,
    /// The list that came with the letter; `-` for standard input
    #[arg(long, value_name = "LIST")]
    file: Option<PathBuf>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t, requires = "file")]
    format: ListFormat,
    /// The column of a CSV list that holds the addresses
    #[arg(long, value_name = "NAME", requires = "file")]
    column: Option<String>,
}

/// Which packets of a listed address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    /// Those that come from it
    From,
    /// Those that go to it
    To,
    /// Both
    #[default]
    Both,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// CSV if it looks like it, else text
    #[default]
    Auto,
    /// A table with a line of column names
    Csv,
    /// Lines of text
    Text,
}

/// Something that was asked for and that no packet filter can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct CannotBlock {
    /// The list; `arguments` for the command line.
    source: String,
    #[serde(flatten)]
    item: NotEnforceable,
}

impl CannotBlock {
    fn indicator(&self) -> Indicator {
        Indicator {
            kind: self.item.kind,
            text: self.item.text.clone(),
        }
    }
}

/// The document.
#[derive(Serialize)]
struct Added {
    #[serde(flatten)]
    report: ApplyReport,
    not_enforceable: Vec<CannotBlock>,
}

/// What `--dry-run` has read.
#[derive(Serialize)]
struct ReadOnly {
    nets: Vec<IpNet>,
    not_enforceable: Vec<CannotBlock>,
}

/// What the letter asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    nets: Vec<IpNet>,
    not_enforceable: Vec<CannotBlock>,
    /// The list that came with it, as it is written: the service keeps it as evidence.
    attachment: Option<String>,
}

pub(super) fn run(context: &Context, args: AddArgs) -> Result<Outcome, Failure> {
    let Asked {
        nets,
        not_enforceable,
        attachment,
    } = asked(&args)?;
    // A letter that names nothing but domains is an order too, and is answered.
    if nets.is_empty() && not_enforceable.is_empty() {
        return Err(Failure::invalid(
            "no_entries",
            "there is nothing to block: give prefixes, or a list with --file",
        ));
    }
    if args.dry_run {
        let read = ReadOnly {
            nets,
            not_enforceable,
        };
        return context.document(&read, || {
            let nets = read.nets.iter().map(|net| format!("{net}\n"));
            let nets = nets.collect::<String>();
            format!(
                "{}, nothing was entered:\n{nets}{}",
                count(read.nets.len() as u64, "prefix", "prefixes"),
                not_enforceable_text(&read.not_enforceable)
            )
        });
    }
    let request = AddOrder {
        reference: args.reference,
        issuer: args.issuer,
        basis: args.basis,
        reason: args.reason,
        until: args.until,
        deadline: args.deadline,
        date: args.date,
        not_enforceable: not_enforceable.iter().map(CannotBlock::indicator).collect(),
        nets,
        dir: match args.dir {
            DirectionArg::From => Direction::From,
            DirectionArg::To => Direction::To,
            DirectionArg::Both => Direction::Both,
        },
        proto: args.proto,
        ports: args.ports,
    };
    let report = context.service.ask(async |client| {
        let attachment = attachment.as_deref().map(str::as_bytes);
        client.add_order(&request, attachment).await
    })?;
    let exit = if not_enforceable.is_empty() {
        exit_of(&report)
    } else {
        Exit::Refused
    };
    let added = Added {
        report,
        not_enforceable,
    };
    let outcome = context.document(&added, || {
        text::order::report(&added.report) + &not_enforceable_text(&added.not_enforceable)
    })?;
    Ok(outcome.with_exit(exit))
}

/// Reads arguments and list. Each prefix is asked for once, however often it is listed.
fn asked(args: &AddArgs) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    let mut seen = BTreeSet::new();
    let mut take = |source: &str, list: ParsedList| {
        let ParsedList {
            entries,
            not_enforceable,
        } = list;
        let nets = entries.into_iter().map(|entry| entry.net);
        asked.nets.extend(nets.filter(|net| seen.insert(*net)));
        let items = not_enforceable.into_iter().map(|item| CannotBlock {
            source: source.to_owned(),
            item,
        });
        asked.not_enforceable.extend(items);
    };
    if !args.nets.is_empty() {
        let text = args.nets.join("\n");
        let list = parse_list(&text, letter::Format::Text, None)
            .map_err(|error| Failure::invalid(error.code(), format!("argument, {error}")))?;
        take("arguments", list);
    }
    if let Some(file) = &args.file {
        let format = match args.format {
            ListFormat::Auto => letter::Format::Auto,
            ListFormat::Csv => letter::Format::Csv,
            ListFormat::Text => letter::Format::Text,
        };
        let name = file.display().to_string();
        let text = read_list(file)?;
        let list = parse_list(&text, format, args.column.as_deref())
            .map_err(|error| Failure::invalid(error.code(), format!("{name}, {error}")))?;
        take(&name, list);
        asked.attachment = Some(text);
    }
    Ok(asked)
}

fn read_list(file: &Path) -> Result<String, Failure> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        // One byte more than there may be, so that a longer list is noticed.
        let limit = LIST_BYTES_MAX as u64 + 1;
        io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    } else {
        fs::read(file)
    };
    let name = file.display();
    let bytes = bytes
        .map_err(|error| Failure::invalid("cannot_read", format!("cannot read {name}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + String::from_utf8_lossy(&error.as_bytes()[..valid])
            .matches('\n')
            .count();
        Failure::invalid(
            "not_utf8",
            format!("{name}, line {line}: not UTF-8 text: save the list as UTF-8 and try again"),
        )
    })
}

fn not_enforceable_text(items: &[CannotBlock]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        ("SOURCE", Side::Left),
        ("LINE", Side::Right),
        ("KIND", Side::Left),
        ("TEXT", Side::Left),
    ]);
    for CannotBlock { source, item } in items {
        let kind = match item.kind {
            Kind::Domain => "host name",
            Kind::Url => "URL",
            Kind::Hash => "hash",
            Kind::Email => "mail address",
            Kind::Other => "no address",
        };
        table.row([
            source.clone(),
            item.line.to_string(),
            kind.to_owned(),
            item.text.clone(),
        ]);
    }
    format!(
        "\n{} cannot be blocked by a packet filter:\n{}",
        count(items.len() as u64, "item", "items"),
        table.render(2)
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{
        args::{self, Command},
        command::order::OrderCommand,
    };

    fn args(more: &[&str]) -> AddArgs {
        let line = "filter-ctl order add --reference 298 --issuer CERT --until 30d";
        let line = line.split(' ').chain(more.iter().copied());
        match args::Args::parse_from(line).command {
            Command::Order(OrderCommand::Add(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_and_lists_are_read_together() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("annex.txt");
        let text = "# annex\n1. 203.0.113[.]8\nevil[.]example\n203.0.113[.]7\n2001:db8:7::/48\n";
        fs::write(&list, text).unwrap();
        let file = list.display().to_string();
        let asked = asked(&args(&["203.0.113[.]7", "--file", &file])).unwrap();
        let nets: Vec<String> = asked.nets.iter().map(ToString::to_string).collect();
        assert_eq!(
            nets,
            ["203.0.113.7/32", "203.0.113.8/32", "2001:db8:7::/48"]
        );
        let text = not_enforceable_text(&asked.not_enforceable);
        assert!(
            text.starts_with("\n1 item cannot be blocked by a packet filter:\n"),
            "{text}"
        );
        let row = format!("  {file}     3  host name  evil.example\n");
        assert!(text.ends_with(&row), "{text}");
    }

    #[test]
    fn a_list_without_any_address_is_asked_for_all_the_same() {
        let asked = asked(&args(&["evil.example"])).unwrap();
        assert_eq!(asked.nets, []);
        let text = not_enforceable_text(&asked.not_enforceable);
        assert!(text.contains("host name  evil.example"), "{text}");
    }

    #[test]
    fn mistakes_name_their_place() {
        let failure = asked(&args(&["203.0.113.7", "203.0.113.1/24"])).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let text = failure.refusal.error;
        assert!(
            text.starts_with("argument, line 2: `203.0.113.1/24`: "),
            "{text}"
        );
        let failure = asked(&args(&["--file", "/nonexistent"])).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }
}
