//! `varco audit`: what an auditor types.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::audit::{Fault, LeafView, Report, Salts};
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use exchange::ExchangeId;
use serde_json::{Value, json};
use store::read::{self, Filter, Progress, Stored};

/// What to do with the log.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Records, the newest last.
    List {
        #[command(flatten)]
        log: Log,
        /// At most so many, the newest.
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
        /// Only those not before this instant or day: 2026-11-21 or 2026-11-21T17:00.
        #[arg(long)]
        since: Option<String>,
        /// Only those that ended like this: success, refused, failed, abandoned, unknown.
        #[arg(long)]
        outcome: Option<String>,
        /// Only those whose caller sent this as `X-Correlation-ID`.
        #[arg(long, value_name = "ID")]
        correlation: Option<String>,
        /// Only those of this case of a department, whose number records do not tell; needs `--commitments`.
        #[arg(long, requires = "commitments")]
        case: Option<String>,
        /// The file of `audit.commitments`, by which records commit to what they do not tell.
        #[arg(long, value_name = "FILE")]
        commitments: Option<PathBuf>,
    },
    /// Every record of one exchange.
    Show {
        /// The exchange's id, as a problem's `instance` or the `Varco-Exchange` header tells it.
        id: String,
        #[command(flatten)]
        log: Log,
    },
    /// Check frames, chain, canonical form, gaps, and begins against ends.
    Verify {
        #[command(flatten)]
        log: Log,
    },
}

/// Where the log is.
#[derive(Debug, Args)]
struct Log {
    /// The log's folder: `audit.store` of the configuration.
    #[arg(short, long, value_name = "FOLDER")]
    store: PathBuf,
    /// Print JSON: records as they lie in the log, one a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List { log, limit, since, outcome, correlation, case, commitments } => {
            let (since, outcome, correlation) = (since.clone(), outcome.clone(), correlation.clone());
            let filter = Filter { limit: Some(*limit), since, outcome, correlation };
            match (case, commitments) {
                (Some(case), Some(file)) => list_case(log, &filter, case, file),
                _ => list(log, &filter),
            }
        }
        Command::Show { id, log } => show(log, id),
        Command::Verify { log } => verify(log),
    }
}

fn list(log: &Log, filter: &Filter) -> anyhow::Result<ExitCode> {
    for stored in read::list(&log.store, filter)? {
        if log.json { println!("{}", String::from_utf8_lossy(&stored.bytes)) } else { println!("{}", line(&stored)) }
    }
    Ok(ExitCode::SUCCESS)
}

/// The records that commit to the number of a case.
fn list_case(log: &Log, filter: &Filter, case: &str, file: &Path) -> anyhow::Result<ExitCode> {
    let secret = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let salts = Salts::new(secret.trim_ascii()).with_context(|| format!("{} is shorter than a secret of commitments", file.display()))?;
    let limit = filter.limit.unwrap_or(usize::MAX);
    // The number of records is that of those found, and not of those looked at.
    let mut found = read::list(&log.store, &Filter { limit: None, ..filter.clone() })?;
    found.retain(|stored| {
        let leaf = LeafView::new(&stored.bytes);
        let commits = |id| STANDARD.encode(salts.commitment("case", id, case.as_bytes()));
        leaf.text("case").zip(leaf.id()).is_some_and(|(told, id)| told == commits(id))
    });
    for stored in &found[found.len().saturating_sub(limit)..] {
        if log.json { println!("{}", String::from_utf8_lossy(&stored.bytes)) } else { println!("{}", line(stored)) }
    }
    Ok(ExitCode::SUCCESS)
}

/// A record on one line: when, how it ended, who, what.
fn line(stored: &Stored) -> String {
    let record: Value = serde_json::from_slice(&stored.bytes).unwrap_or_default();
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    let at = if record["t0"].is_string() { text("/t0") } else { text("/t1") };
    let mut line = format!("{}  {:<18} {:<9}", at.get(..23).unwrap_or(&at), text("/ev"), text("/out"));
    if let Some(status) = record.pointer("/res/status") {
        line += &format!(" {status}");
    }
    line += &format!("  {} {}  {}", text("/op/method"), text("/op/route"), text("/id"));
    if let Some(error) = record["err"].as_str() {
        line += &format!("  {error}");
    }
    if let Some(state) = record.pointer("/cache/state").and_then(Value::as_str).filter(|state| *state == "hit") {
        line += &format!("  cache {state}");
    }
    line
}

fn show(log: &Log, id: &str) -> anyhow::Result<ExitCode> {
    let id = id.trim_start_matches("urn:uuid:");
    let id = ExchangeId::parse(id).ok_or_else(|| anyhow::anyhow!("`{id}` is not the id of an exchange: 36 characters with hyphens"))?;
    let found = read::show(&log.store, id)?;
    if found.is_empty() {
        anyhow::bail!("the log has no record of {id}");
    }
    for stored in &found {
        if log.json {
            println!("{}", String::from_utf8_lossy(&stored.bytes));
        } else {
            let record: Value = serde_json::from_slice(&stored.bytes)?;
            println!("{:?} frame {} in {}\n{record:#}", stored.kind, stored.seq, stored.segment);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(log: &Log) -> anyhow::Result<ExitCode> {
    let report = verify_with_progress(&log.store)?;
    if log.json {
        println!("{:#}", report_json(&report));
    } else {
        print_report(&report);
    }
    Ok(if report.fault_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Verifies, telling how far it has come where somebody watches.
fn verify_with_progress(folder: &Path) -> anyhow::Result<Report> {
    Ok(read::verify(folder, |step| progress("verifying", step))?)
}

/// Says on which segment something is, where somebody watches; nothing is left of it after the last.
pub(crate) fn progress(what: &str, step: Progress<'_>) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K{what} segment {} of {}", step.number, step.of);
        if step.number == step.of {
            eprint!("\r\x1b[2K");
        }
    }
}

/// What a verification found, as JSON.
pub(crate) fn report_json(report: &Report) -> Value {
    let faults: Vec<_> = report.faults.iter().map(place).collect();
    json!({
        "whole": report.fault_count == 0,
        "segments": report.segments,
        "batches": report.batches,
        "frames": report.frames,
        "records": report.records,
        "open": report.open,
        "restored": report.restored,
        "unfinished": report.unfinished,
        "chain": hex::encode(report.chain),
        "fault_count": report.fault_count,
        "faults": faults,
    })
}

/// The same for a person.
pub(crate) fn print_report(report: &Report) {
    for fault in &report.faults {
        println!("{}", place(fault));
    }
    let verdict = if report.fault_count == 0 { "the log is whole".to_owned() } else { format!("{} faults", report.fault_count) };
    println!(
        "{verdict}: {} records in {} batches, {} segments; chain sha256:{}",
        report.records,
        report.batches,
        report.segments,
        hex::encode(report.chain)
    );
    if report.restored > 0 {
        println!("it was restored from a backup {} times: records `log.restored` say what is missing", report.restored);
    }
    if report.unfinished {
        println!("an unfinished write stands at the end: of a gateway at work, or of one that was cut short");
    }
    if report.open > 0 {
        println!("{} exchanges are under way", report.open);
    }
}

/// A fault with its place: segment, byte, and frame where it is known.
fn place(fault: &Fault) -> String {
    let frame = fault.seq.map(|seq| format!(", frame {seq}")).unwrap_or_default();
    format!("{} at byte {}{frame}: {}", fault.segment, fault.offset, fault.kind)
}
