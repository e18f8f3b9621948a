//! Bodies that are no JSON, against the operation `moduli` of `contract.yaml`: parts, forms, XML, text. The headers are good, so that every
//! input reaches a reader.

use bytes::Bytes;
use contract::{AnswerCheck, Payload, RequestParts, RouteMatch};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::request::{CONTRACT, tells_nothing};

/// The first byte chooses among these; the rest is the body.
const TYPES: [&str; 4] =
    ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/xml", "text/plain; charset=iso-8859-1"];

/// The input is a choice and a body.
pub fn run(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let media = TYPES[usize::from(*choice) % TYPES.len()];
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media))]);
    let RouteMatch::Found { operation, parameters } = CONTRACT.route(&Method::POST, "/stili/.a/;matrice=b") else { panic!("an operation") };
    let held = || Payload::Held(Bytes::copy_from_slice(body));
    match CONTRACT.check_request(operation, RequestParts { query: None, headers: &headers, path: parameters }, held()) {
        Ok(checked) if !body.is_empty() => assert_eq!(checked.body.bytes().as_deref(), Some(body), "the body changed"),
        Ok(_) => {}
        Err(error) => {
            tells_nothing(&format!("{error} {error:?} {:?}", error.violations()));
            assert!(error.violations().len() <= 10);
        }
    }
    if let AnswerCheck::Drifts { drift, .. } = CONTRACT.check_answer(operation, StatusCode::CREATED, &headers, held()) {
        tells_nothing(&format!("{drift} {drift:?}"));
    }
}
