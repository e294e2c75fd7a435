//! What waits: signals, sockets, directories, the clock. Everything here ends up as a call of the
//! engine.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::{JoinHandle, block_in_place},
    time::{MissedTickBehavior, interval},
};

use super::{
    engine::Engine,
    handle::{Actor, COMMANDS_MAX, Command, Handle, Watched},
    pullers::Pullers,
    start::{StartError, start},
};
use crate::{
    config::{Config, PushConfig},
    events::{self, Hub},
    feed::directory,
    http::{health, push, server},
    kernel::samples::SampleRing,
    order::{FeedName, parse::BUNDLE_BYTES_MAX_DEFAULT},
    receipt::store::ReceiptDir,
    spool::Spool,
};

/// The time between two ticks.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two readings of the counters.
const READ_EVERY: u64 = 5;
/// Ticks between two writings of the totals.
const SAVE_EVERY: u64 = 30;

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A listener could not be opened.
    #[error(transparent)]
    Listen(#[from] crate::http::ListenError),
    /// The runtime failed.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
}

/// Runs the service until a signal ends it. What the kernel enforces goes on afterwards.
pub fn run(config: Config, config_path: PathBuf) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    runtime.block_on(serve(config, config_path))
}

async fn serve(config: Config, config_path: PathBuf) -> Result<(), DaemonError> {
    let (control_socket, metrics_listen) = (config.control_socket.clone(), config.metrics_listen);
    let (mut engine, view, _lock) = start(config, config_path)?;
    let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
    let receipts = ReceiptDir::new(&engine.config.state_dir);
    let spool = Spool::new(&engine.config.state_dir);
    spool.clear().map_err(StartError::from)?;
    let watched = Watched {
        hub: engine.hub.clone(),
        meters: engine.open_meters(),
    };
    if let Some(ring) = engine.open_samples() {
        tokio::spawn(read_samples(ring, engine.hub.clone()));
    }
    let handle = Handle::new(sender, view, receipts, spool, watched);
    let control = server::bind(&control_socket)?;
    tokio::spawn(server::serve(control, handle.clone()));
    if let Some(address) = metrics_listen {
        tokio::spawn(serve_metrics(address, handle.clone()));
    }
    let (push, settings) = watch::channel(engine.push_config());
    tokio::spawn(push::run(settings, handle.clone(), engine.push.clone()));
    let watchers = Watchers::new(handle, push);
    let result = attend(&mut engine, receiver, watchers).await;
    engine.stop();
    if let Err(error) = std::fs::remove_file(&control_socket) {
        tracing::warn!(socket = %control_socket.display(), %error, "cannot remove the socket");
    }
    result
}

/// Reads samples; nobody waits for them, so an error is no more than one in the log.
async fn read_samples(ring: SampleRing, hub: Hub) {
    if let Err(error) = events::task::run(ring, hub).await {
        tracing::error!(%error, "there are no more samples until the service starts anew");
    }
}

/// Serves metrics and health as soon as their address can be had, which at boot may be later.
async fn serve_metrics(address: SocketAddr, handle: Handle) {
    const RETRY: Duration = Duration::from_secs(5);
    loop {
        match health::bind(address).await {
            Ok(listener) => return health::serve(listener, handle).await,
            Err(error) => tracing::error!(%error, "metrics are not served yet"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn attend(
    engine: &mut Engine,
    mut commands: mpsc::Receiver<Command>,
    mut watchers: Watchers,
) -> Result<(), DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Runtime)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(DaemonError::Runtime)?;
    watchers.follow(engine);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = 0_u64;
    notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!("ready");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                let actor = Actor { uid: None, name: "SIGHUP".to_owned() };
                block_in_place(|| match engine.reload(&actor) {
                    Ok(changed) => tracing::info!("{}", changed.message),
                    Err(refusal) => tracing::error!(code = refusal.code, "{}", refusal.error),
                });
                block_in_place(|| engine.publish_view());
                watchers.follow(engine);
            }
            Some(command) = commands.recv() => {
                block_in_place(|| engine.command(command));
                watchers.follow(engine);
            }
            _ = ticks.tick() => {
                tick += 1;
                block_in_place(|| {
                    engine.tick();
                    if tick.is_multiple_of(READ_EVERY) {
                        engine.read_counters();
                    }
                    if tick.is_multiple_of(SAVE_EVERY) {
                        engine.save_counters();
                    }
                    engine.publish_view();
                });
                notify(&[sd_notify::NotifyState::Watchdog]);
            }
        }
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    Ok(())
}

/// The tasks that go by the configuration: those that watch feeds' directories or fetch them,
/// and the listener for authorities.
struct Watchers {
    handle: Handle,
    push: watch::Sender<PushConfig>,
    pullers: Pullers,
    running: BTreeMap<(FeedName, PathBuf), JoinHandle<()>>,
}

impl Watchers {
    fn new(handle: Handle, push: watch::Sender<PushConfig>) -> Self {
        Self {
            pullers: Pullers::new(handle.clone()),
            handle,
            push,
            running: BTreeMap::new(),
        }
    }

    /// Goes by what the engine is configured to.
    fn follow(&mut self, engine: &Engine) {
        let config = engine.push_config();
        self.push.send_if_modified(|known| {
            let is_new = *known != config;
            *known = config;
            is_new
        });
        self.watch(engine.feed_directories());
        self.pullers.follow(engine.feed_pulls());
    }

    /// Watches these directories and no others.
    fn watch(&mut self, wanted: Vec<(FeedName, PathBuf)>) {
        self.running.retain(|key, task| {
            let keep = wanted.contains(key);
            if !keep {
                task.abort();
            }
            keep
        });
        for key in wanted {
            let handle = self.handle.clone();
            self.running.entry(key).or_insert_with_key(|(feed, path)| {
                let limit = BUNDLE_BYTES_MAX_DEFAULT as u64;
                tokio::spawn(directory::watch(feed.clone(), path.clone(), limit, handle))
            });
        }
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        for task in self.running.values() {
            task.abort();
        }
    }
}

/// Tells the service manager, if there is one.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
