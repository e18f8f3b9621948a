//! `varco run`: the gateway itself.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use proxy::{Ended, Running};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::check::print_faults;
use crate::configured::Configured;
use crate::descriptors;
use crate::logging::Logging;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    logging: Logging,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let _lines = arguments.logging.start()?;
    let loaded = arguments.configured.load();
    let Some(configuration) = loaded.configuration else {
        print_faults(&loaded.faults);
        anyhow::bail!("the configuration cannot be used; nothing was started");
    };
    for warning in &loaded.faults {
        tracing::warn!("{warning}");
    }
    let connections = configuration.listeners.iter().map(|listener| listener.limits.connections as u64).sum();
    descriptors::warn(descriptors::raise(), connections);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before anybody can know that it listens, so that no request to end comes too early to be a request.
    let ends = Ends::watch(&runtime)?;
    let (eservices, workers) = (configuration.eservices.len(), configuration.workers);
    let running = match proxy::start(configuration) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("varco: {error}");
            return Ok(ExitCode::from(3));
        }
    };
    tell(&running);
    tracing::info!(eservices, workers, "serving");
    let poisoned = runtime.block_on(ends.wait(&running));
    if poisoned {
        // No drain: whoever waits for an answer must not get one that is not in the log.
        return Ok(ExitCode::from(5));
    }
    tracing::info!("draining");
    Ok(match running.stop() {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::Cut => ExitCode::from(4),
        Ended::Poisoned => ExitCode::from(5),
    })
}

/// Where it listens, on standard output, one a line: with port 0 this is how a script learns the port. A script that has read
/// enough and closes its end is no reason to stop serving.
fn tell(running: &Running) {
    let mut out = std::io::stdout().lock();
    for (name, addresses) in running.addresses() {
        for address in addresses {
            let _ = writeln!(out, "listening {name} {address}");
        }
    }
    if let Some(admin) = &running.admin {
        let _ = writeln!(out, "listening admin {admin}");
    }
    if let Some(metrics) = running.metrics {
        let _ = writeln!(out, "listening metrics {metrics}");
    }
}

/// What ends the gateway from outside.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Ends {
    fn watch(runtime: &Runtime) -> std::io::Result<Self> {
        let _entered = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to end, or for the audit log to fail. `true`: it failed. Until then SIGHUP has the configuration read
    /// again; how that went is in the log.
    async fn wait(mut self, running: &Running) -> bool {
        let mut poisoned = std::pin::pin!(running.poisoned());
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return false,
                _ = self.interrupt.recv() => return false,
                Some(()) = self.hangup.recv() => {
                    let reloader = running.reloader.clone();
                    // A thread of its own, which nobody waits for at the end.
                    std::thread::spawn(move || reloader.reload());
                }
                cause = &mut poisoned => {
                    tracing::error!(%cause, "the disk under the audit log failed; ending");
                    return true;
                }
            }
        }
    }
}
