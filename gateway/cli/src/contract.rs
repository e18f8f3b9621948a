//! `varco contract`: a document by itself, without a gateway.

mod drift;

use std::cell::RefCell;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use ::contract::{
    Accept, AnswerCheck, CheckedRequest, CompileOptions, Contract, Documents, Drift, Formats, Payload, RequestParts, RouteMatch, Shown,
    Unknown, Violation,
};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use document::{Fault, Faults, Library, Severity};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proxy::config::documents;
use proxy::fault_json;
use serde_json::{Value, json};

use crate::check::print_faults;

/// What to do with a document.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile an OpenAPI document: every fault with its line and column, or how many operations it has.
    Check {
        #[command(flatten)]
        document: Document,
        /// Treat warnings as errors.
        #[arg(long)]
        strict: bool,
    },
    /// Hold one message against a document, and say which operation it is for and every rule that it breaks. Its body is read from standard input.
    Explain {
        #[command(flatten)]
        document: Document,
        /// Method and path with its query, as below the e-service's base path: 'GET /cittadini?cognome=Rossi'.
        request: String,
        /// A header of the message, `name: value`. A body that declares no media type is taken for JSON.
        #[arg(short = 'H', long = "header", value_name = "HEADER")]
        headers: Vec<String>,
        /// Hold an answer with this status against the operation instead.
        #[arg(long, value_name = "STATUS")]
        answer: Option<u16>,
    },
    /// Hold a document against the Italian guidelines: the rules whose breach PDND does not let pass, offline.
    Lint {
        #[command(flatten)]
        document: Document,
    },
    /// What upstreams really send that their documents do not describe, as the audit log tells it, and what would mend the documents.
    Drift(drift::Arguments),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Document {
    /// The OpenAPI document, in YAML or JSON.
    file: PathBuf,
    /// Let query parameters pass that the document does not list.
    #[arg(long)]
    allow_unknown_query: bool,
    /// Take formats for remarks, and not for rules.
    #[arg(long)]
    ignore_formats: bool,
    /// Refuse requests that take nothing that is answered (406).
    #[arg(long)]
    enforce_accept: bool,
    /// Take a local copy for what stands at a URI; one that ends in `/` stands for a folder. References are never fetched.
    #[arg(long, value_name = "URI=PATH", value_parser = copy)]
    catalogue: Vec<(String, PathBuf)>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A local copy, as an option names it.
fn copy(text: &str) -> Result<(String, PathBuf), String> {
    let (uri, path) = text.rsplit_once('=').ok_or("this is no `URI=PATH`")?;
    Ok((uri.to_owned(), PathBuf::from(path)))
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Check { document, strict } => Ok(check(document, *strict)),
        Command::Explain { document, request, headers, answer } => explain(document, request, headers, *answer),
        Command::Lint { document } => Ok(lint(document)),
        Command::Drift(arguments) => drift::run(arguments),
    }
}

impl Document {
    fn read(&self, faults: &RefCell<Faults>) -> Option<Documents> {
        let library = Library::default().with_folder(Path::new(""));
        let library = self.catalogue.iter().fold(library, |library, (uri, path)| library.with_copy(uri, path));
        faults.borrow_mut().keep(documents(&self.file, library))
    }

    fn compile(&self) -> (Option<Contract>, Vec<Fault>) {
        let faults = RefCell::new(Faults::new());
        let options = CompileOptions {
            unknown_query: if self.allow_unknown_query { Unknown::Allow } else { Unknown::Refuse },
            accept: if self.enforce_accept { Accept::Enforce } else { Accept::Ignore },
            formats: if self.ignore_formats { Formats::Ignore } else { Formats::Assert },
            ..CompileOptions::default()
        };
        let contract = self.read(&faults).and_then(|documents| Contract::compile(&documents, &options, &faults));
        (contract, faults.into_inner().sorted())
    }
}

fn check(document: &Document, strict: bool) -> ExitCode {
    let began = Instant::now();
    let (contract, faults) = document.compile();
    let bad = |fault: &Fault| fault.severity == Severity::Error || strict;
    let operations = contract.filter(|_| !faults.iter().any(bad)).map(|contract| contract.operations().len());
    if document.json {
        let faults: Vec<_> = faults.iter().map(fault_json).collect();
        println!("{:#}", json!({ "usable": operations.is_some(), "operations": operations, "faults": faults }));
    } else {
        print_faults(&faults);
        let file = document.file.display();
        match operations {
            Some(operations) => println!("{file}: {operations} operations, compiled in {} ms", began.elapsed().as_millis()),
            None => println!("{file}: {} faults: it cannot be used", faults.iter().filter(|fault| bad(fault)).count()),
        }
    }
    if operations.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lint(document: &Document) -> ExitCode {
    let faults = RefCell::new(Faults::new());
    let mut found = document.read(&faults).map(|documents| ::contract::lint(&documents)).unwrap_or_default();
    found.extend(faults.into_inner().sorted());
    let errors = found.iter().filter(|fault| fault.severity == Severity::Error).count();
    if document.json {
        let faults: Vec<_> = found.iter().map(fault_json).collect();
        println!("{:#}", json!({ "conforms": errors == 0, "faults": faults }));
    } else {
        print_faults(&found);
        match errors {
            0 => println!("{}: it keeps the guidelines' rules", document.file.display()),
            _ => println!("{}: {errors} breaches", document.file.display()),
        }
    }
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What became of a message.
#[derive(Default)]
struct Verdict {
    operation: Option<String>,
    /// What it would be answered with, of a request.
    status: Option<u16>,
    /// Why not, if not.
    refused: Option<String>,
    violations: Vec<Violation>,
    notes: Vec<String>,
}

fn explain(document: &Document, request: &str, headers: &[String], answer: Option<u16>) -> anyhow::Result<ExitCode> {
    let (contract, faults) = document.compile();
    let Some(contract) = contract else {
        print_faults(&faults);
        bail!("`{}` cannot be used", document.file.display());
    };
    let (method, target) = request.split_once(' ').context("a request is a method and a path: 'GET /cittadini'")?;
    let method: Method = method.parse().with_context(|| format!("`{method}` is no method"))?;
    let body = body()?;
    let mut headers = read_headers(headers)?;
    if !body.is_empty() {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    let verdict = verdict(&contract, &method, target.trim(), &headers, body, answer)?;
    tell(document, &verdict);
    Ok(if verdict.refused.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Standard input, unless somebody would have to type it.
fn body() -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    let input = std::io::stdin();
    if !input.is_terminal() {
        input.lock().read_to_end(&mut bytes).context("cannot read the body")?;
    }
    Ok(bytes.into())
}

fn read_headers(lines: &[String]) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').with_context(|| format!("`{line}` is no header: `name: value`"))?;
        headers.append(HeaderName::try_from(name.trim())?, HeaderValue::try_from(value.trim())?);
    }
    Ok(headers)
}

fn verdict(
    contract: &Contract,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: Bytes,
    answer: Option<u16>,
) -> anyhow::Result<Verdict> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let nowhere = |status, refused: String| Verdict { status: Some(status), refused: Some(refused), ..Verdict::default() };
    let (operation, path) = match contract.route(method, path) {
        RouteMatch::Found { operation, parameters } => (operation, parameters),
        RouteMatch::MethodNotAllowed { allow } => {
            return Ok(nowhere(405, format!("the path has the methods {}", allow.to_str().unwrap_or_default())));
        }
        RouteMatch::NotFound => return Ok(nowhere(404, "no path of the document matches".into())),
        RouteMatch::Malformed => return Ok(nowhere(400, "this is no path, or could be taken for another".into())),
    };
    let spec = &contract.operations()[operation];
    let mut verdict = Verdict { operation: Some(format!("{} {} ({})", spec.method, spec.route, spec.id)), ..Verdict::default() };
    let payload = if body.is_empty() { Payload::Nothing } else { Payload::Held(body) };
    if let Some(status) = answer {
        let status = StatusCode::from_u16(status).context("no status")?;
        if let AnswerCheck::Drifts { drift, .. } = contract.check_answer(operation, status, headers, payload) {
            verdict.refused = Some(drift.to_string());
            verdict.violations = if let Drift::Invalid(violations) = drift { violations } else { Vec::new() };
        }
        return Ok(verdict);
    }
    if let Err(missing) = contract.check_credentials(operation, Shown { query, headers, has_certificate: false }) {
        verdict
            .notes
            .push(format!("it shows no {}: 401, where the e-service leaves that to its upstream (`security: [upstream]`)", missing.wanted));
    }
    match contract.check_request(operation, RequestParts { query, headers, path }, payload) {
        Ok(CheckedRequest { is_deprecated, .. }) => {
            verdict.notes.extend(is_deprecated.then(|| "it uses what the document calls deprecated".to_owned()));
        }
        Err(error) => {
            (verdict.status, verdict.refused) = (Some(error.status().as_u16()), Some(error.to_string()));
            verdict.violations = error.violations();
        }
    }
    Ok(verdict)
}

fn tell(document: &Document, verdict: &Verdict) {
    let Verdict { operation, status, refused, violations, notes } = verdict;
    if document.json {
        let errors: Vec<Value> = violations.iter().map(Violation::to_json).collect();
        println!(
            "{:#}",
            json!({ "operation": operation, "conforms": refused.is_none(), "status": status, "reason": refused, "errors": errors, "notes": notes })
        );
        return;
    }
    if let Some(operation) = operation {
        println!("operation: {operation}");
    }
    for note in notes {
        println!("note:      {note}");
    }
    let status = status.map(|status| format!("{status}: ")).unwrap_or_default();
    match refused {
        None => println!("it keeps the contract"),
        Some(reason) if violations.is_empty() => println!("refused:   {status}{reason}"),
        Some(_) => {
            let rules = if violations.len() == 1 { "rule" } else { "rules" };
            println!("refused:   {status}it breaks {} {rules} of {}", violations.len(), name(&document.file));
            for Violation { place, keyword, message, expected, .. } in violations {
                let expected = expected.as_ref().map(|expected| format!(", expected {expected}")).unwrap_or_default();
                println!("  {place} {message} ({keyword}{expected})");
            }
        }
    }
}

fn name(file: &Path) -> std::borrow::Cow<'_, str> {
    file.file_name().unwrap_or_default().to_string_lossy()
}
