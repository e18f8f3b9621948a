use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::{Caller, Json, Tenant};

/// How the caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// HTTP with JSON, described by OpenAPI.
    Rest,
    /// A SOAP 1.1 envelope.
    Soap11,
    /// A SOAP 1.2 envelope.
    Soap12,
}

/// The position of an operation among those of its contract.
pub type OperationIndex = usize;

/// What an adapter is told of one operation of the contract when it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationSpec {
    /// `operationId`, or `method path` where the document has none.
    pub id: Arc<str>,
    /// The HTTP method.
    pub method: Method,
    /// The path template below the base path: `/cittadini/{codiceFiscale}`.
    pub route: Arc<str>,
    /// The names of its path parameters, in the order of the template.
    pub path_parameters: Vec<Arc<str>>,
    /// The names of its query parameters, as the document lists them.
    pub query_parameters: Vec<Arc<str>>,
}

/// What is asked: an operation with its parameters and its body, whatever the dialect.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Which operation of the contract.
    pub operation: OperationIndex,
    /// The HTTP method as received.
    pub method: Method,
    /// The path below the e-service's base path, as received (still percent-encoded); `/` at least.
    pub path: String,
    /// The query as received, without the question mark.
    pub query: Option<String>,
    /// The decoded parameters.
    pub parameters: Parameters,
    /// The caller's headers, without those the gateway consumed (credentials, hop-by-hop, identity).
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Who calls, as far as it was proven: for adapters that tell the upstream.
    pub caller: Arc<Caller>,
    /// In whose name: likewise.
    pub tenant: Tenant,
    /// Who acts for that tenant: likewise.
    pub delegate: Option<Tenant>,
    /// From where the request came, where the adapter wants to tell it.
    pub forwarded: Option<Box<Forwarded>>,
}

/// From where a request came, as far as it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The caller's address. Personal data.
    pub client: IpAddr,
    /// Whether it asked over TLS.
    pub is_secure: bool,
    /// The host that it asked for.
    pub host: Option<Box<str>>,
}

/// The decoded path and query parameters of a call, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Path parameters: name in the template and decoded value.
    pub path: Vec<(Arc<str>, String)>,
    /// Query parameters: decoded name and value, repeated names kept.
    pub query: Vec<(String, String)>,
}

impl Parameters {
    /// The value of a path parameter.
    pub fn path(&self, name: &str) -> Option<&str> {
        self.path.iter().find(|(found, _)| &**found == name).map(|(_, value)| value.as_str())
    }

    /// The values of a query parameter, in order.
    pub fn query<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A body as the stages see it.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None was sent.
    #[default]
    Empty,
    /// Held whole and read as JSON; the original bytes are inside.
    Json(Json),
    /// Held whole, of some other media type.
    Bytes(Bytes),
    /// Not held: it streams past, and no stage needs it.
    Streamed,
}

impl Body {
    /// The bytes held, if any are.
    pub fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Empty => Some(Bytes::new()),
            Self::Json(json) => Some(json.bytes().clone()),
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Streamed => None,
        }
    }

    /// The JSON value, where the body is one.
    pub fn json(&self) -> Option<&Json> {
        match self {
            Self::Json(json) => Some(json),
            _ => None,
        }
    }
}

/// What is answered to a call, before it is written in the caller's dialect.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, `Content-Type` among them; no hop-by-hop header.
    pub headers: HeaderMap,
    /// The body.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum AnswerBody {
    /// The bytes that the upstream sent, held or streaming: the adapter left them alone.
    AsReceived,
    /// Bytes that the adapter built.
    Bytes(Bytes),
}
