//! The gateway's own log lines: to standard error, through a thread, so that a slow reader never blocks a worker.

use clap::{Args, ValueEnum};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = Format::Pretty)]
    log: Format,
    /// What is logged: a level, or a filter such as `info,proxy=debug`.
    #[arg(long, default_value = "info", env = "VARCO_LOG")]
    log_level: String,
}

impl Logging {
    /// Begins. Lines that are still in the queue are written when the guard is dropped.
    pub(crate) fn start(&self) -> anyhow::Result<WorkerGuard> {
        let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
        let filter = EnvFilter::try_new(&self.log_level)?;
        let lines = fmt().with_env_filter(filter).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).with_writer(writer);
        let started = match self.log {
            Format::Pretty => lines.with_target(false).try_init(),
            Format::Json => lines.json().flatten_event(true).try_init(),
        };
        started.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(guard)
    }
}
