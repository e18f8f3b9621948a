//! What an upstream answers, held against the envelope reader and against an adapter compiled from the description of an
//! invented register; and what a caller sends, which must come out as an envelope that reads back.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use adapter_api::document::{Faults, Section, Tree};
use adapter_api::{
    Adapter, AdapterError, Answer, AnswerBody, Body, Call, Json, JsonLimits, OperationSpec, Parameters, UpstreamAnswer, UpstreamBody,
};
use adapter_soap::{Envelope, SoapAdapter, SoapVersion, compile, read_envelope};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::IgnoredAny;
use xml::XmlLimits;

/// The operations of the register that [`adapter`] maps, in this order.
const OPERATIONS: usize = 3;

/// The same register in both versions of SOAP.
static ADAPTERS: LazyLock<[(SoapVersion, SoapAdapter); 2]> =
    LazyLock::new(|| [(SoapVersion::V11, adapter("1.1")), (SoapVersion::V12, adapter("1.2"))]);

fn adapter(version: &str) -> SoapAdapter {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let yaml = format!("{{ wsdl: ../adapters/soap/cases/service.wsdl, mapping: register.yaml, soap_version: '{version}' }}");
    let tree = Tree::parse("varco.yaml", &yaml).expect("a configuration");
    let operation = |id: &str, path: &[&str], query: &[&str]| OperationSpec {
        id: id.into(),
        method: Method::POST,
        route: "/".into(),
        path_parameters: path.iter().map(|name| Arc::from(*name)).collect(),
        query_parameters: query.iter().map(|name| Arc::from(*name)).collect(),
    };
    let operations =
        [operation("cercaResidenza", &["cf"], &["data"]), operation("aggiornaIndirizzo", &[], &[]), operation("segnala", &[], &[])];
    let faults = RefCell::new(Faults::new());
    let section = Section::open(&tree.file, &tree.root, "soap", &faults).expect("a mapping");
    compile(section, &folder, Some(&operations), None).unwrap_or_else(|| panic!("{:?}", faults.into_inner().sorted()))
}

/// The first byte says what the others are: a letter's place in the alphabet chooses version, operation and charset of an
/// answer; a capital one makes a call of them.
pub fn run(data: &[u8]) {
    let Some((&form, rest)) = data.split_first() else { return };
    let choice = usize::from(form.to_ascii_lowercase().wrapping_sub(b'a'));
    let (version, adapter) = &ADAPTERS[choice % 2];
    let operation = choice / 2 % OPERATIONS;
    if form.is_ascii_uppercase() {
        called(*version, adapter, operation, rest);
    } else {
        answered(adapter, operation, [None, Some("utf-8"), Some("iso-8859-1"), Some("windows-1252")][choice / 6 % 4], rest);
    }
}

fn answered(adapter: &SoapAdapter, operation: usize, charset: Option<&str>, bytes: &[u8]) {
    let seen = read_envelope(bytes, charset, XmlLimits::default());
    if seen.is_ok() {
        check_plain(bytes);
    }
    let media = charset.map_or_else(|| "text/xml".to_owned(), |charset| format!("text/xml; charset={charset}"));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(&media).expect("a media type"));
    let answer = UpstreamAnswer { status: StatusCode::OK, headers, body: Body::Bytes(Bytes::copy_from_slice(bytes)) };
    match adapter.answer(&Call { operation, ..Call::default() }, answer) {
        Ok(answer) => {
            let empty = check_json(&answer);
            if !bytes.is_empty() {
                let seen = seen.expect("what the adapter understood is an envelope");
                assert!(!seen.fault && (empty == seen.body.is_none()), "{seen:?} understood as an answer");
            }
        }
        Err(AdapterError::Upstream(problem)) => {
            assert!(seen.is_ok_and(|seen| seen.fault), "a problem made of no fault");
            serde_json::from_slice::<IgnoredAny>(&problem.to_json("", None)).expect("a problem is JSON");
        }
        Err(AdapterError::Answer { detail, place }) => assert!(!detail.is_empty() && place.starts_with('/'), "{detail:?} at {place:?}"),
        Err(AdapterError::Call(problem)) => panic!("the call is blamed for the answer: {problem:?}"),
    }
}

/// What was taken as an envelope declares nothing, instructs nobody and refers to nothing but what XML itself defines. Only
/// texts in which that can be seen without reading XML are looked at: no comment, no CDATA, no UTF-16.
fn check_plain(bytes: &[u8]) {
    let after = |mark: &'static [u8]| bytes.windows(mark.len()).enumerate().filter(move |(_, found)| *found == mark).map(|(at, _)| at);
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || after(b"<!--").chain(after(b"<![CDATA[")).next().is_some() {
        return;
    }
    assert_eq!(after(b"<!").next(), None, "a declaration was taken");
    assert!(after(b"<?").all(|at| at == 0 || at == 3), "an instruction was taken");
    for at in after(b"&") {
        let known = [&b"amp;"[..], b"lt;", b"gt;", b"quot;", b"apos;", b"#"];
        assert!(known.iter().any(|name| bytes[at + 1..].starts_with(name)), "an entity was taken");
    }
}

/// An answer's body is JSON for both readers. Says whether there is none.
fn check_json(answer: &Answer) -> bool {
    let AnswerBody::Bytes(body) = &answer.body else { panic!("an answer is built") };
    if body.is_empty() {
        return true;
    }
    serde_json::from_slice::<IgnoredAny>(body).unwrap_or_else(|error| panic!("no JSON: {error}"));
    let limits = JsonLimits { depth: 1000, number_length: u16::MAX, values: u32::MAX };
    Json::read(body.clone(), &limits).unwrap_or_else(|error| panic!("no JSON to us: {error}"));
    false
}

/// The first line is the path parameter of a call, what follows its body.
fn called(version: SoapVersion, adapter: &SoapAdapter, operation: usize, rest: &[u8]) {
    let line = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let Ok(parameter) = std::str::from_utf8(&rest[..line]) else { return };
    let text = rest.get(line + 1..).unwrap_or_default();
    let body = match Json::read(Bytes::copy_from_slice(text), &JsonLimits::default()) {
        Ok(json) => Body::Json(json),
        Err(_) if text.is_empty() => Body::Empty,
        Err(_) => return,
    };
    let path = if operation == 0 { vec![("cf".into(), parameter.to_owned())] } else { Vec::new() };
    let mut call = Call { operation, body, parameters: Parameters { path, query: Vec::new() }, ..Call::default() };
    match adapter.request(&mut call) {
        Ok(request) => {
            let UpstreamBody::Bytes(bytes) = request.body else { panic!("an envelope is built") };
            let seen = read_envelope(&bytes, Some("utf-8"), XmlLimits::default());
            let seen: Envelope = seen.unwrap_or_else(|error| panic!("an envelope that does not read back: {error}"));
            let element = ["CercaResidenza", "Indirizzo", "Segnala"][operation];
            assert_eq!(seen, Envelope { version, body: Some(element.into()), fault: false });
        }
        Err(AdapterError::Call(problem)) => {
            serde_json::from_slice::<IgnoredAny>(&problem.to_json("", None)).expect("a problem is JSON");
        }
        Err(other) => panic!("a call refused as {other}"),
    }
}
