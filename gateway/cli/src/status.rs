//! `varco status`: how the running gateway does.

use std::process::ExitCode;

use anyhow::Context as _;
use http::Method;
use proxy::{EServiceStatus, ExpiryStatus, IssuerStatus, ListenerStatus, Status};

use crate::asking::{Arguments, Asking};

/// How it does: everything that a help desk looks at first. Fails where it is not ready.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (code, answer) = Asking::new(&arguments.configured)?.json(Method::GET, "/status")?;
    if arguments.json {
        println!("{answer:#}");
        return Ok(if code.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !code.is_success() {
        println!("{}", answer["detail"].as_str().unwrap_or("the gateway refused"));
        return Ok(ExitCode::FAILURE);
    }
    let status: Status = serde_json::from_value(answer).context("the gateway answered something else")?;
    print_status(&status);
    Ok(if status.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_status(status: &Status) {
    let readiness = if status.missing.is_empty() { "ready".to_owned() } else { format!("NOT READY: {}", status.missing.join(", ")) };
    println!("{} at {} (varco {}): {readiness}", status.installation, status.node, status.version);
    println!("  configuration {}", status.configuration);
    println!("  audit log {}, {} bytes waiting; {} bytes of bodies held", status.log, status.log_queue, status.buffered);
    for ListenerStatus { name, addresses, free } in &status.listeners {
        println!("  listener {name} at {}: room for {free} connections more", addresses.join(", "));
    }
    for IssuerStatus { name, ready, overdue } in &status.issuers {
        let keys = match (ready, overdue) {
            (false, _) => "NO KEYS".to_owned(),
            (true, Some(age)) => format!("keys of {age} s ago: NEWER ONES CANNOT BE HAD"),
            (true, None) => "keys ready".to_owned(),
        };
        println!("  issuer {name}: {keys}");
    }
    for EServiceStatus { name, direction, instances, breaker, in_flight: (now, most), addresses: (up, ejected, down) } in &status.eservices
    {
        let mut line = format!("  e-service {name} ({direction}, {instances} instances): {now} of {most} under way");
        if breaker != "closed" {
            line += &format!(", BREAKER {}", breaker.to_uppercase());
        }
        if ejected + down > 0 {
            line += &format!(", of {} addresses {ejected} EJECTED and {down} DOWN", up + ejected + down);
        }
        println!("{line}");
    }
    for line in expiring(status) {
        println!("  {line}");
    }
}

/// Within how much time somebody should know that something ends.
const SOON: i64 = 30 * 86_400;

/// What ends soon or has ended, a line each.
pub(crate) fn expiring(status: &Status) -> impl Iterator<Item = String> {
    status.expires.iter().filter(|one| one.seconds < SOON).map(|ExpiryStatus { of, what, file, seconds }| {
        let ends = if *seconds < 0 { "HAS ENDED".to_owned() } else { format!("ENDS IN {} DAYS", seconds / 86_400) };
        format!("{what} {file} of {of} {ends}")
    })
}
