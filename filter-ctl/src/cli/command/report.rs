//! `report`: what became of an order, for the authority that asked.

use clap::{Args, ValueEnum};

use super::Context;
use crate::{
    cli::{
        failure::Failure,
        output::{self, Outcome, json},
        sanitize,
        text::report::{self, Language},
    },
    http::{
        client::ClientError,
        wire::{OrderReport, RefusalKind, ReportSent},
    },
    order::{FeedName, OrderId},
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// The number of the letter, or FEED:REFERENCE for the order of a bundle
    reference: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// The language of the text and of the table's heads
    #[arg(long, value_enum, default_value_t)]
    lang: LanguageArg,
    /// Note that the report is sent: its deadline no longer counts
    #[arg(long)]
    mark_sent: bool,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for people
    #[default]
    Text,
    /// One document
    Json,
    /// A row for each thing asked for
    Csv,
}

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LanguageArg {
    /// English
    #[default]
    En,
    /// Vietnamese
    Vi,
}

pub(super) fn run(context: &Context, args: &ReportArgs) -> Result<Outcome, Failure> {
    let mut found = find(context, &args.reference)?;
    let mut note = None;
    if args.mark_sent {
        let request = ReportSent {
            id: found.id.clone(),
        };
        let sent = context
            .service
            .ask(async |client| client.report_sent(&request).await)?;
        note = Some(sent.message);
        found = find(context, &found.id.to_string())?;
    }
    let language = match args.lang {
        LanguageArg::En => Language::English,
        LanguageArg::Vi => Language::Vietnamese,
    };
    let text = match args.format {
        _ if context.format == output::Format::Json => json(&found)?,
        ReportFormat::Json => json(&found)?,
        ReportFormat::Text => sanitize::lines(&report::text(&found, language)).into_owned(),
        ReportFormat::Csv => report::csv(&found, language),
    };
    let outcome = Outcome::raw(text);
    Ok(match note {
        Some(note) => outcome.with_note(note),
        None => outcome,
    })
}

/// A reference may have a colon in it, so what looks like FEED:REFERENCE may be an operator's.
fn find(context: &Context, reference: &str) -> Result<OrderReport, Failure> {
    let operators = OrderId {
        feed: FeedName::operator(),
        reference: reference.into(),
    };
    let service = &context.service;
    service
        .ask(async |client| {
            if let Ok(id) = OrderId::try_from(reference.to_owned()) {
                match client.report(&id).await {
                    Err(ClientError::Refused(refusal)) if refusal.kind == RefusalKind::NotFound => {
                    }
                    answer => return answer,
                }
            }
            client.report(&operators).await
        })
        .map_err(Failure::from)
}
