//! `attach` and `detach`: where the program runs.

use clap::Args;

use super::Context;
use crate::{
    cli::{
        failure::Failure,
        offline::{OfflineArgs, is_dead},
        output::Outcome,
    },
    http::{client::ClientError, wire::InterfaceRequest},
};

/// The arguments of `attach`.
#[derive(Args, Clone, Debug)]
pub struct AttachArgs {
    /// The interface
    name: String,
}

/// The arguments of `detach`.
#[derive(Args, Clone, Debug)]
pub struct DetachArgs {
    /// The interfaces
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// Every interface that the program is on
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

pub(super) fn attach(context: &Context, args: &AttachArgs) -> Result<Outcome, Failure> {
    let request = InterfaceRequest {
        name: args.name.clone(),
    };
    let changed = context
        .service
        .ask(async |client| client.attach(&request).await)?;
    context.changed(&changed)
}

pub(super) fn detach(context: &Context, args: &DetachArgs) -> Result<Outcome, Failure> {
    match context.service.ask(async |client| {
        let names = if args.all {
            let status = client.status().await?;
            let attached = status.interfaces.into_iter().filter(|one| one.attached);
            attached.map(|interface| interface.name).collect()
        } else {
            args.names.clone()
        };
        let mut detached = Vec::new();
        for name in names {
            detached.push(client.detach(&InterfaceRequest { name }).await?);
        }
        Ok::<_, ClientError>(detached)
    }) {
        Ok(changes) => match changes.as_slice() {
            [only] => context.changed(only),
            changes => context.document(&changes, || {
                let lines = changes
                    .iter()
                    .map(|changed| format!("{}\n", changed.message));
                lines.collect()
            }),
        },
        Err(error) if is_dead(&error) => {
            let names = if args.all { &[] } else { args.names.as_slice() };
            let detached = args.offline.find().detach(&error, names)?;
            context.on_pins(detached, |names| {
                if names.is_empty() {
                    "The program was on none of them.\n".to_owned()
                } else {
                    format!(
                        "Detached: {}. They are no longer filtered.\n",
                        names.join(", ")
                    )
                }
            })
        }
        Err(error) => Err(error.into()),
    }
}
