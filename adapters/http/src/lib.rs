//! REST upstreams: the call goes on as it came, below another URL.
//!
//! Bodies stream both ways unless a stage of the gateway holds them for a reason of its own. What changes is what must: the
//! hop-by-hop headers go, the caller's verified identity is told in the headers that the configuration names, and headers of
//! those names that came from outside never pass.

mod forwarded;
mod hop;
mod published;

use adapter_api::document::{Fault, Section};
use adapter_api::{
    Adapter, AdapterError, Answer, AnswerBody, Call, ForwardedHeaders, Needs, OperationIndex, UpstreamAnswer, UpstreamBody, UpstreamRequest,
};
use http::{HeaderName, HeaderValue, header};

pub use forwarded::{ForwardedStyle, is_said_by_proxies};
pub use hop::{is_plain_name, remove_hop_by_hop, remove_hop_by_hop_and_forwarded, remove_unusual};
pub use published::{Published, comparable_host};

/// A REST upstream.
#[derive(Clone, Debug, Default)]
pub struct HttpAdapter {
    identity: Vec<(HeaderName, Identity)>,
    forwarded: Option<ForwardedStyle>,
    host: Host,
    published: Published,
}

/// The `Host` that the upstream is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Host {
    /// That of its URL.
    #[default]
    Upstream,
    /// The one that the caller asked for.
    Caller,
    /// This one.
    Named(HeaderValue),
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
const OTHERS: [HeaderName; 9] = [
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::UPGRADE,
    header::AUTHORIZATION,
];

/// Reads `adapter.http`. Its `url` belongs to the gateway, which has read it before, and says in `published` where both stand.
/// `direction_out` says that others are called: they are not told who of ours asks from where.
pub fn compile(section: &Section<'_>, mut published: Published, direction_out: bool) -> HttpAdapter {
    let forwarded = section.choice("forwarded", &ForwardedStyle::CHOICES);
    let host = host(section);
    let told_outside = [
        ("forwarded", forwarded.is_some(), "others are not told from which address our departments ask"),
        ("host", host == Host::Caller, "others are not told which host our departments asked for"),
        ("cookies", section.text("cookies") == Some("passed"), "no cookie of our departments reaches others"),
    ];
    for (key, _, message) in told_outside.into_iter().filter(|(_, told, _)| direction_out && *told) {
        section.report(Fault::error(section.place(key), message).hint("leave it out"));
    }
    published.keeps_base_path = section.choice("base_path", &[("stripped", false), ("kept", true)]).unwrap_or(false);
    published.cookies = section.choice("cookies", &[("dropped", false), ("passed", true)]).unwrap_or(published.cookies);
    if let Host::Named(name) = &host {
        published.name = name.to_str().ok().map(comparable_host);
    }
    HttpAdapter { identity: identity(section), forwarded, host, published }
}

fn identity(section: &Section<'_>) -> Vec<(HeaderName, Identity)> {
    let mut identity = Vec::new();
    let Some(names) = section.section("identity") else { return identity };
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
            Ok(name) if identity.iter().any(|(known, _)| *known == name) => {
                let fault = Fault::error(names.place(key), format!("`{text}` tells something else already"));
                names.report(fault.hint("each has a header of its own"));
            }
            Ok(name) if OTHERS.contains(&name) || is_said_by_proxies(name.as_str()) || name == "traceparent" => {
                let fault = Fault::error(names.place(key), format!("`{text}` has a meaning of its own"));
                names.report(fault.hint("such as `X-Consumer-Id`"));
            }
            Ok(name) if is_plain_name(&name) => identity.push((name, part)),
            _ => names.report(
                Fault::error(names.place(key), format!("`{text}` is no header name"))
                    .hint("such as `X-Consumer-Id`: letters, digits and hyphens"),
            ),
        }
    }
    identity
}

fn host(section: &Section<'_>) -> Host {
    match section.text("host") {
        None | Some("upstream") => Host::Upstream,
        Some("caller") => Host::Caller,
        Some(text) if ["upstream", "caller"].iter().any(|word| text.eq_ignore_ascii_case(word)) => {
            let fault = Fault::error(section.place("host"), format!("`{text}` is written in small letters"));
            section.report(fault);
            Host::Upstream
        }
        Some(text) => match text.parse::<http::uri::Authority>() {
            Ok(authority) if !text.contains('@') => HeaderValue::from_str(authority.as_str()).map_or(Host::Upstream, Host::Named),
            _ => {
                let fault = Fault::error(section.place("host"), format!("`{text}` is no host"));
                section.report(fault.hint("`upstream`, `caller`, or a name such as `api.interna.example`"));
                Host::Upstream
            }
        },
    }
}

impl Adapter for HttpAdapter {
    fn needs(&self, _: OperationIndex) -> Needs {
        Needs::default()
    }

    fn request(&self, call: &mut Call) -> Result<UpstreamRequest, AdapterError> {
        let mut headers = std::mem::take(&mut call.headers);
        if !self.published.cookies {
            headers.remove(header::COOKIE);
        }
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
        if let (Some(style), Some(origin)) = (self.forwarded, &call.forwarded) {
            forwarded::tell(&mut headers, style, origin);
        }
        let host = match &self.host {
            Host::Upstream => None,
            Host::Caller => call.forwarded.as_ref().and_then(|origin| HeaderValue::from_str(origin.host.as_deref()?).ok()),
            Host::Named(host) => Some(host.clone()),
        };
        headers.extend(host.map(|host| (header::HOST, host)));
        let mut path_and_query = std::mem::take(&mut call.path);
        if self.published.keeps_base_path {
            path_and_query.insert_str(0, &self.published.base_path);
        }
        if let Some(query) = &call.query {
            path_and_query.reserve(query.len() + 1);
            path_and_query.push('?');
            path_and_query.push_str(query);
        }
        Ok(UpstreamRequest { method: call.method.clone(), path_and_query, headers, body: UpstreamBody::AsReceived })
    }

    fn answer(&self, call: &Call, answer: UpstreamAnswer) -> Result<Answer, AdapterError> {
        let UpstreamAnswer { status, mut headers, .. } = answer;
        remove_hop_by_hop(&mut headers);
        let asked = call.forwarded.as_ref().and_then(|origin| origin.host.as_deref());
        self.published.rewrite(&mut headers, asked.filter(|_| self.host == Host::Caller));
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
    /// Whether it tells from where a request came.
    pub fn tells_origin(&self) -> bool {
        self.forwarded.is_some() || self.host == Host::Caller
    }

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
        let adapter = Section::open(&tree.file, &tree.root, "http", &faults)
            .map(|section| compile(&section, Published::default(), false))
            .unwrap_or_default();
        (adapter, faults.into_inner().sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn tells_the_verified_identity_and_drops_a_claimed_one() {
        let (adapter, faults) = adapter("identity: {consumer: X-Consumer-Id, purpose: X-Purpose-Id}");
        assert_eq!(faults, [""; 0]);
        let mut call = Call {
            path: "/a%20b".into(),
            query: Some("q=1".into()),
            headers: headers(&[("x-consumer-id", "forged"), ("x-purpose-id", "forged"), ("accept", "*/*")]),
            caller: Arc::new(Caller { consumer: Some("ente".into()), ..Caller::default() }),
            ..Call::default()
        };
        let request = adapter.request(&mut call).expect("a request");
        assert_eq!(request.path_and_query, "/a%20b?q=1");
        assert_eq!(request.headers, headers(&[("x-consumer-id", "ente"), ("accept", "*/*")]));
    }

    #[test]
    fn refuses_a_header_name_that_is_none() {
        let (_, faults) = adapter("identity: {client: 'X Client', jti: X_Jti, colour: x}\nhost: a b\nforwarded: all");
        assert_eq!(
            faults,
            [
                "v.yaml:1:20: error: `X Client` is no header name\n    hint: such as `X-Consumer-Id`: letters, digits and hyphens",
                "v.yaml:1:37: error: `X_Jti` is no header name\n    hint: such as `X-Consumer-Id`: letters, digits and hyphens",
                "v.yaml:1:44: error: `http.identity` has no key `colour`\n    hint: it knows `client`, `consumer`, `delegate`, `department`, `jti`, `purpose`, `tenant`",
                "v.yaml:2:7: error: `a b` is no host\n    hint: `upstream`, `caller`, or a name such as `api.interna.example`",
                "v.yaml:3:12: error: `http.forwarded` should be one of `x-forwarded`, `rfc7239`, but is text",
            ]
        );
    }
}
