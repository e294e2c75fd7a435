//! The real binary: the service in a namespace, and the commands that speak with it.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    bpffs::{Bpffs, SmallDisk},
    clock::Clock,
    netns::Namespace,
    people::People,
    wait_for,
};

/// How long the service may take to start or to stop. In an emulated machine the verifier takes a quarter
/// of a minute for each interface.
const PATIENCE: Duration = Duration::from_mins(2);

/// A setting with which [`Site::metrics`] works.
pub(crate) const METRICS: &str = "metrics_listen = \"127.0.0.1:9469\"\n";
const METRICS_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_469);

/// The binary under test: `LEVEE_FILTER_CTL`, or the one that was built beside this test.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("LEVEE_FILTER_CTL") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("filter-ctl")
}

/// All that a service leaves behind, and its successor finds: files, pins and configuration.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    namespace: &'a Namespace,
    directory: TempDir,
    bpffs: Bpffs,
    /// Who may use it, beside root.
    people: Option<People>,
    /// The clock that the service goes by, if not by the machine's.
    clock: Option<Clock>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl<'a> Site<'a> {
    /// An empty one, for a service in this namespace.
    pub(crate) fn new(namespace: &'a Namespace) -> Self {
        let site = Self {
            namespace,
            directory: TempDir::new().unwrap(),
            bpffs: Bpffs::mount(),
            people: None,
            clock: None,
        };
        fs::create_dir(site.path("state")).unwrap();
        fs::write(site.path("trust.toml"), "").unwrap();
        site.configure("");
        site
    }

    /// Lets [`people::PEOPLE`](super::people::PEOPLE) use it.
    pub(crate) fn with_people(mut self) -> Self {
        self.people = Some(People::new(self.directory.path()));
        self
    }

    /// Gives the service a clock of its own; `None` where there can be none.
    pub(crate) fn with_clock(mut self) -> Option<Self> {
        self.clock = Some(Clock::new(self.directory.path())?);
        Some(self)
    }

    /// Sets that clock so many seconds ahead, or back.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.clock.as_ref().unwrap().set(seconds);
    }

    /// Has its state on a small disk from now on.
    pub(crate) fn keep_state_on(&self, disk: &SmallDisk) {
        fs::remove_dir(self.path("state")).unwrap();
        std::os::unix::fs::symlink(disk.path(), self.path("state")).unwrap();
    }

    /// A path in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the service pins.
    pub(crate) fn pins(&self) -> PathBuf {
        self.bpffs.pins()
    }

    /// Writes the configuration: where everything is, and then `rest`, which may set more.
    ///
    /// `rest` begins with settings that belong to no section, if it has any.
    pub(crate) fn configure(&self, rest: &str) {
        let text = format!(
            "state_dir = \"{state}\"\n\
             control_socket = \"{socket}\"\n\
             pin_dir = \"{pins}\"\n\
             trust_file = \"{trust}\"\n\
             {metrics}{rest}\n",
            state = self.path("state").display(),
            socket = self.socket().display(),
            pins = self.pins().display(),
            trust = self.path("trust.toml").display(),
            metrics = if rest.starts_with("metrics_listen") {
                ""
            } else {
                "metrics_listen = \"\"\n"
            },
        );
        fs::write(self.config(), text).unwrap();
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("levee.toml")
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("control.sock")
    }

    /// What the service has logged so far, over all its starts.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Starts the service and waits until it says that it is ready.
    pub(crate) fn start(&self) -> Daemon {
        match self.try_start() {
            Ok(daemon) => daemon,
            Err(why) => panic!("the service is not ready: {why}\n{}", self.log()),
        }
    }

    /// Starts the service and does not wait for anything.
    pub(crate) fn launch(&self) -> Daemon {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let mut command = Command::new(binary());
        command
            .arg("run")
            .arg("--config")
            .arg(self.config())
            .env("NOTIFY_SOCKET", self.path("notify"))
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(people) = &self.people {
            people.make_known_to(&mut command);
        }
        if let Some(clock) = &self.clock {
            clock.show(&mut command);
        }
        let child = self.namespace.spawn(&mut command);
        Daemon { child }
    }

    /// Starts the service; an error if it ends, or does not become ready in time.
    pub(crate) fn try_start(&self) -> Result<Daemon, String> {
        let notify = self.path("notify");
        let _ = fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).unwrap();
        ready.set_nonblocking(true).unwrap();
        let mut daemon = self.launch();
        let outcome = wait_for(PATIENCE, || {
            if is_ready(&ready) {
                return Some(Ok(()));
            }
            let ended = daemon.child.try_wait().unwrap()?;
            Some(Err(format!("it ended: {ended}")))
        });
        match outcome {
            Some(Ok(())) => Ok(daemon),
            Some(Err(why)) => Err(why),
            None => Err(format!("nothing within {PATIENCE:?}")),
        }
    }

    /// Runs a command of the CLI to its end.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Ended {
        self.run(&mut Command::new(binary()), arguments)
    }

    /// Runs a command as one of [`Site::with_people`].
    pub(crate) fn cli_as(&self, uid: u32, arguments: &[&str]) -> Ended {
        let people = self.people.as_ref().unwrap();
        self.run(&mut people.command(uid), arguments)
    }

    fn run(&self, command: &mut Command, arguments: &[&str]) -> Ended {
        let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let mut child = self.spawn(command, arguments, &stdout, &stderr);
        let Some(status) = wait_for(PATIENCE, || child.try_wait().unwrap()) else {
            end(&mut child);
            panic!("{arguments:?} does not end within {PATIENCE:?}");
        };
        Ended {
            code: status.code(),
            stdout: contents(&mut stdout),
            stderr: contents(&mut stderr),
        }
    }

    /// What the service tells Prometheus, where its configuration begins with [`METRICS`].
    pub(crate) fn metrics(&self) -> String {
        let mut stream = self.namespace.connect(METRICS_ADDRESS, PATIENCE).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: levee\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        answer
    }

    /// One of these metrics; 0 where it is not there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = self.metrics();
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// The message of an alarm, if it is raised.
    pub(crate) fn alarm(&self, code: &str) -> Option<String> {
        let status = self.json(&["status"]);
        let alarms = status["alarms"].as_array().unwrap();
        let alarm = alarms.iter().find(|alarm| alarm["code"] == code)?;
        Some(alarm["message"].as_str().unwrap().to_owned())
    }

    /// Starts a command that goes on until it is killed; what it prints goes to the file of that name.
    pub(crate) fn background(&self, arguments: &[&str], output: &str) -> Daemon {
        let output = File::create(self.path(output)).unwrap();
        let child = self.spawn(&mut Command::new(binary()), arguments, &output, &output);
        Daemon { child }
    }

    fn spawn(
        &self,
        command: &mut Command,
        arguments: &[&str],
        stdout: &File,
        stderr: &File,
    ) -> Child {
        self.namespace.spawn(
            command
                .args(arguments)
                .env("LEVEE_SOCKET", self.socket())
                .current_dir(self.directory.path())
                .stdout(stdout.try_clone().unwrap())
                .stderr(stderr.try_clone().unwrap()),
        )
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let ended = self.cli(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// Runs a command with `-o json` that must succeed, and returns the document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        let text = self.done(&arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }
}

/// A running service, or another command. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        end(&mut self.child);
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(libc::SIGTERM);
        wait_for(PATIENCE, || self.child.try_wait().unwrap())
            .unwrap_or_else(|| panic!("SIGTERM has no effect within {PATIENCE:?}"))
    }

    /// Asks it to read its configuration anew; returns at once.
    pub(crate) fn reload(&self) {
        self.signal(libc::SIGHUP);
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.pid()).unwrap();
        // SAFETY: takes numbers; the process is our child and not yet waited for.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "kill: {}", io::Error::last_os_error());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // One that has ended already is no failure.
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether the service has told systemd, whose part the test plays, that it is ready.
fn is_ready(socket: &UnixDatagram) -> bool {
    let mut message = [0; 4_096];
    while let Ok(length) = socket.recv(&mut message) {
        let text = String::from_utf8_lossy(&message[..length]);
        if text.lines().any(|line| line == "READY=1") {
            return true;
        }
    }
    false
}

fn contents(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Waits until something is so, and returns how long that took; panics if it never is.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    wait_for(PATIENCE, || holds().then_some(()))
        .unwrap_or_else(|| panic!("{what}: not within {PATIENCE:?}"));
    start.elapsed()
}
