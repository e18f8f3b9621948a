use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The binary that cargo built beside the tests.
pub fn binary() -> PathBuf {
    let mut path = std::env::current_exe().expect("the test binary has a path");
    // target/<profile>/deps/all-… → target/<profile>/varco
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.push("varco");
    assert!(path.exists(), "{} is not there: run `cargo build --workspace` first", path.display());
    path
}

/// Runs `varco` with these arguments in a folder and waits for its end.
pub fn varco(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).current_dir(folder).args(arguments).output().expect("varco can be run")
}

/// A gateway that runs. It is killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// Its folder: configuration, log, standard error.
    pub folder: PathBuf,
    /// Where it listens, by the listener's name; `admin` is the admin listener.
    pub addresses: HashMap<String, SocketAddr>,
    /// The same in the order in which they were told, for a listener with several.
    pub listening: Vec<(String, SocketAddr)>,
}

impl Gateway {
    /// Starts a gateway with this configuration in this folder and waits until it listens.
    pub fn start(folder: &Path, yaml: &str) -> Self {
        Self::try_start(folder, yaml).unwrap_or_else(|error| panic!("the gateway did not start: {error}"))
    }

    /// The same, giving what it said where it does not start.
    pub fn try_start(folder: &Path, yaml: &str) -> Result<Self, String> {
        Self::launch(folder, yaml, Command::new(binary()))
    }

    /// The same under another program, such as a tracer: `command` is run with the gateway's own command line after it.
    pub fn start_under(folder: &Path, yaml: &str, mut command: Command) -> Result<Self, String> {
        command.arg(binary());
        Self::launch(folder, yaml, command)
    }

    fn launch(folder: &Path, yaml: &str, mut command: Command) -> Result<Self, String> {
        let file = folder.join("varco.yaml");
        std::fs::write(&file, yaml).map_err(|error| error.to_string())?;
        let stderr = std::fs::File::create(folder.join("stderr.log")).map_err(|error| error.to_string())?;
        let mut child = command
            .current_dir(folder)
            .args(["run", "-c", "varco.yaml", "--log", "json", "--log-level", "debug"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let expected = yaml.matches("address:").count() + yaml.matches("metrics:").count();
        let mut addresses = HashMap::new();
        let mut listening = Vec::new();
        let mut said = String::new();
        while addresses.len() < expected {
            let Some(Ok(line)) = lines.next() else { break };
            match line.split(' ').collect::<Vec<_>>()[..] {
                // A socket in the file system is no address, and known anyway.
                ["listening", "admin", path] if path.parse::<SocketAddr>().is_err() => {}
                ["listening", name, address] => {
                    let address = address.parse().map_err(|error| format!("{address}: {error}"))?;
                    listening.push((name.to_owned(), address));
                    addresses.entry(name.to_owned()).or_insert(address);
                }
                _ => said += &format!("{line}\n"),
            }
        }
        if addresses.len() < expected {
            let _ = child.kill();
            let status = child.wait().map_err(|error| error.to_string())?;
            let errors = std::fs::read_to_string(folder.join("stderr.log")).unwrap_or_default();
            return Err(format!("{status}\n{said}{errors}"));
        }
        Ok(Self { child, folder: folder.to_owned(), addresses, listening })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where a listener listens.
    pub fn address(&self, listener: &str) -> SocketAddr {
        *self.addresses.get(listener).unwrap_or_else(|| panic!("there is a listener `{listener}`"))
    }

    /// `http://127.0.0.1:port` of a listener, and the path.
    pub fn url(&self, listener: &str, path: &str) -> String {
        format!("http://{}{path}", self.address(listener))
    }

    /// The same with `https` and the name `localhost`.
    pub fn tls_url(&self, listener: &str, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address(listener).port())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process id");
        kill_process(pid, signal).expect("the gateway can be signalled");
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        crate::eventually("the gateway ends", || self.child.try_wait().expect("it can be waited for"))
    }

    /// Whether it has ended already.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be waited for")
    }

    /// A page of its admin listener: the status and the text.
    pub fn admin(&self, path: &str) -> (u16, String) {
        let answer = crate::curl(&[&self.url("admin", path)]);
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// A number of its metrics, by name and labels as they are written; 0 where it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.admin("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or(0.0)
    }

    /// The most memory that it has held so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("the gateway runs")
    }

    /// Waits until it has written this to its log: a thread of its own does, after whoever asked has been answered.
    pub fn assert_logs(&self, text: &str) {
        crate::eventually(&format!("it logs `{text}`"), || self.stderr().contains(text).then_some(()));
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.join("stderr.log")).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}
