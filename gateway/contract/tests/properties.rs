//! What must hold for every input: nothing panics, and no error carries what the sender wrote.

use std::cell::RefCell;

use bytes::Bytes;
use contract::{AnswerCheck, CompileOptions, Contract, Payload, RequestParts, RouteMatch};
use document::{Faults, Tree};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A document with a rule of every kind.
const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /p/{cf}/{list}:
    post:
      operationId: p
      parameters:
        - {name: cf, in: path, required: true, schema: {type: string, pattern: "^[A-Z]{3}$"}}
        - {name: list, in: path, required: true, schema: {type: array, items: {type: integer}}}
        - {name: q, in: query, schema: {type: string, enum: [a, b]}}
        - {name: n, in: query, schema: {type: integer, format: int32}}
        - {name: many, in: query, schema: {type: array, uniqueItems: true, items: {type: boolean}}}
        - {name: json, in: query, content: {application/json: {schema: {$ref: "#/components/schemas/V"}}}}
        - {name: X-Head, in: header, schema: {type: number, multipleOf: 2}}
        - {name: c, in: cookie, schema: {type: string, format: date}}
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/V"}}}}
      responses: {"200": {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/V"}}}}}
components:
  schemas:
    V:
      type: object
      required: [kind]
      maxProperties: 3
      additionalProperties: false
      properties:
        kind: {type: string, enum: [x, y]}
        text: {type: string, minLength: 3, maxLength: 8, pattern: "^[a-z]*$", nullable: true}
        number: {type: number, minimum: 1, exclusiveMinimum: true, maximum: 9, multipleOf: 0.5}
        int: {type: integer, format: int64}
        day: {type: string, format: date-time}
        list: {type: array, minItems: 1, maxItems: 2, uniqueItems: true, items: {$ref: "#/components/schemas/V"}}
        map: {type: object, additionalProperties: {$ref: "#/components/schemas/One"}}
        any: {anyOf: [{type: string, maxLength: 1}, {$ref: "#/components/schemas/V"}]}
        not: {not: {type: string}}
        one: {$ref: "#/components/schemas/One"}
    One:
      oneOf: [{$ref: "#/components/schemas/A"}, {$ref: "#/components/schemas/B"}]
      discriminator: {propertyName: kind}
    A: {type: object, required: [kind, a], properties: {kind: {type: string, enum: [A]}, a: {type: integer}}}
    B: {type: object, required: [kind], properties: {kind: {type: string, enum: [B]}, b: {$ref: "#/components/schemas/One"}}}
"##;

/// What of the queries, cookies and documents of 3.2 is read otherwise.
const OF_3_2: &str = r##"
openapi: 3.2.0
$self: https://ente.example/api.yaml
info: {title: t, version: "1"}
security: [{"#/components/securitySchemes/k": []}]
paths:
  /form:
    query:
      parameters:
        - {in: querystring, name: q, content: {application/x-www-form-urlencoded: {$ref: "#/components/mediaTypes/M"}}}
        - {in: cookie, name: c, style: cookie, schema: {type: array, items: {type: integer}}}
        - {in: cookie, name: o, style: cookie, explode: false, schema: {type: object, additionalProperties: {type: integer}}}
      requestBody: {content: {application/json: {$ref: "#/components/mediaTypes/M"}}}
      responses: {"204": {}}
    additionalOperations:
      COPY:
        parameters: [{in: querystring, name: q, content: {application/json: {$ref: "#/components/mediaTypes/M"}}}]
        responses: {"204": {}}
      MOVE:
        parameters: [{in: querystring, content: {text/plain: {schema: {type: string, pattern: "^[a-z]*$"}}}}]
        responses: {"204": {}}
components:
  securitySchemes: {k: {type: apiKey, in: query, name: k}}
  mediaTypes:
    M: {schema: {type: object, minProperties: 1, additionalProperties: {type: boolean}, properties: {a: {type: integer}, l: {$ref: "api.yaml#/components/schemas/L"}}}}
  schemas:
    L: {type: array, items: {$ref: "#/components/schemas/One"}}
    One:
      oneOf: [{$ref: "#/components/schemas/A"}, {$ref: "#/components/schemas/B"}]
      discriminator: {propertyName: kind, defaultMapping: B}
    A: {type: object, required: [kind], properties: {kind: {const: A}}}
    B: {type: object, required: [b], properties: {b: {type: integer}}}
"##;

/// No schema and no word of a message holds it.
const MARKER: &str = "RSSMRA70A01H501X";

fn compiled() -> Contract {
    compiled_from(DOCUMENT)
}

fn compiled_from(document: &str) -> Contract {
    let tree = Tree::parse("api.yaml", document).expect("readable");
    let faults = RefCell::new(Faults::new());
    Contract::compile(&tree.into(), &CompileOptions::default(), &faults).expect("sound")
}

fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn name() -> impl Strategy<Value = String> {
    let known = ["kind", "text", "number", "int", "day", "list", "map", "any", "not", "one", "a", "b"];
    prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => Just(MARKER.to_owned()), 1 => Just(format!("{MARKER}/~x"))]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        Just(json!(7_070_707.707)),
        Just(json!(7_070_707_707_u64)),
        Just(json!(MARKER)),
        prop::sample::select(vec!["x", "A", "B", "abc"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn tells_nothing(told: &str) -> bool {
    !told.contains(MARKER) && !told.contains("7070707")
}

proptest! {
    #[test]
    fn errors_tell_no_value(body in value(), cut in any::<Option<prop::sample::Index>>(), value in prop_oneof![Just(MARKER), Just("7070707")]) {
        let contract = compiled();
        // Under a name of the sender's own, where something is wrong more often than not.
        let body = json!({"map": {MARKER: body.clone()}, "one": body.clone(), "list": [body]});
        let mut text = body.to_string();
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        let payload = Payload::Held(Bytes::from(text));
        let mut headers = json_headers();
        let line = HeaderValue::from_str(value)?;
        headers.insert("x-head", line.clone());
        headers.insert("cookie", HeaderValue::from_str(&format!("c={value}"))?);
        let path = vec![("cf".into(), format!("{value}a")), ("list".into(), format!("{value}.5"))];
        let query = format!("q={value}&n={value}7070&many={value}&json=%7B%22{value}%22:{value}&{value}={value}");
        let parts = RequestParts { query: Some(&query), headers: &headers, path };
        let error = contract.check_request(0, parts, payload.clone()).expect_err("every parameter is wrong");
        let told = format!("{error} {error:?} {:?}", error.violations());
        prop_assert!(tells_nothing(&told), "{}", told);
        if let AnswerCheck::Drifts { drift, .. } = contract.check_answer(0, StatusCode::OK, &headers, payload) {
            let told = format!("{drift} {drift:?}");
            prop_assert!(tells_nothing(&told), "{}", told);
        }
    }

    #[test]
    fn no_request_panics(path in "[/a-zA-Z0-9.%~-]{0,40}", query in "[a-z=&%,+0-9]{0,60}", body in prop::collection::vec(any::<u8>(), 0..60), media in "[a-z/;=+*\" -]{0,30}") {
        let contract = compiled();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&media)?);
        let route = contract.route(&Method::POST, &format!("/p/{path}"));
        let path = if let RouteMatch::Found { parameters, .. } = route { parameters } else { Vec::new() };
        let payload = Payload::Held(Bytes::from(body));
        let parts = RequestParts { query: Some(&query), headers: &headers, path };
        drop(contract.check_request(0, parts, payload.clone()));
        drop(contract.check_answer(0, StatusCode::OK, &headers, payload));
    }

    #[test]
    fn errors_tell_no_value_of_a_query_that_is_one(value in value(), form in "[a-z=&%,+0-9\\[\\]]{0,40}") {
        let contract = compiled_from(OF_3_2);
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_str(&format!("c={MARKER}; o={MARKER},7070707; k={MARKER}"))?);
        let json = json!({"a": value.clone(), "l": [value.clone()], MARKER: value}).to_string();
        let json = percent_encoding::utf8_percent_encode(&json, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pairs = format!("a={MARKER}&{MARKER}=7070707&{MARKER}[]={MARKER}");
        for (operation, query) in [(0, &pairs), (0, &form), (0, &json), (1, &json), (1, &pairs), (1, &form), (2, &json), (2, &form)] {
            let parts = RequestParts { query: Some(query), headers: &headers, path: Vec::new() };
            if let Err(error) = contract.check_request(operation, parts, Payload::Nothing) {
                let told = format!("{error} {error:?}");
                prop_assert!(tells_nothing(&told), "{}", told);
            }
        }
    }

    /// A line lost, doubled or cut leaves a document that is compiled or refused.
    #[test]
    fn no_document_panics(document in prop::sample::select(vec![DOCUMENT, OF_3_2]), lines in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<prop::sample::Index>()), 1..4)) {
        let mut text: Vec<String> = document.lines().map(str::to_owned).collect();
        for (at, change, part) in lines {
            let at = at.index(text.len());
            match change {
                0 => drop(text.remove(at)),
                1 => text.insert(at, text[at].clone()),
                2 => {
                    let cut = part.index(text[at].len() + 1);
                    text[at].truncate(cut);
                }
                _ => text[at] = text[at].replacen(|letter: char| letter.is_ascii_lowercase(), "", part.index(3)),
            }
        }
        if let Ok(tree) = Tree::parse("api.yaml", &text.join("\n")) {
            let faults = RefCell::new(Faults::new());
            let contract = Contract::compile(&tree.into(), &CompileOptions::default(), &faults);
            prop_assert_eq!(contract.is_none(), faults.borrow().has_errors());
            // Whoever mends a fault has to find it.
            let placed = faults.borrow().iter().all(|fault| fault.place.position.is_some());
            prop_assert!(placed, "{:?}", faults);
        }
    }
}

#[test]
fn the_contract_that_errors_are_tried_on_is_kept_by_something() {
    let contract = compiled();
    let body = json!({"kind": "x", "one": {"kind": "B", "b": {"kind": "A", "a": 1}}, "list": [{"kind": "y"}]});
    let headers = json_headers();
    let path = vec![("cf".into(), "ABC".into()), ("list".into(), "1,2".into())];
    let parts = RequestParts { query: Some("q=a&many=true&many=false"), headers: &headers, path };
    let checked = contract.check_request(0, parts, Payload::Held(body.to_string().into())).expect("sound");
    assert_eq!(checked.parameters.path("cf"), Some("ABC"));
    assert_eq!(checked.parameters.query("many").collect::<Vec<_>>(), ["true", "false"]);
    assert!(checked.body.json().is_some());
}
