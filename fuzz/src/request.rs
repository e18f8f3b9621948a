//! What a caller asks and what an upstream answers, held against a contract with a rule of every kind.

use std::cell::RefCell;
use std::sync::LazyLock;

use adapter_api::document::{Faults, Tree};
use bytes::Bytes;
use contract::{AnswerCheck, CompileOptions, Contract, Payload, RequestParts, RouteMatch};
use exchange::{Body, Parameters};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// No schema and no word of a message holds it, so that an error that does tells what somebody sent.
const MARKER: &str = "RSSMRA70A01H501X";

pub(super) static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let tree = Tree::parse("contract.yaml", include_str!("../contract.yaml")).expect("a document");
    let faults = RefCell::new(Faults::new());
    let options = CompileOptions::default();
    Contract::compile(&tree.into(), &options, &faults).unwrap_or_else(|| panic!("{:?}", faults.into_inner().sorted()))
});

/// The input is a request as HTTP/1.1 writes it, lines ending in `\n`: method and target, headers, an empty line, a body.
pub fn run(data: &[u8]) {
    let (head, body) = data.windows(2).position(|end| end == b"\n\n").map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.split('\n');
    let (method, target) = lines.next().unwrap_or_default().split_once(' ').unwrap_or_default();
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    let RouteMatch::Found { operation, parameters } = CONTRACT.route(&method, path) else { return };
    let payload = if body.is_empty() { Payload::Nothing } else { Payload::Held(Bytes::copy_from_slice(body)) };
    check(operation, query, &headers, &parameters, &payload);
    for status in [200, 201, 404] {
        let status = StatusCode::from_u16(status).expect("a status");
        match CONTRACT.check_answer(operation, status, &headers, payload.clone()) {
            AnswerCheck::Conforms(answer) => assert_eq!(answer.bytes().as_deref(), Some(body)),
            AnswerCheck::Drifts { body: answer, drift } => {
                assert_eq!(answer.bytes().as_deref(), Some(body));
                tells_nothing(&format!("{drift} {drift:?}"));
            }
        }
    }
}

fn check(operation: usize, query: Option<&str>, headers: &HeaderMap, path: &[(std::sync::Arc<str>, String)], payload: &Payload) {
    let once = CONTRACT.check_request(operation, RequestParts { query, headers, path: path.to_vec() }, payload.clone());
    match once {
        Ok(checked) => {
            let Parameters { path: found, .. } = &checked.parameters;
            let decoded = path.iter().map(|(name, text)| (name.clone(), percent_decode(text)));
            assert_eq!(*found, decoded.collect::<Vec<_>>(), "the path's parameters changed");
            if let (Payload::Held(bytes), Some(held)) = (payload, checked.body.bytes()) {
                assert_eq!(held, bytes, "the body changed");
            }
            // A body with a schema is one that was read.
            assert!(!CONTRACT.needs_request_body(operation) || !matches!(checked.body, Body::Streamed));
        }
        Err(error) => {
            tells_nothing(&format!("{error} {error:?} {:?}", error.violations()));
            assert!(error.violations().len() <= 10);
        }
    }
}

fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().expect("the route has seen that it can be decoded").into_owned()
}

pub(super) fn tells_nothing(told: &str) {
    assert!(!told.contains(MARKER), "a value is told: {told}");
}
