//! `varco run`: the gateway itself.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use proxy::config;
use proxy::{Ended, Running};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::check::print_faults;
use crate::logging::Logging;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    logging: Logging,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let _lines = arguments.logging.start()?;
    let loaded = config::load(&arguments.config);
    let Some(configuration) = loaded.configuration else {
        print_faults(&loaded.faults);
        anyhow::bail!("the configuration cannot be used; nothing was started");
    };
    for warning in &loaded.faults {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before anybody can know that it listens, so that no request to end comes too early to be a request.
    let ends = Ends::watch(&runtime)?;
    let running = match proxy::start(&configuration) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("varco: {error}");
            return Ok(ExitCode::from(3));
        }
    };
    for (name, addresses) in &running.addresses {
        for address in addresses {
            // On standard output, one a line: with port 0 this is how a script learns the port.
            println!("listening {name} {address}");
        }
    }
    if let Some(admin) = &running.admin {
        println!("listening admin {admin}");
    }
    tracing::info!(eservices = configuration.eservices.len(), workers = configuration.workers, "serving");
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

/// What ends the gateway from outside.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    fn watch(runtime: &Runtime) -> std::io::Result<Self> {
        let _entered = runtime.enter();
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for a signal to end, or for the audit log to fail. `true`: it failed.
    async fn wait(mut self, running: &Running) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
            cause = running.poisoned() => {
                tracing::error!(%cause, "the disk under the audit log failed; ending");
                true
            }
        }
    }
}
