//! Fetching a feed by HTTPS, over and over: one task for each feed, so that none waits for another.
//!
//! What was fetched goes to the engine as a file of the spool; what failed goes there as well, for alarm and
//! metric. A hint fetches at once.
//!
//! - `fetch`: one request, with every limit;
//! - `schedule`: when the next one is due.

mod fetch;
mod schedule;

use self::fetch::{Fetched, Fetcher, Kind, Validators};
use crate::{
    config::pull::{FeedFormat, PullConfig},
    daemon::{
        handle::{Actor, Handle, Upload},
        lists::ListFetch,
    },
    feed::hints::Hinted,
    order::{FeedName, sign::SIGNATURES_MAX},
};

/// Why a fetch came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFailure {
    /// The stable name of the reason.
    pub code: String,
    /// What happened, and what was expected.
    pub error: String,
}

impl PullFailure {
    fn new(code: &str, error: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            error: error.into(),
        }
    }
}

/// What was fetched last, so that the publisher need not send it again.
#[derive(Default)]
struct Known {
    validators: Validators,
    sha256: [u8; 32],
}

/// Fetches a feed until the service stops.
pub async fn run(feed: FeedName, config: PullConfig, hinted: Hinted, handle: Handle) {
    let actor = Actor {
        uid: None,
        name: format!("pull {feed}"),
    };
    let mut known = None;
    let mut failures = 0;
    loop {
        let outcome = once(&feed, &config, &mut known, &handle, &actor).await;
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        handle.note_pull(feed.clone(), outcome).await;
        let delay = schedule::delay(config.refresh, failures, schedule::chance());
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = hinted.wait() => {}
        }
    }
}

async fn once(
    feed: &FeedName,
    config: &PullConfig,
    known: &mut Option<Known>,
    handle: &Handle,
    actor: &Actor,
) -> Result<(), PullFailure> {
    // Made for each fetch, so that a new CA file is read without a reload.
    let fetcher = Fetcher::new(config)?;
    // What fails below is fetched whole the next time.
    let before = known.take();
    let kind = match config.format {
        FeedFormat::Bundle => Kind::Bundle,
        FeedFormat::Plain | FeedFormat::DropJson => Kind::List,
    };
    let validators = before.as_ref().map(|known| &known.validators);
    let answer = fetcher.get(&config.url, kind, validators).await?;
    let refused = |refusal: crate::http::wire::Refusal| PullFailure {
        code: refusal.code,
        error: refusal.error,
    };
    match (answer, before) {
        (Fetched::Unchanged, Some(before)) => {
            if kind == Kind::List {
                let fetch = ListFetch::Unchanged(before.sha256);
                let is_known = handle.take_list(feed.clone(), fetch).await;
                if !is_known.map_err(refused)? {
                    return Ok(());
                }
            }
            *known = Some(before);
        }
        (Fetched::Body(body), _) => {
            let validators = body.validators.clone();
            let input = body.spool(handle.spool()).await?;
            let sha256 = input.sha256();
            if kind == Kind::List {
                let fetch = ListFetch::New(input);
                handle
                    .take_list(feed.clone(), fetch)
                    .await
                    .map_err(refused)?;
            } else {
                let upload = Upload {
                    feed: Some(feed.clone()),
                    bundle: input,
                    signatures: signatures(&fetcher, config).await?,
                };
                handle.apply(upload, actor.clone()).await.map_err(refused)?;
            }
            *known = Some(Known { validators, sha256 });
        }
        (Fetched::Unchanged | Fetched::Missing, _) => {
            let error = "nothing is there: expected status 200";
            return Err(PullFailure::new("http_404", error));
        }
    }
    Ok(())
}

/// The signatures beside a bundle, up to the first that is missing.
async fn signatures(fetcher: &Fetcher, config: &PullConfig) -> Result<Vec<Vec<u8>>, PullFailure> {
    let mut signatures = Vec::new();
    for number in 1..=SIGNATURES_MAX {
        let mut url = config.url.clone();
        let path = match number {
            1 => format!("{}.minisig", url.path()),
            _ => format!("{}.{number}.minisig", url.path()),
        };
        url.set_path(&path);
        match fetcher.get(&url, Kind::Signature, None).await? {
            Fetched::Body(body) => signatures.push(body.read().await?),
            Fetched::Missing | Fetched::Unchanged => break,
        }
    }
    if signatures.is_empty() {
        let error = format!("{}.minisig is not there: expected a signature", config.url);
        return Err(PullFailure::new("no_signature", error));
    }
    Ok(signatures)
}
