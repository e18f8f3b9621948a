//! `varco check`: every fault of a configuration.

use std::process::ExitCode;

use clap::Args;
use document::{Fault, Severity};
use proxy::config::Configuration;
use proxy::fault_json;
use serde_json::json;

use crate::configured::Configured;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    /// Print the faults as JSON.
    #[arg(long)]
    json: bool,
    /// Treat warnings as errors.
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = arguments.configured.load();
    let bad = |fault: &Fault| fault.severity == Severity::Error || arguments.strict;
    let usable = loaded.configuration.is_some() && !loaded.faults.iter().any(bad);
    if arguments.json {
        let faults: Vec<_> = loaded.faults.iter().map(fault_json).collect();
        println!("{:#}", json!({ "usable": usable, "faults": faults }));
    } else {
        print_faults(&loaded.faults);
        match &loaded.configuration {
            Some(configuration) if usable => println!("{}", summary(configuration)),
            _ => println!("{}", count(&loaded.faults)),
        }
    }
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints faults as a person reads them.
pub(crate) fn print_faults(faults: &[Fault]) {
    for fault in faults {
        println!("{fault}");
    }
}

fn count(faults: &[Fault]) -> String {
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    format!("{errors} errors, {} warnings: the configuration cannot be used", faults.len() - errors)
}

fn summary(configuration: &Configuration) -> String {
    let operations: usize = configuration.eservices.iter().map(|service| service.contract.operations().len()).sum();
    format!(
        "the configuration can be used: {} listeners, {} e-services with {operations} operations",
        configuration.listeners.len(),
        configuration.eservices.len(),
    )
}
