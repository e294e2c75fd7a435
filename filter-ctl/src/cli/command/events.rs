//! `events`: some of the packets that were dropped, and why.

use std::io;

use clap::Args;

use super::Context;
use crate::{
    cli::{
        failure::Failure,
        output::{Ended, Format, Outcome, Stream},
        text,
    },
    http::wire::EventLine,
};

/// Bytes of a line of the stream; a longer one is none of this service's.
const LINE_BYTES_MAX: usize = 1 << 16;

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct EventsArgs {
    /// Print events as they come, until this is interrupted
    #[arg(short, long)]
    follow: bool,
    /// Only events of this reason, such as `order`
    #[arg(long)]
    reason: Option<String>,
}

pub(super) fn run(context: &Context, args: &EventsArgs) -> Result<Outcome, Failure> {
    let reason = args.reason.as_deref();
    if args.follow {
        return Ended::outcome(follow(context, reason));
    }
    let events = context
        .service
        .ask(async |client| client.events(reason).await)?;
    context.document(&events, || text::event::list(&events))
}

fn follow(context: &Context, reason: Option<&str>) -> Result<Outcome, Ended> {
    let mut stream = Stream::stdout();
    let mut printer = Printer {
        format: context.format,
        stream: &mut stream,
        rest: Vec::new(),
        last: None,
    };
    loop {
        let after = printer.last;
        // The service ends a stream from time to time; this goes on where it was.
        let ended = context.service.ask(async |client| {
            let take = |part: &[u8]| printer.take(part);
            client.follow(reason, after, take).await
        });
        ended.map_err(Failure::from)??;
    }
}

/// Prints lines as they become whole.
struct Printer<'a> {
    format: Format,
    stream: &'a mut Stream,
    /// The beginning of a line.
    rest: Vec<u8>,
    /// The number of the event that was printed last.
    last: Option<u64>,
}

impl Printer<'_> {
    fn take(&mut self, part: &[u8]) -> io::Result<()> {
        self.rest.extend_from_slice(part);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = self.rest.drain(..whole.map_or(0, |end| end + 1)).collect();
        if self.rest.len() > LINE_BYTES_MAX {
            let error = format!("an event of more than {LINE_BYTES_MAX} bytes");
            return Err(io::Error::other(error));
        }
        for line in lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            self.line(&serde_json::from_slice(line)?)?;
        }
        self.stream.flush()
    }

    fn line(&mut self, line: &EventLine) -> io::Result<()> {
        if let EventLine::Event(event) = line {
            self.last = Some(event.seq);
        }
        match self.format {
            Format::Json => self.stream.json(line),
            Format::Text => self.stream.text(&text::event::line(line)),
        }
    }
}
