use std::path::{Path, PathBuf};
use std::process::Command;

/// What the gateway asked of the system, in the order in which it happened, as strace tells it.
#[derive(Debug)]
pub struct Strace {
    file: PathBuf,
}

/// One line that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Bytes were handed to the system for a file, at the moment they were.
    Write(String),
    /// A sync of file data returned, with success or not.
    Synced(bool),
    /// Bytes were handed to the system for a socket, at the moment they were.
    Send(String),
}

impl Strace {
    /// A tracer and the command that runs a gateway under it. The gateway stays our own child; `injections` are faults, such as
    /// `fdatasync:error=EIO:when=3`, counted in each thread for itself.
    pub fn new(folder: &Path, injections: &[&str]) -> (Self, Command) {
        let file = folder.join("strace.log");
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-qq", "-s", "100000"]);
        if injections.is_empty() {
            // Stops at nothing but the calls that are traced; strace 6.1 injects no signals with it.
            command.arg("--seccomp-bpf");
        }
        command.args(["-e", "trace=pwrite64,fdatasync,write,writev,sendto,sendmsg", "-e", "signal=none"]);
        for injection in injections {
            command.arg("-e").arg(format!("inject={injection}"));
        }
        command.arg("-o").arg(&file);
        (Self { file }, command)
    }

    /// What happened so far.
    pub fn calls(&self) -> Vec<Call> {
        let text = String::from_utf8_lossy(&std::fs::read(&self.file).unwrap_or_default()).into_owned();
        // The last line is not whole while its call lasts.
        text.split_inclusive('\n').filter_map(|line| call(line.strip_suffix('\n')?)).collect()
    }
}

/// A line is `1234 pwrite64(7, "…", 512, 0) = 512`. Where threads interleave it is split into `… <unfinished ...>` at the entry
/// and `1234 <... fdatasync resumed>) = 0` at the return: a write counts from its entry, a sync from its return.
fn call(line: &str) -> Option<Call> {
    let line = line.strip_suffix(" (DELAYED)").unwrap_or(line);
    let (_, rest) = line.trim_start().split_once(' ')?;
    let rest = rest.trim_start();
    if let Some(resumed) = rest.strip_prefix("<... ") {
        return resumed.starts_with("fdatasync").then(|| Call::Synced(line.ends_with("= 0")));
    }
    let (name, arguments) = rest.split_once('(')?;
    match name {
        "fdatasync" if arguments.contains("<unfinished") => None,
        "fdatasync" => Some(Call::Synced(arguments.ends_with("= 0"))),
        "pwrite64" => Some(Call::Write(arguments.to_owned())),
        _ => Some(Call::Send(arguments.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, call};

    #[test]
    fn a_write_counts_from_its_entry_and_a_sync_from_its_return() {
        for (line, expected) in [
            ("12 fdatasync(7) = 0", Some(Call::Synced(true))),
            ("12 fdatasync(7)                       = -1 EIO (Input/output error) (INJECTED)", Some(Call::Synced(false))),
            ("12 fdatasync(7 <unfinished ...>", None),
            ("12 <... fdatasync resumed>)           = 0", Some(Call::Synced(true))),
            ("12 <... sendto resumed>)              = 12", None),
            ("12 sendto(9, \"HTTP/1.1 200\" <unfinished ...>", Some(Call::Send("9, \"HTTP/1.1 200\" <unfinished ...>".into()))),
            ("12 +++ exited with 5 +++", None),
        ] {
            assert_eq!(call(line), expected, "{line}");
        }
    }
}
