//! The official test suite of JSON Schema (`tests/setup/install.sh` unpacks it into `.work/json-schema-suite`): each schema stands in a
//! document of OpenAPI 3.1 and in one of 3.2, each instance is a request's body. `suite.txt` lists what does not pass, each with its reason;
//! the test fails as soon as that is not true any more, in either direction.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use contract::{CompileOptions, Contract, Documents, Payload, RequestParts};
use document::{Faults, Tree, Unread};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

/// Where the suite is.
const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.work/json-schema-suite");

/// Where schemas stand in the document.
const HERE: &str = "#/components/schemas/S";

/// The keywords of draft 4 that OpenAPI 3.0 keeps as they are (OpenAPI 3.0.4 §4.7.24.1): the suite's files are called as they are.
const KEPT: [&str; 20] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "uniqueItems",
];

#[test]
fn the_suite_of_2020_12_passes_from_3_1_on_but_for_what_is_listed() {
    let suite = Path::new(SUITE).join("tests/draft2020-12");
    assert!(suite.is_dir(), "{} is not there: run `make setup` first", suite.display());
    let mut files: Vec<_> = [suite.clone(), suite.join("optional"), suite.join("optional/format")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    for version in ["3.1.1", "3.2.0"] {
        passes_but_for(version, &suite, &files, 1500, include_str!("suite.txt"));
    }
}

#[test]
fn what_3_0_keeps_of_draft_4_passes_but_for_what_is_listed() {
    let suite = Path::new(SUITE).join("tests/draft4");
    let files: Vec<_> = KEPT.iter().map(|name| suite.join(format!("{name}.json"))).collect();
    passes_but_for("3.0.4", &suite, &files, 300, include_str!("suite-3.0.txt"));
}

fn passes_but_for(version: &str, suite: &Path, files: &[PathBuf], least: usize, listed: &str) {
    let (mut run, mut failed) = (0, BTreeSet::new());
    for file in files {
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
        let name = file.strip_prefix(suite).expect("below it").display().to_string();
        for group in &groups {
            let tests = group["tests"].as_array().expect("tests");
            run += tests.len();
            let asserts_formats = name.starts_with("optional");
            let description = group["description"].as_str().expect("text");
            let mut is_wrong = |what: &str| {
                failed.insert(format!("{name}: {description}{what}"));
            };
            let contract = match compile(version, &group["schema"], asserts_formats) {
                Ok(contract) => contract,
                Err(fault) => {
                    is_wrong(&format!(": {}", fault.split(": error: ").nth(1).unwrap_or_default().lines().next().unwrap_or_default()));
                    continue;
                }
            };
            for test in tests.iter().filter(|test| is_valid(&contract, &test["data"]) != test["valid"].as_bool().expect("a verdict")) {
                is_wrong(&format!(" / {}", test["description"].as_str().expect("text")));
            }
        }
    }
    assert!(run > least, "only {run} tests were run");
    let listed = listed.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    let mut told: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    told.insert("listed, and passes now", listed.difference(&failed).collect());
    told.insert("fails, and is not listed", failed.difference(&listed).collect());
    assert!(failed == listed, "of {run} tests: {told:#?}");
}

fn compile(version: &str, schema: &Value, asserts_formats: bool) -> Result<Contract, String> {
    let mut schema = schema.clone();
    here(&mut schema);
    let content = json!({ "application/json": { "schema": { "$ref": HERE } } });
    let operation = json!({ "operationId": "s", "requestBody": { "required": true, "content": content }, "responses": { "204": {} } });
    let document =
        json!({ "openapi": version, "info": {}, "paths": { "/s": { "post": operation } }, "components": { "schemas": { "S": schema } } });
    let tree = Tree::parse("s.json", &document.to_string()).map_err(|fault| fault.to_string())?;
    let faults = RefCell::new(Faults::new());
    let formats = if asserts_formats { contract::Formats::Assert } else { contract::Formats::Ignore };
    let documents = Documents::read(tree, "http://localhost:1234/document.json", &remote);
    let contract = Contract::compile(&documents, &CompileOptions { formats, ..CompileOptions::default() }, &faults);
    contract.ok_or_else(|| faults.into_inner().sorted().first().map(ToString::to_string).unwrap_or_default())
}

/// What the suite says stands on a server.
fn remote(uri: &str) -> Result<Tree, Unread> {
    let unread = || Unread { message: "leads to a document that is not here".into(), hint: String::new() };
    let path = uri.strip_prefix("http://localhost:1234/").ok_or_else(unread)?;
    Tree::read(&Path::new(SUITE).join("remotes").join(path)).map_err(|_| unread())
}

/// A pointer into the schema is a pointer into the document that it stands in.
fn here(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(here),
        // What names itself is what references in it are relative to.
        Value::Object(members) if members.get("$id").is_some_and(Value::is_string) => {}
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(reference)
                        if (name == "$ref" || name == "$dynamicRef") && (reference == "#" || reference.starts_with("#/")) =>
                    {
                        *reference = format!("{HERE}{}", &reference[1..]);
                    }
                    // What stands there is no schema.
                    _ if name == "enum" || name == "const" => {}
                    value => here(value),
                }
            }
        }
        _ => {}
    }
}

fn is_valid(contract: &Contract, data: &Value) -> bool {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let parts = RequestParts { query: None, headers: &headers, path: Vec::new() };
    contract.check_request(0, parts, Payload::Held(Bytes::from(data.to_string()))).is_ok()
}
