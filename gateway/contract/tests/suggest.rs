//! What is suggested for an answer that the document does not describe, once it is written into the document, has it describe the answer.

use std::cell::RefCell;

use bytes::Bytes;
use contract::{AnswerCheck, CompileOptions, Contract, Documents, Finding, Payload, Suggestion, overlay, suggest};
use document::{Faults, Tree};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

const DOCUMENT: &str = r##"
openapi: 3.1.1
info: {title: t, version: "1"}
paths:
  /voci/{id}:
    get:
      operationId: voci
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200":
          description: d
          headers: {ETag: {required: true, schema: {type: string, maxLength: 4}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Pagina"}}}
        4XX: {description: d}
components:
  schemas:
    Pagina:
      type: object
      required: [voci]
      additionalProperties: false
      properties:
        voci: {type: array, items: {$ref: "#/components/schemas/Voce"}, maxItems: 3}
        nota: {type: string}
        anni: {type: object, required: ["2023"], properties: {"2023": {type: string}, "2024": {type: string}}}
    Voce:
      allOf:
        - {type: object, required: [cap, nome]}
        - properties: {cap: {type: string, pattern: "^[0-9]{5}$"}, nome: {type: string}, l'anno: {type: integer, minimum: 1900}}
"##;

/// Status, media type (or none), ETag, body; the findings, and where each is to be mended.
const ANSWERS: [(u16, &str, &str, &str, &[&str]); 14] = [
    (500, "text/html", "a", "<html>", &["500 undocumented-status text/html 9:7"]),
    (503, "", "a", "", &["503 undocumented-status - 9:7"]),
    (404, "application/problem+json", "a", "{}", &["404 undocumented-body application/problem+json 14:9"]),
    (200, "text/csv", "a", "a;b", &["200 undocumented-media-type text/csv 10:9"]),
    (
        200,
        "application/json",
        "a",
        r#"{"voci":[{"cap":"1","nome":null}]}"#,
        &["200 pattern - body:/voci/*/cap 28:24", "200 type null body:/voci/*/nome 28:68"],
    ),
    (
        200,
        "application/json",
        "a",
        r#"{"voci":[{"cap":"00100"}],"nota":7}"#,
        &["200 required - body:/voci/*/nome 27:11", "200 type integer body:/nota 23:9"],
    ),
    (200, "application/json", "a", r#"{"voci":[{"cap":"00100","nome":"n","l'anno":1}]}"#, &["200 minimum - body:/voci/*/l'anno 28:90"]),
    (200, "application/json", "a", "{}", &["200 required - body:/voci 17:5"]),
    (
        200,
        "application/json",
        "a",
        r#"{"voci":[{"cap":"00100","nome":null},{"cap":"00100","nome":5}]}"#,
        &["200 type null body:/voci/*/nome 28:68", "200 type integer body:/voci/*/nome 28:68"],
    ),
    (200, "application/json", "a", r#"{"voci":[],"RSSMRA80A01H501U":1}"#, &["200 additionalProperties - body 17:5"]),
    (
        200,
        "application/json",
        "a",
        r#"{"voci":[],"anni":{"2024":1}}"#,
        &["200 type integer body:/anni/'2024' 24:87", "200 required - body:/anni/'2023' 24:9"],
    ),
    (200, "application/json", "a", r#"{"voci":[1,2,3,4]}"#, &["200 maxItems - body:/voci 22:9", "200 type integer body:/voci/* 27:11"]),
    (200, "application/json", "troppo lungo", r#"{"voci":[]}"#, &["200 maxLength - header.ETag 12:44"]),
    (200, "application/json", "", r#"{"voci":[]}"#, &["200 required - header.ETag 12:21"]),
];

#[test]
fn what_is_suggested_describes_what_came() {
    for (status, media, etag, body, expected) in ANSWERS {
        let documents = read(DOCUMENT);
        let drifts = findings(&compile(&documents), status, media, etag, body);
        let asked: Vec<(&str, &Finding)> = drifts.iter().map(|finding| ("voci", finding)).collect();
        let suggestions: Vec<Suggestion> = suggest(&documents, &asked).into_iter().map(|one| one.expect("a suggestion")).collect();
        let place = |suggestion: &Suggestion| suggestion.place.to_string().trim_start_matches("api.yaml:").to_owned();
        let told: Vec<String> = drifts.iter().zip(&suggestions).map(|(finding, one)| format!("{finding} {}", place(one))).collect();
        assert_eq!(told, expected, "{status} {body}: {suggestions:#?}");
        let mut actions: Vec<Value> = suggestions.into_iter().flat_map(|one| one.actions).collect();
        let mut done = Vec::new();
        actions.retain(|action| {
            !done.contains(action) && {
                done.push(action.clone());
                true
            }
        });
        let overlay = overlay("t", &actions);
        let mended = read(&applied(DOCUMENT, &overlay));
        assert_eq!(findings(&compile(&mended), status, media, etag, body), [], "{status} {body}: {overlay:#}");
        let left = suggest(&mended, &asked);
        assert!(left.iter().all(Option::is_none), "{left:#?}");
    }
}

fn read(text: &str) -> Documents {
    Tree::parse("api.yaml", text).expect("readable").into()
}

fn compile(documents: &Documents) -> Contract {
    let faults = RefCell::new(Faults::new());
    Contract::compile(documents, &CompileOptions::default(), &faults).unwrap_or_else(|| panic!("{faults:?}"))
}

fn findings(contract: &Contract, status: u16, media: &str, etag: &str, body: &str) -> Vec<Finding> {
    let mut headers = HeaderMap::new();
    for (name, value) in [(CONTENT_TYPE, media), (HeaderName::from_static("etag"), etag)] {
        if !value.is_empty() {
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
    }
    let status = StatusCode::from_u16(status).expect("a status");
    let payload = if body.is_empty() { Payload::Nothing } else { Payload::Held(Bytes::from(body.to_owned())) };
    match contract.check_answer(0, status, &headers, payload) {
        AnswerCheck::Conforms(_) => Vec::new(),
        AnswerCheck::Drifts { drift, .. } => {
            let mut found: Vec<Finding> = drift.findings(status).into_iter().map(Finding::of_any_item).collect();
            found.dedup();
            found
        }
    }
}

/// The document with an Overlay's actions done: as much of JSONPath as those of ours have.
fn applied(document: &str, overlay: &Value) -> String {
    let mut raw = Tree::parse("api.yaml", document).expect("readable").root.to_json();
    for action in overlay["actions"].as_array().expect("actions") {
        let steps = steps(action["target"].as_str().expect("a target"));
        let (last, way) = steps.split_last().expect("steps");
        if action["remove"] == true {
            match down(&mut raw, way) {
                Value::Object(members) => assert!(members.shift_remove(last).is_some(), "{action}"),
                Value::Array(items) => {
                    let before = items.len();
                    items.retain(|item| format!("?@ == '{}'", item.as_str().unwrap_or_default()) != *last);
                    assert!(items.len() < before, "{action}");
                }
                other => panic!("{other}"),
            }
        } else {
            merge(down(&mut raw, &steps), &action["update"]);
        }
    }
    raw.to_string()
}

/// `$['a'][0][?@ == 'b']`.
fn steps(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("$[").and_then(|path| path.strip_suffix(']')).expect("a path");
    let unquoted = |step: &str| step.strip_prefix('\'').and_then(|step| step.strip_suffix('\'')).unwrap_or(step).replace("\\'", "'");
    inner.split("][").map(unquoted).collect()
}

fn down<'v>(value: &'v mut Value, steps: &[String]) -> &'v mut Value {
    steps.iter().fold(value, |value, step| match value {
        Value::Array(items) => &mut items[step.parse::<usize>().expect("an index")],
        value => &mut value[step.as_str()],
    })
}

fn merge(value: &mut Value, update: &Value) {
    match (value, update) {
        (Value::Object(members), Value::Object(more)) => {
            for (name, update) in more {
                merge(members.entry(name.clone()).or_insert(Value::Null), update);
            }
        }
        (value, update) => *value = update.clone(),
    }
}
