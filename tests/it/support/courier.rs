//! Who carries bundles to the listener: curl, with certificates that openssl has made.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use super::{daemon::Site, netns::Namespace};

/// Where the service listens.
pub(crate) const URL: &str = "https://127.0.0.1:8443";

/// An authority's machine: its files lie beside the service's, in the same network.
pub(crate) struct Courier<'a> {
    pub(crate) site: &'a Site<'a>,
    pub(crate) network: &'a Namespace,
}

/// What curl was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status; 0 where there was no answer.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Courier<'_> {
    /// Makes two certificate authorities, and a certificate for the listener and one for the client.
    pub(crate) fn certify(&self) {
        self.issuer("clients");
        self.issuer("servers");
        self.certificate("servers", "server", "subjectAltName=IP:127.0.0.1", 365);
        self.certificate("clients", "client", "extendedKeyUsage=clientAuth", 365);
    }

    /// The configuration of the listener, and of one client for this feed.
    pub(crate) fn section(&self, feed: &str) -> String {
        let path = |name: &str| self.site.path(name).display().to_string();
        format!(
            "[push]\nlisten = \"127.0.0.1:8443\"\ncertificate = \"{}\"\nkey = \"{}\"\n\
             client_ca = \"{}\"\n[[push.client]]\nname = \"cert\"\nsha256 = [\"{}\"]\nfeeds = [\"{feed}\"]\n",
            path("server.crt"),
            path("server.key"),
            path("clients.crt"),
            self.fingerprint("client.crt"),
        )
    }

    pub(crate) fn openssl(&self, arguments: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace());
        let output = command.current_dir(self.site.path("")).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a certificate authority.
    pub(crate) fn issuer(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
             -keyout {name}.key -out {name}.crt -subj /CN={name}"
        ));
    }

    /// Makes a key and a certificate for it.
    pub(crate) fn certificate(&self, issuer: &str, name: &str, extension: &str, days: u32) {
        self.openssl(&format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.new \
             -out {name}.csr -subj /CN={name} -addext {extension}"
        ));
        let path = |end: &str| self.site.path(&format!("{name}.{end}"));
        fs::rename(path("new"), path("key")).unwrap();
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.crt -CAkey {issuer}.key -days {days} \
             -copy_extensions copy -out {name}.crt"
        ));
    }

    pub(crate) fn fingerprint(&self, certificate: &str) -> String {
        let text = self.openssl(&format!(
            "x509 -noout -fingerprint -sha256 -in {certificate}"
        ));
        text.trim().split_once('=').unwrap().1.to_owned()
    }

    /// Runs a command of the authority's in its network.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        command.current_dir(self.site.path(""));
        self.network.run(|| command.output()).unwrap()
    }

    pub(crate) fn curl(&self, identity: &[&str], arguments: &[&str]) -> Answer {
        let mut command = Command::new("curl");
        command.args([
            "-s",
            "-m",
            "30",
            "--cacert",
            "servers.crt",
            "-D",
            "head",
            "-w",
            "\n%{http_code}",
        ]);
        let output = self.run(command.args(identity).args(arguments));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap();
        Answer {
            status: status.parse().unwrap(),
            head: fs::read_to_string(self.site.path("head")).unwrap_or_default(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> Answer {
        self.curl(&["--cert", "client.crt", "--key", "client.key"], arguments)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&[&format!("{URL}{path}")])
    }

    pub(crate) fn push(&self, feed: &str, path: &Path) -> Answer {
        let bundle = format!("bundle=@{}", path.display());
        let signature = format!("signature=@{}.minisig", path.display());
        let url = format!("{URL}/v1/feeds/{feed}/bundles");
        self.ask(&["-F", &bundle, "-F", &signature, &url])
    }
}
