//! The contract's cases through two other readers of OpenAPI, openapi-core (PyPI) and express-openapi-validator (npm): wherever they judge a
//! request otherwise, `tests/cases/differential.txt` says why, and no longer than they do.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use document::Tree;
use serde_json::{Value, json};
use tests::{CaseOptions, CaseRequest, interpreter, json_program, repository, text};

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
    let mut python = interpreter();
    python.arg(peers.join("openapi_core_cases.py"));
    let mut node = Command::new("node");
    node.arg(peers.join("express.mjs")).arg(repository().join(".work/node"));
    let (mut found, mut said) = (BTreeSet::new(), BTreeMap::new());
    for (name, mut command) in [("openapi-core", python), ("express", node)] {
        let verdicts = json_program(&mut command, &given);
        let verdicts = verdicts.as_array().expect("a list");
        assert_eq!(verdicts.len(), asked.len(), "{name} leaves some out");
        for (asked, verdict) in asked.iter().zip(verdicts) {
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
    let (mut documents, mut asked) = (Vec::new(), Vec::new());
    for case in tests::cases() {
        // What names itself by a URI of its own is fetched by one of them, and neither reads OpenAPI 3.2.
        let is_read = !case.document().contains("$id") && !case.document().starts_with("openapi: 3.2.");
        if !is_read || case.options() != CaseOptions::default() || case.beside().next().is_some() {
            continue;
        }
        let name = &case.name;
        let document = Tree::parse("api.yaml", case.document()).expect("readable");
        documents.push(json!({ "name": name, "document": document.root.to_json() }));
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for node in case.requests() {
            let send = text(node, "send").expect("a request");
            let count = seen.entry(send).or_default();
            *count += 1;
            let sendable = CaseRequest::read(node).filter(|request| !matches!(request.method, "HEAD" | "OPTIONS" | "TRACE"));
            let Some(CaseRequest { method, target, headers, body }) = sendable else { continue };
            asked.push(Asked {
                place: format!("{name} {send} {count}"),
                passes: text(node, "expected").is_some_and(|expected| expected.starts_with("ok ")),
                request: json!({ "document": name, "method": method, "target": target, "headers": headers, "body": body }),
            });
        }
    }
    (documents, asked)
}
