//! The population register of an invented municipality, as its software house left it: SOAP only, 1.1 and 1.2 by the
//! envelope's namespace, strict about the order of elements, every fault a 500. It knows nothing of vouchers.

pub(crate) mod citizens;
mod envelope;
mod fault;
mod operations;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use parking_lot::RwLock;
use tokio::net::TcpListener;

pub use citizens::{Address, Citizen, HouseNumber};

use crate::server::{Server, Service};
use crate::{AccessLog, Switch};
use citizens::Register;
use envelope::Version;
use fault::Fault;
use operations::{OPERATIONS, Office};

/// Where the service answers; `?wsdl` behind it gives its description.
pub const PATH: &str = "/ws/anagrafe";
/// The namespace of its messages.
pub const NAMESPACE: &str = "urn:pietrachiara:anagrafe:v1";

const WSDL: &str = include_str!("../../../../specs/anagrafe/legacy.wsdl");
/// The address that the document as published names; the one in use takes its place.
const PUBLISHED: &str = "http://legacy.pietrachiara.example/ws/anagrafe";

/// The running department.
#[derive(Debug)]
pub struct Department {
    server: Server,
    register: Arc<RwLock<Register>>,
}

impl Department {
    pub(crate) fn start(listener: TcpListener, address: SocketAddr) -> Self {
        let register = Arc::new(RwLock::new(citizens::invented()));
        let counter = Arc::new(Counter { office: Office::new(register.clone()), url: format!("http://{address}{PATH}") });
        Self { server: Server::start(listener, address, counter), register }
    }

    pub(crate) fn shared_register(&self) -> Arc<RwLock<Register>> {
        self.register.clone()
    }

    pub(crate) async fn stop(&self) {
        self.server.stop().await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The URL of the service: `http://127.0.0.1:40001/ws/anagrafe`.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address())
    }

    /// What it was asked, by WSDL operation.
    pub fn accesses(&self) -> &AccessLog {
        &self.server.log
    }

    /// The switch that makes it misbehave.
    pub fn switch(&self) -> &Switch {
        &self.server.switch
    }

    /// The citizens, as they are now.
    pub fn citizens(&self) -> Vec<Citizen> {
        self.register.read().values().cloned().collect()
    }

    /// One citizen, as it is now.
    pub fn citizen(&self, codice_fiscale: &str) -> Option<Citizen> {
        self.register.read().get(codice_fiscale).cloned()
    }

    /// Adds a citizen, or takes the place of the one with that codice fiscale.
    pub fn register(&self, citizen: Citizen) {
        self.register.write().insert(citizen.codice_fiscale.clone(), citizen);
    }
}

/// The desk that requests come to.
struct Counter {
    office: Office,
    url: String,
}

impl Service for Counter {
    fn operation(&self, request: &Request<Bytes>) -> Option<&'static str> {
        if asks_wsdl(request) {
            return Some("wsdl");
        }
        let (_, asked) = envelope::read(request.body()).ok()?;
        OPERATIONS.into_iter().find(|operation| *operation == asked.name)
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if request.uri().path() != PATH {
            return plain(StatusCode::NOT_FOUND);
        }
        if asks_wsdl(request) {
            return answer(StatusCode::OK, "text/xml; charset=utf-8", WSDL.replace(PUBLISHED, &self.url).into());
        }
        if request.method() != Method::POST {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Some(spoken) = spoken(request) else { return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE) };
        let (version, asked) = match envelope::read(request.body()) {
            Ok(read) => read,
            Err(error) => return refuse(spoken, &Fault::client(error.to_string())),
        };
        if version != spoken {
            return refuse(version, &Fault::client("the media type is not that of the envelope's version"));
        }
        let done = check_action(request, &asked.name).and_then(|()| self.office.perform(version, &asked));
        match done {
            Ok(page) => answer(StatusCode::OK, version.media_type(), page.into()),
            Err(fault) => refuse(version, &fault),
        }
    }
}

fn asks_wsdl(request: &Request<Bytes>) -> bool {
    request.method() == Method::GET && request.uri().query().is_some_and(|query| query.eq_ignore_ascii_case("wsdl"))
}

/// The version that the media type speaks of.
fn spoken(request: &Request<Bytes>) -> Option<Version> {
    let media = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    match media.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        "text/xml" => Some(Version::Soap11),
        "application/soap+xml" => Some(Version::Soap12),
        _ => None,
    }
}

/// SOAP 1.1 §6.1.1: the action is there, quoted, and names what the body asks; an empty one says nothing.
fn check_action(request: &Request<Bytes>, operation: &str) -> Result<(), Fault> {
    let soap11 = spoken(request) == Some(Version::Soap11);
    let action = request.headers().get("soapaction").and_then(|value| value.to_str().ok());
    match (soap11, action.map(|action| action.trim_matches('"'))) {
        (true, None) => Err(Fault::client("SOAPAction is missing")),
        (true, Some(action)) if !action.is_empty() && action != format!("{NAMESPACE}/{operation}") => {
            Err(Fault::client("SOAPAction and body disagree"))
        }
        _ => Ok(()),
    }
}

fn refuse(version: Version, fault: &Fault) -> Response<Bytes> {
    answer(StatusCode::INTERNAL_SERVER_ERROR, version.media_type(), fault.page(version).into())
}

fn answer(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("AnagrafeWS/2.4 (Servlet 2.5)"));
    response
}

fn plain(status: StatusCode) -> Response<Bytes> {
    answer(status, "text/html; charset=ISO-8859-1", Bytes::from(format!("<html><body><h1>{status}</h1></body></html>")))
}

#[cfg(test)]
mod tests;
