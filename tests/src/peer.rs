use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::interpreter;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the repository").to_owned()
}

/// A program of somebody else's that serves: it says `ready PORT…` when it does, notes what it was asked in a log, and ends
/// when its standard input is closed.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    /// The ports it serves on.
    pub ports: Vec<u16>,
    log: PathBuf,
}

impl Peer {
    /// The SOAP registry run by spyne.
    pub fn spyne(folder: &Path) -> Self {
        let mut command = interpreter();
        command.arg(repository().join("tests/peers/spyne/department.py")).args(["--port", "0"]);
        Self::start(command, folder, "spyne.log")
    }

    /// The SOAP revenue office run by the JAX-WS reference implementation.
    pub fn jaxws(folder: &Path) -> Self {
        let mut command = Command::new(repository().join("tests/peers/jaxws/run"));
        command.args(["--port", "0"]);
        Self::start(command, folder, "jaxws.log")
    }

    /// The REST department run by nginx: plain, TLS, and TLS with client certificates, in this order. Its keys are in `folder`.
    pub fn nginx(folder: &Path) -> Self {
        let mut command = Command::new("python3");
        command.arg(repository().join("tests/peers/nginx/upstream.py")).arg("--folder").arg(folder);
        Self::start(command, folder, "nginx.log")
    }

    /// An HTTP proxy, tinyproxy, that wants `varco:segreta`.
    pub fn tinyproxy(folder: &Path) -> Self {
        let mut command = Command::new("python3");
        command.arg(repository().join("tests/peers/tinyproxy/run.py")).arg("--folder").arg(folder);
        Self::start(command, folder, "tinyproxy.log")
    }

    /// A registry of ANPR's kind over TLS, whose `server.pem` and `server.key`, and what it believes (`registry.json`), are in `folder`.
    pub fn anpr(folder: &Path) -> Self {
        let mut command = interpreter();
        command.arg(repository().join("tests/peers/anpr/registry.py")).arg("--folder").arg(folder);
        Self::start(command, folder, "anpr.log")
    }

    /// A collector of syslog over TLS, rsyslog, at this port or a free one, whose keys (`server`, `ca`) are in `folder`.
    pub fn rsyslog(folder: &Path, port: Option<u16>) -> Self {
        let mut command = Command::new("python3");
        command.arg(repository().join("tests/peers/rsyslog/run.py")).arg("--folder").arg(folder);
        if let Some(port) = port {
            command.args(["--port", &port.to_string()]);
        }
        Self::start(command, folder, "rsyslog.log")
    }

    /// A collector of traces and metrics at this port or a free one; over TLS where `server.pem` is in the folder.
    pub fn otlp(folder: &Path, port: Option<u16>) -> Self {
        let mut command = interpreter();
        command.arg(repository().join("tests/peers/otlp/collector.py")).arg("--folder").arg(folder);
        if let Some(port) = port {
            command.args(["--port", &port.to_string()]);
        }
        Self::start(command, folder, "otlp.log")
    }

    /// HAProxy before a gateway's ports: its own hand connections on with a PROXY header of version 1, of version 2, and requests over TLS
    /// with the certificate that its caller showed, in this order. Its keys (`server`, `ca`) are in `folder`.
    pub fn haproxy(folder: &Path, balanced: u16, proxied: u16) -> Self {
        let mut command = Command::new("python3");
        command.arg(repository().join("tests/peers/haproxy/run.py")).arg("--folder").arg(folder);
        command.args(["--balanced", &balanced.to_string(), "--proxied", &proxied.to_string()]);
        Self::start(command, folder, "haproxy.log")
    }

    fn start(mut command: Command, folder: &Path, log: &str) -> Self {
        let log = folder.join(log);
        command.arg("--log").arg(&log).arg("--until-eof");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}): run `make setup` first"));
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let ready = lines.find_map(|line| line.ok()?.strip_prefix("ready ").map(str::to_owned)).expect("the peer gets ready");
        let ports = ready.split_whitespace().map(|port| port.parse().expect("a port")).collect();
        Self { child, stdin, ports, log }
    }

    /// What it was asked so far, a line a request; one that is still being written is none yet.
    pub fn log(&self) -> Vec<String> {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let whole = &bytes[..bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)];
        String::from_utf8_lossy(whole).lines().map(str::to_owned).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let ended = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            matches!(self.child.try_wait(), Ok(Some(_)))
        });
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
