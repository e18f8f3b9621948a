//! What an upstream is asked: made into a request, and noted so that it can be sent once more.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Uri};

use super::{Protocol, UpstreamError, UpstreamRules};
use crate::body::{CallerBody, UpstreamRequestBody};

/// What an upstream is asked, ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Path and query, appended to the URL's path.
    pub path_and_query: String,
    /// The headers but `Host` and those of the framing.
    pub headers: HeaderMap,
    /// The body.
    pub body: OutgoingBody,
    /// Whether sending it twice does no harm: declared safe or idempotent.
    pub repeatable: bool,
    /// What has to be made anew for that.
    pub renewal: Option<Box<dyn Renewal>>,
}

/// Makes anew what may be taken once only, before a request is sent again.
pub trait Renewal: Send + Sync {
    /// The headers for the next time, from those of the last; `None` where there are none to be had.
    fn renew(&self, headers: HeaderMap) -> BoxFuture<'_, Option<HeaderMap>>;
}

impl fmt::Debug for dyn Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewal")
    }
}

/// The body of an outgoing request.
#[derive(Debug)]
pub enum OutgoingBody {
    /// Held whole, so it can be sent again.
    Held(Bytes),
    /// Passing through.
    Streamed(Box<CallerBody>),
}

/// A request as it is sent. Boxed, because it is handed down several steps before a connection takes it.
pub type Prepared = Box<http::Request<UpstreamRequestBody>>;

impl Outgoing {
    pub(super) fn into_request(self, rules: &UpstreamRules) -> Result<Prepared, UpstreamError> {
        let Self { method, path_and_query, mut headers, body, repeatable: _, renewal: _ } = self;
        headers.remove(CONTENT_LENGTH);
        let target = match (path_and_query.as_str(), rules.url.path.as_str()) {
            ("", "") => "/".to_owned(),
            ("", base) => base.to_owned(),
            (_, "" | "/") => path_and_query,
            (path, base) => [base.trim_end_matches('/'), path].concat(),
        };
        // Another host than the URL's is an adapter's to choose.
        let authority = match rules.protocol {
            Protocol::Http1 => {
                headers.entry(HOST).or_insert_with(|| rules.url.host_header.clone());
                None
            }
            Protocol::Http2 => headers.remove(HOST).and_then(|host| Authority::from_maybe_shared(Bytes::from_owner(host)).ok()),
        };
        let uri = uri(target.into(), authority, rules)?;
        let body = match body {
            OutgoingBody::Held(bytes) => UpstreamRequestBody::Held(Some(bytes)),
            OutgoingBody::Streamed(body) => UpstreamRequestBody::Streamed(body),
        };
        let mut request = Box::new(http::Request::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        Ok(request)
    }
}

/// The URI of a request: h2 names the host in it.
fn uri(target: Bytes, authority: Option<Authority>, rules: &UpstreamRules) -> Result<Uri, UpstreamError> {
    let no_path = || UpstreamError::Protocol("the target is no path".into());
    let mut uri = http::uri::Parts::default();
    if rules.protocol == Protocol::Http2 {
        uri.scheme = Some(rules.url.scheme.clone());
        uri.authority = Some(authority.unwrap_or_else(|| rules.url.authority.clone()));
    }
    uri.path_and_query = Some(PathAndQuery::from_maybe_shared(target).map_err(|_| no_path())?);
    Uri::from_parts(uri).map_err(|_| no_path())
}

/// What it takes to send a request once more. Hardly any is, so this is made to be written, in one piece, and not to be read.
pub(super) struct Again {
    method: Method,
    /// Of h2, whose requests name it.
    authority: Option<Authority>,
    /// The target and then the headers, each after a line feed, which neither can hold: `name:value`.
    head: Vec<u8>,
    body: Bytes,
}

impl Again {
    /// Only of a request whose body is held.
    pub(super) fn of(request: &Prepared) -> Option<Self> {
        let UpstreamRequestBody::Held(Some(bytes)) = request.body() else { return None };
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(request.uri().path_and_query().map_or("/", PathAndQuery::as_str).as_bytes());
        for (name, value) in request.headers() {
            head.push(b'\n');
            head.extend_from_slice(name.as_str().as_bytes());
            head.push(b':');
            head.extend_from_slice(value.as_bytes());
        }
        Some(Self { method: request.method().clone(), authority: request.uri().authority().cloned(), head, body: bytes.clone() })
    }

    pub(super) fn into_request(self, rules: &UpstreamRules) -> Result<Prepared, UpstreamError> {
        let mut lines = self.head.split(|&byte| byte == b'\n');
        let target = Bytes::copy_from_slice(lines.next().unwrap_or_default());
        let mut request = Box::new(http::Request::new(UpstreamRequestBody::Held(Some(self.body))));
        (*request.method_mut(), *request.uri_mut()) = (self.method, uri(target, self.authority, rules)?);
        for line in lines {
            let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':').unwrap_or(line.len()));
            if let (Ok(name), Some(Ok(value))) = (HeaderName::from_bytes(name), value.get(1..).map(HeaderValue::from_bytes)) {
                request.headers_mut().append(name, value);
            }
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_what_was_sent() {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).expect("a header value");
        let mut request = Box::new(http::Request::new(UpstreamRequestBody::Held(Some(Bytes::from_static(b"{}")))));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/cose/a%20b?q=1:2".parse().expect("a URI");
        for (name, bytes) in
            [("accept", &b"*/*"[..]), ("x-vuota", b""), ("x-due", b"a: b\tc"), ("x-due", b"\xe8,:"), ("host", b"[::1]:8080")]
        {
            request.headers_mut().append(name, value(bytes));
        }
        let sent = Again::of(&request).expect("its body is held").into_request(&UpstreamRules::for_tests()).expect("a request");
        assert_eq!((sent.method(), sent.uri(), sent.headers()), (request.method(), request.uri(), request.headers()));
        assert!(matches!(sent.body(), UpstreamRequestBody::Held(Some(bytes)) if bytes == "{}"));
    }
}
