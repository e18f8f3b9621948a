//! The contract's cases through two other readers of OpenAPI, openapi-core (PyPI) and express-openapi-validator (npm): wherever they judge a
//! request otherwise, `tests/cases/differential.txt` says why, and no longer than they do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use document::{Node, Tree};
use serde_json::{Value, json};
use tests::repository;

/// One request of a case: its file and line, and whether it keeps the contract.
struct Asked {
    place: String,
    passes: bool,
    request: Value,
}

#[test]
fn whoever_judges_otherwise_is_explained() {
    let (documents, asked) = cases();
    assert!(asked.len() > 400, "only {} requests", asked.len());
    let given = json!({ "documents": documents, "requests": asked.iter().map(|asked| asked.request.clone()).collect::<Vec<_>>() });
    let peers = repository().join("tests/peers/differential");
    let mut python = Command::new(repository().join(".work/venv/bin/python"));
    python.arg(peers.join("openapi_core_cases.py"));
    let mut node = Command::new("node");
    node.arg(peers.join("express.mjs")).arg(repository().join(".work/node"));
    let (mut found, mut said) = (BTreeSet::new(), BTreeMap::new());
    for (name, command) in [("openapi-core", python), ("express", node)] {
        let verdicts = verdicts(command, &given);
        assert_eq!(verdicts.len(), asked.len(), "{name} leaves some out");
        for (asked, verdict) in asked.iter().zip(&verdicts) {
            // One that breaks down at a request judges nothing.
            let Some(status) = verdict[0].as_u64().filter(|status| *status < 500) else { continue };
            let takes = (200..300).contains(&status);
            if takes != asked.passes {
                let line = format!("{name} {} {}", if takes { "takes" } else { "refuses" }, asked.place);
                said.insert(line.clone(), verdict[1].to_string());
                found.insert(line);
            }
        }
        let judged = verdicts.iter().filter(|verdict| verdict[0].as_u64().is_some_and(|status| status < 500)).count();
        assert!(judged * 10 > asked.len() * 6, "{name} judges only {judged} of {}: {verdicts:?}", asked.len());
    }
    let listed: BTreeSet<String> = listed();
    let mut told: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    told.insert("listed, and judged alike", listed.difference(&found).collect());
    told.insert("judged otherwise, and not listed", found.difference(&listed).collect());
    said.retain(|line, _| !listed.contains(line));
    assert!(found == listed, "{told:#?}\nwhat they say: {said:#?}");
}

fn listed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("tests/cases/differential.txt")).expect("the list");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The documents that are one file, and the requests for them that a client of HTTP can send.
fn cases() -> (Vec<Value>, Vec<Asked>) {
    let mut files: Vec<_> = std::fs::read_dir(repository().join("gateway/contract/tests/cases"))
        .expect("cases")
        .map(|entry| entry.expect("a case").path())
        .collect();
    files.sort();
    let (mut documents, mut asked) = (Vec::new(), Vec::new());
    for file in files {
        let case = Tree::read(&file).unwrap_or_else(|fault| panic!("{fault}"));
        let options = ["files", "security", "accept", "unknown_query", "repeated_query"];
        let requests = case.root.get("requests").map(Node::items).unwrap_or_default();
        // What names itself by a URI of its own is fetched by one of them.
        let has_uris = case.root.get("document").and_then(Node::as_str).is_some_and(|document| document.contains("$id"));
        if requests.is_empty() || has_uris || options.iter().any(|option| case.root.get(option).is_some()) {
            continue;
        }
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
        let document = Tree::parse("api.yaml", &text(&case.root, "document").expect("a document")).expect("readable");
        documents.push(json!({ "name": name, "document": document.root.to_json() }));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for request in requests {
            let send = text(request, "send").expect("a request");
            let count = seen.entry(send.clone()).or_default();
            *count += 1;
            let (method, target) = send.split_once(' ').expect("method and target");
            let body = text(request, "body");
            if !target.starts_with('/') || matches!(method, "HEAD" | "OPTIONS" | "TRACE") || body.as_deref() == Some("(streaming)") {
                continue;
            }
            let media = match (text(request, "type"), &body) {
                (Some(none), _) if none == "none" => None,
                (Some(media), _) => Some(media),
                (None, body) => body.as_ref().map(|_| "application/json".to_owned()),
            };
            let mut headers: Vec<(String, String)> = media.into_iter().map(|media| ("content-type".to_owned(), media)).collect();
            for line in request.get("headers").map(Node::items).unwrap_or_default() {
                let (name, value) = line.as_str().and_then(|line| line.split_once(':')).expect("a header");
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            asked.push(Asked {
                place: format!("{name} {send} {count}"),
                passes: text(request, "expected").is_some_and(|expected| expected.starts_with("ok ")),
                request: json!({ "document": name, "method": method, "target": target, "headers": headers, "body": body }),
            });
        }
    }
    (documents, asked)
}

fn verdicts(mut command: Command, given: &Value) -> Vec<Value> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}): run `make setup` first"));
    child.stdin.take().expect("it is piped").write_all(given.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("it writes JSON")
}
