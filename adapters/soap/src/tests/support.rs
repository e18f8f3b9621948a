use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use adapter_api::document::{Fault, Faults, Section, Tree};
use adapter_api::{
    Adapter, AdapterError, Answer, AnswerBody, Body, Call, Caller, Json, JsonLimits, OperationSpec, Parameters, UpstreamAnswer,
    UpstreamBody,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::{SoapAdapter, compile};

/// An operation of a contract.
pub(super) fn spec(id: &str, path: &[&str], query: &[&str]) -> OperationSpec {
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    OperationSpec { id: id.into(), method: Method::POST, route: "/".into(), path_parameters: names(path), query_parameters: names(query) }
}

/// Compiles a configuration written as YAML; the adapter, and the faults as they are printed.
pub(super) fn load(base: &Path, yaml: &str, operations: &[OperationSpec]) -> (Option<SoapAdapter>, Vec<Fault>) {
    let tree = Tree::parse("varco.yaml", yaml).expect("a configuration");
    let faults = RefCell::new(Faults::new());
    let section = Section::open(&tree.file, &tree.root, "soap", &faults).expect("a mapping");
    let adapter = compile(section, base, Some(operations), None);
    (adapter, faults.into_inner().sorted())
}

/// A WSDL and a mapping in a folder of their own.
pub(super) struct Project(std::path::PathBuf);

impl Project {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("adapter-soap-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("a file");
        }
        Self(folder)
    }

    /// The faults as printed, the folder's name left out.
    pub(super) fn load(&self, yaml: &str, operations: &[OperationSpec]) -> (Option<SoapAdapter>, Vec<String>) {
        let (adapter, faults) = load(&self.0, yaml, operations);
        let folder = format!("{}/", self.0.display());
        (adapter, faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect())
    }

    /// The adapter of a configuration without fault.
    pub(super) fn adapter(&self, yaml: &str, operations: &[OperationSpec]) -> SoapAdapter {
        let (adapter, faults) = self.load(yaml, operations);
        adapter.unwrap_or_else(|| panic!("{}", faults.join("\n")))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A WSDL of one operation `Op` in document style: `schema` is the content of the schema of `urn:t`, qualified.
pub(super) fn wsdl(schema: &str) -> String {
    format!(
        r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t" targetNamespace="urn:t">
<types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" elementFormDefault="qualified">
{schema}
</xs:schema></types>
<message name="in"><part name="parameters" element="t:Op"/></message>
<message name="out"><part name="parameters" element="t:OpResponse"/></message>
<portType name="P"><operation name="Op"><input message="t:in"/><output message="t:out"/></operation></portType>
<binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="Op"><soap:operation soapAction="urn:op"/><input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
<service name="S"><port name="SP" binding="t:B"><soap:address location="http://upstream.example/"/></port></service>
</definitions>"#
    )
}

/// A WSDL whose request and answer hold the same content.
pub(super) fn echo(content: &str, types: &str) -> String {
    wsdl(&format!(
        "<xs:element name=\"Op\" type=\"t:Content\"/><xs:element name=\"OpResponse\" type=\"t:Content\"/><xs:complexType name=\"Content\">{content}</xs:complexType>{types}"
    ))
}

/// The adapter of such a WSDL.
pub(super) fn echoing(content: &str, types: &str, mapping: &str) -> SoapAdapter {
    let project = Project::new(&[("a.wsdl", &echo(content, types)), ("m.yaml", mapping)]);
    project.adapter("{ wsdl: a.wsdl, mapping: m.yaml }", &[spec("op", &[], &[])])
}

pub(super) fn call(path: &[(&str, &str)], query: &[(&str, &str)], body: Option<&str>) -> Call {
    let limits = JsonLimits::default();
    let json = |text: &str| Json::read(Bytes::copy_from_slice(text.as_bytes()), &limits).expect(text);
    Call {
        operation: 0,
        method: Method::POST,
        path: "/".into(),
        query: None,
        parameters: Parameters {
            path: path.iter().map(|(name, value)| (Arc::from(*name), (*value).to_owned())).collect(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        },
        headers: HeaderMap::new(),
        body: body.map_or(Body::Empty, |body| Body::Json(json(body))),
        caller: Arc::new(Caller::default()),
        ..Call::default()
    }
}

/// The envelope of a request, or the problem as JSON.
pub(super) fn sent(adapter: &SoapAdapter, mut call: Call) -> Result<String, String> {
    match adapter.request(&mut call) {
        Ok(request) => match request.body {
            UpstreamBody::Bytes(bytes) => Ok(String::from_utf8(bytes.to_vec()).expect("UTF-8")),
            UpstreamBody::AsReceived => panic!("an envelope is built"),
        },
        Err(AdapterError::Call(problem)) => Err(String::from_utf8(problem.to_json("", None)).expect("UTF-8")),
        Err(other) => panic!("{other}"),
    }
}

pub(super) fn upstream(status: u16, media: &str, body: &[u8]) -> UpstreamAnswer {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_str(media).expect("a media type"));
    UpstreamAnswer { status: StatusCode::from_u16(status).expect("a status"), headers, body: Body::Bytes(Bytes::copy_from_slice(body)) }
}

/// The JSON text of an answer, or what is wrong with it in one line.
pub(super) fn read(adapter: &SoapAdapter, answer: UpstreamAnswer) -> Result<String, String> {
    match adapter.answer(&call(&[], &[], None), answer) {
        Ok(Answer { body: AnswerBody::Bytes(bytes), .. }) => Ok(String::from_utf8(bytes.to_vec()).expect("UTF-8")),
        Ok(_) => panic!("an answer is built"),
        Err(AdapterError::Upstream(problem)) => Err(String::from_utf8(problem.to_json("", None)).expect("UTF-8")),
        Err(other) => Err(other.to_string()),
    }
}

/// An envelope of SOAP 1.1 around the content of an answer of [`echo`].
pub(super) fn answered(content: &str) -> Vec<u8> {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Body><OpResponse xmlns=\"urn:t\">{content}</OpResponse></e:Body></e:Envelope>"
    )
    .into_bytes()
}

/// The JSON of the content of an answer.
pub(super) fn content(adapter: &SoapAdapter, content: &str) -> Result<String, String> {
    read(adapter, upstream(200, "text/xml", &answered(content)))
}
