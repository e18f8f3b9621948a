//! REST upstreams: the call goes on as it came, below another URL.
//!
//! Bodies stream both ways unless a stage of the gateway holds them for a reason of its own. What changes is what must: the
//! hop-by-hop headers go, the caller's verified identity is told in the headers that the configuration names, and headers of
//! those names that came from outside never pass.

mod hop;

use adapter_api::document::{Fault, Section};
use adapter_api::{
    Adapter, AdapterError, Answer, AnswerBody, Call, ForwardedHeaders, Needs, OperationIndex, UpstreamAnswer, UpstreamBody, UpstreamRequest,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use hop::remove_hop_by_hop;

/// A REST upstream.
#[derive(Clone, Debug, Default)]
pub struct HttpAdapter {
    identity: Vec<(HeaderName, Identity)>,
}

/// What of the caller's verified identity a header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Consumer,
    Client,
    Purpose,
    Jti,
    Tenant,
    Delegate,
    Department,
}

/// Headers that say how a message is to be read, or where it goes.
const OTHERS: [HeaderName; 8] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::UPGRADE,
    header::AUTHORIZATION,
];

impl HttpAdapter {
    /// Servers in the manner of CGI read `X_Reparto` as `X-Reparto`: what says the same as an identity header is one.
    fn drop_twins(&self, headers: &mut HeaderMap) {
        let is_twin = |name: &HeaderName| {
            name.as_str().contains('_') && self.identity.iter().any(|(known, _)| known.as_str() == name.as_str().replace('_', "-"))
        };
        if self.identity.is_empty() {
            return;
        }
        let twins: Vec<HeaderName> = headers.keys().filter(|name| is_twin(name)).cloned().collect();
        for twin in twins {
            headers.remove(twin);
        }
    }
}

/// Reads `adapter.http`. Its `url` belongs to the gateway, which has read it before.
pub fn compile(section: &Section<'_>) -> HttpAdapter {
    let mut identity = Vec::new();
    if let Some(names) = section.section("identity") {
        for (key, part) in [
            ("consumer", Identity::Consumer),
            ("client", Identity::Client),
            ("purpose", Identity::Purpose),
            ("jti", Identity::Jti),
            ("tenant", Identity::Tenant),
            ("delegate", Identity::Delegate),
            ("department", Identity::Department),
        ] {
            let Some(text) = names.text(key) else { continue };
            match HeaderName::from_bytes(text.as_bytes()) {
                Ok(name) if OTHERS.contains(&name) => {
                    let fault = Fault::error(names.place(key), format!("`{text}` has a meaning of its own"));
                    names.report(fault.hint("such as `X-Consumer-Id`"));
                }
                Ok(name) => identity.push((name, part)),
                Err(_) => names.report(
                    Fault::error(names.place(key), format!("`{text}` is no header name"))
                        .hint("such as `X-Consumer-Id`: letters, digits and hyphens"),
                ),
            }
        }
    }
    HttpAdapter { identity }
}

impl Adapter for HttpAdapter {
    fn needs(&self, _: OperationIndex) -> Needs {
        Needs::default()
    }

    fn request(&self, call: &mut Call) -> Result<UpstreamRequest, AdapterError> {
        let mut headers = std::mem::take(&mut call.headers);
        self.drop_twins(&mut headers);
        for (name, part) in &self.identity {
            // Removed first and in any case: a header of this name from outside would be a claim that nobody checked.
            headers.remove(name);
            let value = match part {
                Identity::Consumer => call.caller.consumer.as_deref(),
                Identity::Client => call.caller.client.as_deref(),
                Identity::Purpose => call.caller.purpose.as_deref(),
                Identity::Jti => call.caller.jti.as_deref(),
                Identity::Tenant => Some(call.tenant.name()),
                Identity::Delegate => call.delegate.as_ref().map(adapter_api::Tenant::name),
                Identity::Department => call.caller.department.as_deref(),
            };
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name.clone(), value);
            }
        }
        let mut path_and_query = std::mem::take(&mut call.path);
        if let Some(query) = &call.query {
            path_and_query.reserve(query.len() + 1);
            path_and_query.push('?');
            path_and_query.push_str(query);
        }
        Ok(UpstreamRequest { method: call.method.clone(), path_and_query, headers, body: UpstreamBody::AsReceived })
    }

    fn answer(&self, _: &Call, answer: UpstreamAnswer) -> Result<Answer, AdapterError> {
        let UpstreamAnswer { status, mut headers, .. } = answer;
        remove_hop_by_hop(&mut headers);
        Ok(Answer { status, headers, body: AnswerBody::AsReceived })
    }

    fn forwarded_headers(&self) -> ForwardedHeaders<'_> {
        ForwardedHeaders::All
    }

    fn name(&self) -> &'static str {
        "http"
    }
}

/// The headers in which an upstream is told who calls; callers may not send them.
impl HttpAdapter {
    /// Names that carry the verified identity.
    pub fn identity_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.identity.iter().map(|(name, _)| name)
    }
}

/// A header map from pairs, for tests and fixed answers.
#[cfg(test)]
fn headers(pairs: &[(&'static str, &str)]) -> http::HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"))).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;

    use adapter_api::Caller;
    use adapter_api::document::{Faults, Tree};

    use super::*;

    fn adapter(yaml: &str) -> (HttpAdapter, Vec<String>) {
        let tree = Tree::parse("v.yaml", yaml).expect("YAML");
        let faults = RefCell::new(Faults::new());
        let adapter = Section::open(&tree.file, &tree.root, "http", &faults).map(|section| compile(&section)).unwrap_or_default();
        (adapter, faults.into_inner().sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn tells_the_verified_identity_and_drops_a_claimed_one() {
        let (adapter, faults) = adapter("identity: {consumer: X-Consumer-Id, purpose: X-Purpose-Id}");
        assert_eq!(faults, [""; 0]);
        let mut call = Call {
            path: "/a%20b".into(),
            query: Some("q=1".into()),
            headers: headers(&[("x-consumer-id", "forged"), ("x_consumer_id", "forged"), ("x-purpose-id", "forged"), ("accept", "*/*")]),
            caller: Arc::new(Caller { consumer: Some("ente".into()), ..Caller::default() }),
            ..Call::default()
        };
        let request = adapter.request(&mut call).expect("a request");
        assert_eq!(request.path_and_query, "/a%20b?q=1");
        assert_eq!(request.headers, headers(&[("x-consumer-id", "ente"), ("accept", "*/*")]));
    }

    #[test]
    fn refuses_a_header_name_that_is_none() {
        let (_, faults) = adapter("identity: {client: 'X Client', colour: x}");
        assert_eq!(
            faults,
            [
                "v.yaml:1:20: error: `X Client` is no header name\n    hint: such as `X-Consumer-Id`: letters, digits and hyphens",
                "v.yaml:1:32: error: `http.identity` has no key `colour`\n    hint: it knows `client`, `consumer`, `delegate`, `department`, `jti`, `purpose`, `tenant`",
            ]
        );
    }
}
