//! A body that is wrong deep inside schemas that contain themselves costs no more than its size.

use std::cell::RefCell;

use contract::{CompileOptions, Contract, ContractError, Payload, RequestParts};
use document::{Faults, Tree};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

/// Each level may be looked at in two ways, so that the errors of sixty levels would be more than there are grains of sand.
const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /p: {post: {requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}, responses: {"204": {description: d}}}}
components:
  schemas:
    Node: {oneOf: [{$ref: "#/components/schemas/And"}, {$ref: "#/components/schemas/Or"}, {type: integer}]}
    And: {type: object, properties: {nodes: {$ref: "#/components/schemas/Nodes"}, op: {type: string, enum: [and]}}}
    Or: {type: object, properties: {nodes: {$ref: "#/components/schemas/Nodes"}, op: {type: string, enum: [or]}}}
    Nodes: {type: array, items: {$ref: "#/components/schemas/Node"}}
"##;

fn told(depth: usize, leaf: &str) -> Vec<String> {
    let faults = RefCell::new(Faults::new());
    let tree = Tree::parse("api.yaml", DOCUMENT).expect("readable");
    let contract = Contract::compile(&tree.into(), &CompileOptions::default(), &faults).expect("sound");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = format!("{}{leaf}{}", r#"{"nodes":["#.repeat(depth), r#"],"op":"and"}"#.repeat(depth));
    let parts = RequestParts { query: None, headers: &headers, path: Vec::new() };
    match contract.check_request(0, parts, Payload::Held(body.into())) {
        Ok(_) => Vec::new(),
        Err(ContractError::Invalid(violations)) => violations.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn deep_alternatives() {
    assert_eq!(told(2, "1"), Vec::<String>::new());
    assert_eq!(told(30, "1"), Vec::<String>::new());
    assert_eq!(told(2, "\"x\""), ["body matches none of the 3 alternatives"]);
    assert_eq!(told(30, "\"x\""), ["body does not match its schema, and is nested too deep to say where"]);
}

/// A document whose schemas refer twice each to the next: no circle, and twice as many ways at each level.
fn doubling(levels: usize) -> String {
    let name = |level: usize| format!("\"#/components/schemas/S{level}\"");
    let level = |at: usize| format!("    S{at}: {{allOf: [{{$ref: {0}}}, {{$ref: {0}}}]}}\n", name(at + 1));
    let schemas: String = (0..levels).map(level).collect();
    format!(
        "openapi: 3.0.3\ninfo: {{title: t, version: '1'}}\npaths:\n  /p: {{post: {{requestBody: {{content: {{application/json: {{schema: {{type: array, items: {{$ref: {}}}}}}}}}}}, \
         responses: {{\"204\": {{description: d}}}}}}}}\ncomponents:\n  schemas:\n{schemas}    S{levels}: {{type: string}}\n",
        name(0)
    )
}

#[test]
fn ways_that_double() {
    let compile = |levels: usize| {
        let faults = RefCell::new(Faults::new());
        let tree = Tree::parse("api.yaml", &doubling(levels)).expect("readable");
        let contract = Contract::compile(&tree.into(), &CompileOptions::default(), &faults);
        contract.ok_or_else(|| faults.into_inner().sorted()[0].message.clone())
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let told = |levels: usize, body: &str| {
        let parts = RequestParts { query: None, headers: &headers, path: Vec::new() };
        match compile(levels).expect("sound").check_request(0, parts, Payload::Held(body.to_owned().into())) {
            Err(ContractError::Invalid(violations)) => violations.len(),
            other => panic!("{other:?}"),
        }
    };
    // All of a few, and one of what would be too many to find.
    assert_eq!(told(3, "[1,2,3]"), 3);
    assert_eq!(told(12, &format!("[{}1]", "1,".repeat(1000))), 1);
    assert!(compile(40).expect_err("it has no end").contains("in more than 1048576 ways"));
}
