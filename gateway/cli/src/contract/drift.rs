//! `varco contract drift`: what upstreams really send, as the audit log tells it, that their documents do not describe.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use ::contract::{Documents, Finding, Suggestion, overlay, suggest};
use anyhow::{Context as _, bail};
use clap::Args;
use proxy::config::{Configuration, Definition, documents};
use serde_json::{Value, json};
use store::read;

use crate::configured::Configured;

/// More different findings than this are not kept apart: whoever mends these asks again.
const MOST_FINDINGS: usize = 10_000;

/// What to report.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    /// Only of these e-services.
    #[arg(long, value_name = "NAME")]
    eservice: Vec<String>,
    /// Only what came not before this instant or day: 2026-11-21 or 2026-11-21T17:00.
    #[arg(long, default_value = "")]
    since: String,
    /// Print an OpenAPI Overlay that would have the document describe what comes; needs one `--eservice`.
    #[arg(long, requires = "eservice")]
    overlay: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "overlay")]
    json: bool,
}

/// What was found of one operation.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    service: usize,
    operation: usize,
    finding: Finding,
}

/// How often, and when.
struct Seen {
    count: u64,
    first: String,
    last: String,
    /// The exchange that it was seen in last.
    example: String,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let configuration = arguments.configured.usable()?;
    let is_asked = |service: &Definition| arguments.eservice.is_empty() || arguments.eservice.iter().any(|name| **name == *service.name);
    if let Some(name) = arguments.eservice.iter().find(|name| !configuration.eservices.iter().any(|service| **name == *service.name)) {
        bail!("there is no e-service `{name}`");
    }
    if arguments.overlay && arguments.eservice.len() != 1 {
        bail!("an Overlay is of one document: name one `--eservice`");
    }
    let found = gather(&configuration, &arguments.since)?;
    let mut reports = Vec::new();
    for (at, service) in configuration.eservices.iter().enumerate().filter(|(_, service)| is_asked(service)) {
        reports.push(report(&configuration, at, service, &found)?);
    }
    if arguments.overlay {
        for report in &reports {
            println!("{:#}", report.overlay());
        }
    } else if arguments.json {
        println!("{:#}", reports.iter().map(Report::json).collect::<Value>());
    } else {
        reports.iter().for_each(Report::print);
        if found.is_empty() {
            println!("no answer was seen that its document does not describe");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every finding in the log.
fn gather(configuration: &Configuration, since: &str) -> anyhow::Result<HashMap<Key, Seen>> {
    let operations = operations(&configuration.eservices);
    let mut found: HashMap<Key, Seen> = HashMap::new();
    let folder = &configuration.audit.store;
    let gathered = read::each_since(folder, since.as_bytes(), |leaf| {
        // Few records have any.
        if leaf.raw("drift").is_none() {
            return;
        }
        let record: Value = serde_json::from_slice(leaf.bytes()).unwrap_or_default();
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        // Where only GET is described, HEAD is GET without its body.
        let methods = if text("/op/method") == "HEAD" { &["HEAD", "GET"][..] } else { &[text("/op/method")] };
        let known = methods.iter().find_map(|method| operations.get(&((*method).to_owned(), text("/op/route").to_owned())));
        let Some(&(service, operation)) = known else { return };
        for finding in record["drift"].as_array().into_iter().flatten().filter_map(Value::as_str).filter_map(Finding::parse) {
            let key = Key { service, operation, finding: finding.of_any_item() };
            if found.len() >= MOST_FINDINGS && !found.contains_key(&key) {
                continue;
            }
            let at = text("/t0");
            let seen = found.entry(key).or_insert_with(|| Seen { count: 0, first: at.into(), last: String::new(), example: String::new() });
            seen.count += 1;
            if at < seen.first.as_str() {
                at.clone_into(&mut seen.first);
            }
            if at >= seen.last.as_str() {
                (seen.last, seen.example) = (at.into(), text("/id").into());
            }
        }
    });
    gathered.with_context(|| format!("reading {}", folder.display()))?;
    Ok(found)
}

/// Where records say that an operation is: its method, and its path below the listener.
fn operations(services: &[Arc<Definition>]) -> HashMap<(String, String), (usize, usize)> {
    let of_one = |(service, definition): (usize, &Arc<Definition>)| {
        let route = |spec: &exchange::OperationSpec| (spec.method.to_string(), format!("{}{}", definition.base_path, spec.route));
        let specs = definition.contract.operations().iter().enumerate();
        specs.map(|(operation, spec)| (route(spec), (service, operation))).collect::<Vec<_>>()
    };
    services.iter().enumerate().flat_map(of_one).collect()
}

/// What one e-service's upstream sends.
struct Report {
    name: Arc<str>,
    lines: Vec<Line>,
}

struct Line {
    operation: String,
    finding: Finding,
    count: u64,
    first: String,
    last: String,
    example: String,
    /// What the document should say; none if it says so by now.
    suggestion: Option<Suggestion>,
}

fn report(configuration: &Configuration, at: usize, service: &Definition, found: &HashMap<Key, Seen>) -> anyhow::Result<Report> {
    let mut own: Vec<(&Key, &Seen)> = found.iter().filter(|(key, _)| key.service == at).collect();
    own.sort_by_key(|(key, seen)| (key.operation, std::cmp::Reverse(seen.count), key.finding.clone()));
    let spec = |key: &Key| &service.contract.operations()[key.operation];
    let asked: Vec<(&str, &Finding)> = own.iter().map(|(key, _)| (&*spec(key).id, &key.finding)).collect();
    let suggestions = if asked.is_empty() { Vec::new() } else { suggest(&documents_of(configuration, service)?, &asked) };
    let line = |((key, seen), suggestion): ((&Key, &Seen), Option<Suggestion>)| Line {
        operation: format!("{} {} ({})", spec(key).method, spec(key).route, spec(key).id),
        finding: key.finding.clone(),
        count: seen.count,
        first: seen.first.clone(),
        last: seen.last.clone(),
        example: seen.example.clone(),
        suggestion,
    };
    Ok(Report { name: service.name.clone(), lines: own.into_iter().zip(suggestions).map(line).collect() })
}

fn documents_of(configuration: &Configuration, service: &Definition) -> anyhow::Result<Documents> {
    let path = service.contract_files.first().context("the e-service has no document")?;
    documents(path, configuration.library.clone()).map_err(|fault| anyhow::anyhow!("{fault}"))
}

impl Report {
    fn overlay(&self) -> Value {
        let mut actions: Vec<Value> = Vec::new();
        for action in self.lines.iter().filter_map(|line| line.suggestion.as_ref()).flat_map(|suggestion| &suggestion.actions) {
            // Two operations may share a schema.
            if !actions.contains(action) {
                actions.push(action.clone());
            }
        }
        overlay(&format!("What the upstream of {} really sends", self.name), &actions)
    }

    fn json(&self) -> Value {
        let line = |line: &Line| {
            let suggestion = line.suggestion.as_ref().map(
                |suggestion| json!({ "place": suggestion.place.to_string(), "advice": suggestion.advice, "actions": suggestion.actions }),
            );
            let Finding { status, rule, found, place } = &line.finding;
            json!({
                "operation": line.operation, "status": status, "rule": rule, "found": found, "place": place,
                "count": line.count, "first": line.first, "last": line.last, "example": line.example, "suggestion": suggestion,
            })
        };
        json!({ "eservice": &*self.name, "findings": self.lines.iter().map(line).collect::<Vec<_>>() })
    }

    fn print(&self) {
        let mut operation = "";
        if !self.lines.is_empty() {
            println!("{}", self.name);
        }
        for line in &self.lines {
            if line.operation != operation {
                operation = &line.operation;
                println!("  {operation}");
            }
            let times = if line.count == 1 { "once".to_owned() } else { format!("{} times", line.count) };
            println!("    {}: {times}, last {} in exchange {}", line.finding, line.last.get(..19).unwrap_or(&line.last), line.example);
            match &line.suggestion {
                Some(Suggestion { place, advice, .. }) => println!("      {place}: {advice}"),
                None => println!("      the document has nothing against it now"),
            }
        }
    }
}
