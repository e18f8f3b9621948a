//! The contract's own cases (`gateway/contract/tests/cases`), sent through the whole gateway: what is refused there is refused here, with
//! the same words, and what is not reaches the upstream.

use std::path::Path;

use document::{Node, Tree};
use serde_json::Value;
use tests::{Case, CaseOptions, CaseRequest, Connection, Gateway, Message, Rest, Site, Witness, items, text};

#[test]
fn every_case_is_the_same_over_http() {
    let (site, witness) = (Site::new(), Witness::hello());
    let cases = cases(&site);
    let yaml = configuration(&cases, &witness.url());
    let gateway = Gateway::start(site.path(), &yaml);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (at, case) in cases.iter().enumerate() {
        for (node, request) in case.requests().iter().filter_map(|node| Some((node, sendable(node)?))) {
            count += 1;
            let before = witness.count();
            let answer = send(&gateway, at, &request);
            let reached = witness.count() > before;
            let passes = text(node, "over_http") == Some("passes");
            let expected = if passes { "ok streamed" } else { text(node, "expected").unwrap_or_default() };
            let found = told(&answer);
            if found != wanted(expected) || reached != expected.starts_with("ok") {
                let line = node.position.line;
                wrong.push(format!(
                    "{}:{line}: expected {expected}, found {found}{}",
                    case.name,
                    if reached { ", and it reached the upstream" } else { "" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 380, "only {count} cases were sent");
}

/// What upstreams answer: what keeps the contract passes, an error that does not stays that error, a success that does not is 502, and the
/// record says what was found.
#[test]
fn every_answer_is_judged_the_same_over_http() {
    let (site, rest) = (Site::new(), Rest::start(""));
    let cases = cases(&site);
    let yaml = configuration(&cases, &format!("http://{}", rest.address)).replace("answers: off", "answers: enforce");
    let gateway = Gateway::start(site.path(), &yaml);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (at, case) in cases.iter().enumerate() {
        // The upstream says what its bodies are, and sends them whole.
        let is_sendable = |answer: &&Node| text(answer, "body") != Some("(streaming)") && text(answer, "type") != Some("none");
        for answer in case.answers().iter().filter(is_sendable) {
            let status: u16 = text(answer, "status").and_then(|status| status.parse().ok()).expect("a status");
            let body = text(answer, "body");
            let media = match (text(answer, "type"), body) {
                (None, None) => String::new(),
                (media, _) => format!("content-type: {}\r\n", media.unwrap_or("application/json")),
            };
            let more: String = items(answer, "headers").iter().filter_map(Node::as_str).map(|line| format!("{line}\r\n")).collect();
            rest.answer(status, &format!("{media}{more}"), body.unwrap_or_default());
            let request = request_for(case, text(answer, "operation").expect("an operation"));
            let got = send(&gateway, at, &CaseRequest::read(&request).expect("sendable"));
            count += 1;
            let keeps = text(answer, "expected").is_some_and(|expected| expected.starts_with("ok "));
            let wanted = if keeps || status >= 400 { status } else { 502 };
            let is_ours = matches!(&*got.problem(), "upstream-refused" | "bad-upstream-answer");
            // Of these statuses HTTP itself lets no body through.
            let is_bodiless = matches!(status, 204 | 205 | 304) && body.is_some();
            if !is_bodiless && (got.status != wanted || is_ours == keeps) {
                wrong.push(format!("{}:{}: expected {wanted}, found {} {}", case.name, answer.position.line, got.status, got.problem()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 25, "only {count} answers");
}

/// A request for an operation that keeps the contract: one of the case's own, or none but method and path.
fn request_for(case: &Case, operation: &str) -> Node {
    let document = Tree::parse("api.yaml", case.document()).expect("readable");
    let paths = document.root.get("paths").expect("paths").pairs();
    let found = paths.iter().find_map(|(path, item)| {
        let own = item.pairs().iter().find(|(_, operation_)| text(operation_, "operationId") == Some(operation))?;
        Some(format!("{} {}", own.0.text.to_uppercase(), path.text))
    });
    let send = found.expect("an operation of the document");
    let is_good = |request: &&Node| {
        text(request, "send") == Some(&*send)
            && text(request, "expected").is_some_and(|expected| expected.starts_with("ok "))
            && text(request, "body") != Some("(streaming)")
    };
    match case.requests().iter().find(is_good) {
        Some(request) => request.clone(),
        None => Tree::parse("request.yaml", &format!("send: {send}")).expect("readable").root,
    }
}

/// The cases, each one's documents written beside the configuration.
fn cases(site: &Site) -> Vec<Case> {
    let cases = tests::cases();
    for (at, case) in cases.iter().enumerate() {
        let folder = site.path().join(at.to_string());
        write(&folder.join("api.yaml"), case.document());
        for (name, other) in case.beside() {
            write(&folder.join(copy_of(name)), other);
        }
    }
    cases
}

/// The local copy of a URI, or the file itself.
fn copy_of(name: &str) -> &str {
    name.split_once("://").map_or(name, |(_, path)| path)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn configuration(cases: &[Case], upstream: &str) -> String {
    let mut yaml = Site::head();
    for (at, case) in cases.iter().enumerate() {
        let CaseOptions { unknown_query: unknown, repeated_query: repeated, accept, security } = case.options();
        yaml += &format!(
            "  c{at}:\n    direction: inbound\n    listener: web\n    base_path: /c{at}\n    contract: {at}/api.yaml\n    security: [{security}]\n    \
             acknowledge: [{security}]\n    unknown_query: {unknown}\n    repeated_query: {repeated}\n    accept: {accept}\n    answers: off\n    status: proxied\n    adapter: {{ http: {{ url: \"{upstream}\" }} }}\n"
        );
    }
    yaml += "catalogue:\n";
    for (at, case) in cases.iter().enumerate() {
        for (uri, _) in case.beside().filter(|(name, _)| name.contains("://")) {
            yaml += &format!("  \"{uri}\": {at}/{}\n", copy_of(uri));
        }
    }
    yaml
}

/// What a client of HTTP can say. HEAD and OPTIONS are the gateway's own to answer, and so is what is no target at all.
fn sendable(node: &Node) -> Option<CaseRequest<'_>> {
    CaseRequest::read(node).filter(|request| !matches!(request.method, "HEAD" | "OPTIONS"))
}

fn send(gateway: &Gateway, at: usize, CaseRequest { method, target, headers, body }: &CaseRequest<'_>) -> Message {
    let mut head = format!("{method} /c{at}{target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        head += &format!("content-length: {}\r\n", body.len());
    }
    let mut wire = Connection::to(gateway.address("web"));
    // The answer may come before all of it is written.
    let _ = wire.send(format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes());
    wire.answer().expect("an answer")
}

/// What the caller is to be told: a status, and for what breaks the contract the words of the case.
fn wanted(expected: &str) -> String {
    match expected {
        ok if ok.starts_with("ok ") => "200".into(),
        "404" => "404 no-operation".into(),
        "malformed" => "400 bad-path".into(),
        shown if shown.starts_with("401 ") => shown.into(),
        method if method.starts_with("405 ") => "405 method-not-allowed".into(),
        media if media.starts_with("the body should be of one of the media types") => format!("415 unsupported-media-type {media}"),
        media if media.starts_with("the answer would be of") => format!("406 not-acceptable {media}"),
        broken => format!("400 contract-violation {broken}"),
    }
}

fn told(answer: &Message) -> String {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match (answer.status, &*answer.problem()) {
        (200, _) => "200".into(),
        (status, kind @ ("contract-violation" | "unsupported-media-type" | "not-acceptable")) => {
            format!("{status} {kind} {}", json["detail"].as_str().unwrap_or_default())
        }
        (401, "credentials-missing") => {
            let challenges: Vec<&str> =
                answer.head.lines().filter_map(|line| line.strip_prefix("www-authenticate:")).map(str::trim).collect();
            format!("401 [{}] {}", challenges.join(", "), json["detail"].as_str().unwrap_or_default())
        }
        (status, kind) => format!("{status} {kind}"),
    }
}
