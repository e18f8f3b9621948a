//! The binary `varco`: what an operator, an integrator and an auditor type.
//!
//! Each command is a module; what they print is theirs, what they know is in the libraries. Exit codes: 0 all is well, 1 what
//! was asked about is not (a fault in a configuration, a failed case, a log that does not verify), 2 the command line is
//! wrong, 3 the gateway could not start, 4 it ended with exchanges cut, 5 the disk under the audit log failed.

mod asking;
mod audit;
mod backup;
mod check;
mod configured;
mod contract;
mod demo;
mod descriptors;
mod logging;
mod reload;
mod run;
mod sandbox;
mod shell;
mod status;
mod test;
mod top;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What was freed last is given out first, blocks as large as a connection's buffers included: the memory that exchanges go
/// through stays in the processor's caches.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An interoperability gateway and integration hub for public administrations.
#[derive(Debug, Parser)]
#[command(name = "varco", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the e-services of a configuration.
    Run(run::Arguments),
    /// Prove a configuration without running it: every fault with its file, line and column.
    Check(check::Arguments),
    /// Show what a reload would change in the gateway that runs with a configuration.
    Plan(asking::Arguments),
    /// Have the gateway that runs with a configuration read it again: all of it comes into force, or nothing.
    Reload(asking::Arguments),
    /// Show how the gateway that runs with a configuration does: what is full, refused, missing or left alone.
    Status(asking::Arguments),
    /// Watch the gateway that runs with a configuration: what is slow, refused, full or about to end, every few seconds.
    Top(top::Arguments),
    /// Run the policy cases that stand beside the policies of a configuration.
    Test(test::Arguments),
    /// Look at an OpenAPI document by itself: compile it, or hold a message against it.
    Contract(contract::Arguments),
    /// Start a sandbox and a gateway, send exchanges of every kind, show each one's way, and verify the log.
    Demo(demo::Arguments),
    /// Run a local PDND and a legacy SOAP department, for trials.
    Sandbox(sandbox::Arguments),
    /// Read and verify an audit log; the gateway may be writing it.
    Audit(audit::Arguments),
    /// Keep all that a gateway is in a folder: its configuration with keys and contracts, and its log; it may be running.
    Backup(backup::Arguments),
    /// Put a backup back. The log goes on in another epoch.
    Restore(backup::RestoreArguments),
    /// Print a completion script for a shell.
    Completions(shell::Completions),
    /// Print the manual page.
    Man,
}

/// As a shell tells of a program that the end of a pipe ended: 128 and the number of SIGPIPE.
const PIPE_CLOSED: u8 = 141;

/// Whoever reads only the first lines (`varco audit list … | head`) has seen what it wanted: that is no defect to be told of.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str().is_some_and(|said| said.starts_with("failed printing to stdout") && said.contains("Broken pipe")) {
            std::process::exit(PIPE_CLOSED.into());
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    end_with_the_reader();
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Plan(arguments) => reload::plan(&arguments),
        Command::Reload(arguments) => reload::reload(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Contract(arguments) => contract::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Completions(arguments) => shell::completions(&arguments),
        Command::Man => shell::man(),
    };
    match result {
        Ok(code) => code,
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::from(PIPE_CLOSED)
        }
        Err(error) => {
            eprintln!("varco: {error:#}");
            ExitCode::FAILURE
        }
    }
}
