//! Each file in `cases/` is a document with requests, answers and what the contract says of them.
//!
//! A file holds `document` (the text of an OpenAPI document), `faults` that compiling it reports (all of them, as they are
//! printed), and lists of `requests`, `answers` and `withheld` pointers, each with what is `expected`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use contract::{Accept, AnswerCheck, CompileOptions, Contract, Documents, Payload, Repeated, RequestParts, RouteMatch, Shown, Unknown};
use document::{Faults, Node, Tree, Unread};
use exchange::{Body, Pointer};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

#[test]
fn cases() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in files() {
        let tree = Tree::read(&file).unwrap_or_else(|fault| panic!("{fault}"));
        let case = Case::open(&tree);
        let mut check = |what: String, expected: &str, found: String| {
            count += 1;
            if found.trim() != expected.trim() {
                wrong.push(format!("{}: {what}\n  expected: {expected}\n  found:    {found}", case.name));
            }
        };
        let expected: Vec<&str> = items(&tree.root, "faults").iter().filter_map(Node::as_str).collect();
        check("faults".into(), &expected.join("\n"), case.faults.join("\n"));
        for (list, run) in
            [("requests", Case::request as fn(&Case, &Node) -> String), ("answers", Case::answer), ("withheld", Case::withheld)]
        {
            for (at, node) in items(&tree.root, list).iter().enumerate() {
                let line = node.position.line;
                check(format!("{list}[{at}] in line {line}"), text(node, "expected").unwrap_or_default(), run(&case, node));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 100, "only {count} cases were run");
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(&folder).expect("the folder of cases");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn items<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).map(Node::items).unwrap_or_default()
}

fn text<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    node.get(name).and_then(Node::as_str)
}

/// What a case has beside its document: by its name, or by its URI.
fn other(case: &Tree, uri: &str) -> Result<Tree, Unread> {
    let name = uri.strip_prefix("contract:///").unwrap_or(uri);
    let unread = || Unread { message: "leads to a document that is not here".into(), hint: "nothing is fetched".into() };
    let found = case.root.get("files").and_then(|files| text(files, name)).ok_or_else(unread)?;
    Ok(Tree::parse(name, found).unwrap_or_else(|fault| panic!("{fault}")))
}

struct Case {
    name: String,
    contract: Option<Contract>,
    faults: Vec<String>,
}

impl Case {
    fn open(case: &Tree) -> Self {
        let faults = RefCell::new(Faults::new());
        let unknown_query = if text(&case.root, "unknown_query") == Some("allow") { Unknown::Allow } else { Unknown::Refuse };
        let repeated_query = if text(&case.root, "repeated_query") == Some("allow") { Repeated::Allow } else { Repeated::Refuse };
        let accept = if text(&case.root, "accept") == Some("enforce") { Accept::Enforce } else { Accept::Ignore };
        let options = CompileOptions { unknown_query, repeated_query, accept, ..CompileOptions::default() };
        let tree = Tree::parse("api.yaml", text(&case.root, "document").expect("a document")).unwrap_or_else(|fault| panic!("{fault}"));
        let documents = match case.root.get("files") {
            Some(_) => Documents::read(tree, "contract:///api.yaml", &|uri| other(case, uri)),
            None => tree.into(),
        };
        let contract = Contract::compile(&documents, &options, &faults);
        let faults = faults.into_inner().sorted().iter().map(ToString::to_string).collect();
        Self { name: case.file.rsplit('/').next().unwrap_or_default().to_owned(), contract, faults }
    }

    fn contract(&self) -> &Contract {
        self.contract.as_ref().unwrap_or_else(|| panic!("{}: no contract: {:#?}", self.name, self.faults))
    }

    fn request(&self, node: &Node) -> String {
        let (method, target) = text(node, "send").and_then(|line| line.split_once(' ')).expect("method and target");
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let method: Method = method.parse().expect("a method");
        let (operation, path) = match self.contract().route(&method, path) {
            RouteMatch::Found { operation, parameters } => (operation, parameters),
            RouteMatch::MethodNotAllowed { allow } => return format!("405 {}", allow.to_str().expect("text")),
            RouteMatch::NotFound => return "404".into(),
            RouteMatch::Malformed => return "malformed".into(),
        };
        let headers = headers(node);
        if let Err(missing) = self.contract().check_credentials(operation, Shown { query, headers: &headers, has_certificate: false }) {
            let challenges: Vec<_> = missing.challenges.iter().map(|challenge| challenge.to_str().expect("text")).collect();
            return format!("401 [{}] {missing}", challenges.join(", "));
        }
        let parts = RequestParts { query, headers: &headers, path };
        match self.contract().check_request(operation, parts, payload(node)) {
            Ok(checked) => format!("ok {}", describe(&checked.body)),
            Err(error) => error.to_string(),
        }
    }

    fn answer(&self, node: &Node) -> String {
        let id = text(node, "operation").expect("an operation");
        let operation = self.contract().operations().iter().position(|spec| &*spec.id == id).expect("an operation of the document");
        let status = StatusCode::from_bytes(text(node, "status").expect("a status").as_bytes()).expect("a status");
        match self.contract().check_answer(operation, status, &headers(node), payload(node)) {
            AnswerCheck::Conforms(body) => format!("ok {}", describe(&body)),
            AnswerCheck::Drifts { drift, .. } => drift.to_string(),
        }
    }

    fn withheld(&self, node: &Node) -> String {
        let id = text(node, "operation").expect("an operation");
        let operation = self.contract().operations().iter().position(|spec| &*spec.id == id).expect("an operation of the document");
        let pointer = Pointer::parse(text(node, "pointer").expect("a pointer")).expect("a pointer");
        self.contract().required_in_answer(operation, &pointer).map_or("may be withheld".into(), |place| format!("required at {place}"))
    }
}

fn describe(body: &Body) -> &'static str {
    match body {
        Body::Empty => "empty",
        Body::Json(_) => "json",
        Body::Bytes(_) => "bytes",
        Body::Streamed => "streamed",
    }
}

fn headers(node: &Node) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match text(node, "type") {
        Some("none") => {}
        Some(media) => drop(headers.insert(CONTENT_TYPE, HeaderValue::from_str(media).expect("a header"))),
        None if text(node, "body").is_some() => drop(headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"))),
        None => {}
    }
    for line in items(node, "headers").iter().filter_map(Node::as_str) {
        let (name, value) = line.split_once(": ").expect("name and value");
        headers.append(name.parse::<HeaderName>().expect("a name"), HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    headers
}

fn payload(node: &Node) -> Payload {
    match text(node, "body") {
        None => Payload::Nothing,
        Some("(streaming)") => Payload::Streaming,
        Some(body) => Payload::Held(Bytes::copy_from_slice(body.as_bytes())),
    }
}
