//! `varco sandbox`: a local PDND, a legacy department and a national registry.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use ::sandbox::{Options, Registry, Sandbox};
use clap::Args;

/// What to start.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the local PDND listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pdnd: SocketAddr,
    /// Where the department listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    department: SocketAddr,
    /// Where the national registry listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    national: SocketAddr,
    /// Keep keys and the key set in this folder, for curl and openssl.
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    /// A registry of tenants, clients, purposes and e-services instead of the invented one.
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Print the invented registry, to write one's own from, and end.
    #[arg(long)]
    print_registry: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.print_registry {
        print!("{}", Registry::example());
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = Options {
        pdnd: arguments.pdnd,
        department: arguments.department,
        national: arguments.national,
        keys: arguments.keys.clone(),
        ..Options::default()
    };
    if let Some(file) = &arguments.registry {
        let text = std::fs::read_to_string(file)?;
        let folder = file.parent().unwrap_or(std::path::Path::new("."));
        match Registry::read(&file.display().to_string(), &text, folder) {
            Ok(registry) => options.registry = registry,
            Err(faults) => {
                crate::check::print_faults(&faults);
                anyhow::bail!("the registry cannot be used");
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sandbox = Sandbox::start(options).await?;
        print!("{}", sandbox.addresses());
        println!("\nCtrl-C ends it");
        tokio::signal::ctrl_c().await?;
        sandbox.stop().await;
        anyhow::Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}
