//! A PDND of one's own: the token endpoint with all its checks, its key set, and the part of its API that a gateway needs.

mod answers;
mod api;
mod diagnosis;
mod environment;
pub(crate) mod platform;
mod rate;
pub mod registry;
mod token;
mod voucher;
mod written;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trust::SigningKey;

pub use diagnosis::{Diagnosis, Outcome};
pub use environment::Environment;
pub use rate::TokenRate;
pub use registry::Registry;
pub use voucher::{VoucherError, VoucherSpec};

use crate::server::{Server, Service};
use crate::{AccessLog, Switch};
use platform::Platform;

/// The running platform.
#[derive(Debug)]
pub struct Pdnd {
    server: Server,
    platform: Arc<Platform>,
}

impl Pdnd {
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, platform: Arc<Platform>) -> Self {
        Self { server: Server::start(listener, address, Arc::new(Endpoints(platform.clone()))), platform }
    }

    pub(crate) async fn stop(&self) {
        self.server.stop().await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The names of its environment.
    pub fn environment(&self) -> &Environment {
        &self.platform.environment
    }

    /// The URL of the token endpoint.
    pub fn token_url(&self) -> String {
        format!("http://{}/token.oauth2", self.address())
    }

    /// The URL of the key set.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address())
    }

    /// The base URL of the API.
    pub fn api_url(&self) -> String {
        format!("http://{}/v2", self.address())
    }

    /// The key set as it is served now, for a gateway that reads it from a file.
    pub fn jwks(&self) -> Value {
        self.platform.jwks()
    }

    /// What it was asked: `token`, `jwks`, `api`, `debug`.
    pub fn accesses(&self) -> &AccessLog {
        &self.server.log
    }

    /// The switch that makes it misbehave.
    pub fn switch(&self) -> &Switch {
        &self.server.switch
    }

    /// What became of the latest token requests, oldest first.
    pub fn diagnoses(&self) -> Vec<Diagnosis> {
        self.platform.diagnoses.all()
    }

    /// What it knows, as it is now.
    pub fn registry(&self) -> Registry {
        self.platform.registry.read().clone()
    }

    /// Changes what it knows: suspends a purpose, revokes a key.
    pub fn change<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        change(&mut self.platform.registry.write())
    }

    /// The private key that was made for a client or keychain of this name.
    pub fn key(&self, name: &str) -> Option<Arc<SigningKey>> {
        self.platform.keys.get(name).cloned()
    }

    /// Signs with this key from now on; the earlier ones stay in the key set, or leave it.
    pub fn rotate_key(&self, key: SigningKey, keep_earlier: bool) {
        self.platform.rotate(key, keep_earlier);
    }

    /// Sets its clock so many seconds ahead of the machine's, or behind where negative.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.platform.set_ahead(seconds);
    }

    /// Makes a voucher directly, right or wrong.
    pub fn voucher(&self, spec: &VoucherSpec) -> Result<String, VoucherError> {
        voucher::make(&self.platform, spec)
    }
}

struct Endpoints(Arc<Platform>);

impl Service for Endpoints {
    fn operation(&self, request: &Request<Bytes>) -> Option<&'static str> {
        match request.uri().path() {
            "/token.oauth2" => Some("token"),
            "/.well-known/jwks.json" => Some("jwks"),
            "/debug/assertions" => Some("debug"),
            path if path.starts_with("/v2/") => Some("api"),
            _ => None,
        }
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let platform = &self.0;
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), path.as_slice()) {
            (&Method::POST, ["token.oauth2"]) => token::answer(platform, request),
            (&Method::GET, [".well-known", "jwks.json"]) => answers::ok(&platform.jwks()),
            (&Method::GET, ["debug", "assertions"]) => {
                let latest: Vec<Value> = platform.diagnoses.all().iter().rev().map(Diagnosis::json).collect();
                answers::ok(&json!({ "results": latest }))
            }
            (&Method::GET, ["v2", rest @ ..]) => api::answer(platform, rest, request),
            (_, ["token.oauth2"] | [".well-known", "jwks.json"] | ["debug", "assertions"] | ["v2", ..]) => {
                not_here(StatusCode::METHOD_NOT_ALLOWED)
            }
            _ => not_here(StatusCode::NOT_FOUND),
        }
    }
}

fn not_here(status: StatusCode) -> Response<Bytes> {
    let title = status.canonical_reason().unwrap_or_default();
    answers::problem(status, title, "015-9999", "There is nothing of this kind here", Platform::correlation())
}

#[cfg(test)]
mod tests;
