//! What a contract tells of itself, and what becomes of answers.

use std::cell::RefCell;

use contract::{AnswerCheck, AnswerMode, AnswerVerdict, CompileOptions, Contract, Drift, Payload, RequestParts, Violation, verdict};
use document::{Faults, Tree};
use exchange::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

const DOCUMENT: &str = r#"
openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /status: {get: {responses: {"200": {description: d, content: {application/problem+json: {schema: {type: object}}}}}}}
  /a/{x}:
    parameters: [{name: x, in: path, required: true, schema: {type: string}}]
    post:
      operationId: a
      parameters: [{name: q, in: query, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"204": {description: d}}
    put:
      operationId: upload
      requestBody: {content: {application/octet-stream: {schema: {type: string, format: binary}}}}
      responses: {"200": {description: d, content: {text/csv: {schema: {type: string}}}}}
"#;

fn compile(text: &str, options: CompileOptions) -> Contract {
    let faults = RefCell::new(Faults::new());
    let tree = Tree::parse("api.yaml", text).expect("readable");
    Contract::compile(&tree.into(), &options, &faults).unwrap_or_else(|| panic!("{faults:?}"))
}

#[test]
fn tells_its_operations() {
    let contract = compile(DOCUMENT, CompileOptions::default());
    let told: Vec<_> = contract.operations().iter().map(|spec| (&*spec.id, spec.method.as_str(), &*spec.route)).collect();
    assert_eq!(told, [("GET /status", "GET", "/status"), ("upload", "PUT", "/a/{x}"), ("a", "POST", "/a/{x}")]);
    assert_eq!(contract.operations()[2].path_parameters, ["x".into()]);
    assert_eq!(contract.operations()[2].query_parameters, ["q".into()]);
    assert_eq!(contract.status_operation(), Some(0));
    let needs: Vec<_> = (0..3).map(|at| (contract.needs_request_body(at), contract.needs_answer_body(at))).collect();
    assert_eq!(needs, [(false, true), (false, false), (true, false)]);
}

#[test]
fn status_is_added_where_it_is_wanted_and_nothing_stands_at_its_path() {
    let document = |paths: &str| format!("openapi: 3.0.3\ninfo: {{title: t, version: '1'}}\npaths:\n{paths}");
    let own = "responses: {'200': {description: d}}";
    let parameter = "parameters: [{name: id, in: path, required: true, schema: {type: string}}]";
    for (paths, wanted, expected) in [
        (format!("  /a: {{get: {{{own}}}}}"), true, Some("GET /status")),
        (format!("  /a: {{get: {{{own}}}}}"), false, None),
        (format!("  /status: {{get: {{operationId: stato, {own}}}}}"), true, Some("stato")),
        (format!("  /status: {{post: {{{own}}}}}"), true, None),
        (format!("  '/{{id}}': {{{parameter}, get: {{{own}}}}}"), true, None),
        (format!("  '/a/{{id}}': {{{parameter}, get: {{{own}}}}}"), true, Some("GET /status")),
    ] {
        let contract = compile(&document(&paths), CompileOptions { status: wanted, ..CompileOptions::default() });
        let status = contract.status_operation();
        assert_eq!(status.map(|at| &*contract.operations()[at].id), expected, "{paths}");
        let found = match contract.route(&http::Method::GET, "/status") {
            contract::RouteMatch::Found { operation, .. } => Some(operation),
            _ => None,
        };
        assert!(status.is_none() || found == status, "{paths}");
    }
}

#[test]
fn its_hash_is_of_its_meaning() {
    let hash = |text: &str| compile(text, CompileOptions::default()).hash();
    let one = hash(DOCUMENT);
    assert_eq!(one, hash(&DOCUMENT.replace("{title: t, version: \"1\"}", "{version: '1', title: t} # reordered")));
    assert_ne!(one, hash(&DOCUMENT.replace("title: t", "title: u")));
    assert_ne!(one, compile(DOCUMENT, CompileOptions { unknown_query: contract::Unknown::Allow, ..CompileOptions::default() }).hash());
    assert_eq!(
        hex::encode(one),
        "453d7c71a69fdc03b1dc0f632fd5a5878f482264e63bc9daeabd6e953fc830c6",
        "cache keys and records carry it: it changes with a reason only"
    );
}

#[test]
fn what_becomes_of_an_answer() {
    use AnswerMode::{Enforce, Off, Report};
    use AnswerVerdict::{BadGateway, Pass, PassWithDrift, ReplaceWithProblem};
    let drifts = |drift| AnswerCheck::Drifts { body: Body::Empty, drift };
    let invalid = || drifts(Drift::Invalid(Vec::<Violation>::new()));
    let undocumented = || drifts(Drift::UndocumentedStatus { media: None });
    let problem = |status| ReplaceWithProblem { status };
    for (mode, status, check, expected) in [
        (Enforce, 200, AnswerCheck::Conforms(Body::Empty), Pass),
        (Enforce, 200, invalid(), BadGateway),
        (Enforce, 202, undocumented(), BadGateway),
        (Enforce, 302, undocumented(), BadGateway),
        (Enforce, 200, drifts(Drift::UndocumentedMediaType { media: None }), BadGateway),
        (Enforce, 404, undocumented(), problem(StatusCode::NOT_FOUND)),
        (Enforce, 404, invalid(), problem(StatusCode::NOT_FOUND)),
        (Enforce, 503, undocumented(), problem(StatusCode::SERVICE_UNAVAILABLE)),
        (Report, 200, invalid(), PassWithDrift),
        (Report, 404, undocumented(), PassWithDrift),
        (Report, 200, AnswerCheck::Conforms(Body::Empty), Pass),
        (Off, 200, invalid(), Pass),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(verdict(mode, status, &check), expected, "{mode:?} {status} {check:?}");
    }
}

#[test]
fn values_are_told_back_only_where_the_e_service_lets_them() {
    let document = DOCUMENT.replace("schema: {type: object}}}}\n      responses: {\"204\"", "schema: {type: object, required: [z], properties: {n: {type: integer}, s: {type: string, maxLength: 3}, l: {type: array, maxItems: 0}}}}}}\n      responses: {\"204\"");
    assert_ne!(document, DOCUMENT);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for tell_values in [false, true] {
        let contract = compile(&document, CompileOptions { tell_values, ..CompileOptions::default() });
        let parts = RequestParts { query: None, headers: &headers, path: vec![("x".into(), "y".into())] };
        let body = Payload::Held(r#"{"n":"sette","s":"RSSMRA","l":[1]}"#.into());
        let error = contract.check_request(2, parts, body).expect_err("it breaks rules");
        let mut received: Vec<_> = error.violations().into_iter().map(|one| (one.place.to_string(), one.received)).collect();
        received.sort();
        let told = |text: &str| tell_values.then(|| text.to_owned());
        let expected = [("body:/l", None), ("body:/n", told("sette")), ("body:/s", told("RSSMRA")), ("body:/z", None)];
        assert_eq!(received, expected.map(|(place, received)| (place.to_owned(), received)));
        assert!(!error.to_string().contains("RSSMRA"), "what is logged never holds it");
    }
}
