//! From method and path to an operation.

use std::borrow::Cow;
use std::sync::Arc;

use exchange::OperationIndex;
use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;

/// What a method and a path lead to.
#[derive(Debug)]
pub enum RouteMatch<'c> {
    /// An operation, with its path parameters decoded, in the order of the template.
    Found {
        /// Which operation of the contract.
        operation: OperationIndex,
        /// Name in the template and decoded value.
        parameters: Vec<(Arc<str>, String)>,
    },
    /// The path is one of the contract's, the method is not: 405 with this `Allow` (RFC 9110 §10.2.1).
    MethodNotAllowed {
        /// The methods that the path has.
        allow: &'c HeaderValue,
    },
    /// No path of the contract.
    NotFound,
    /// No path at all: a percent sequence that decodes to nothing, a dot segment, an empty segment.
    Malformed,
}

/// The paths of a contract.
#[derive(Debug)]
pub(crate) struct Routes {
    tree: matchit::Router<Route>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) parameters: Vec<Arc<str>>,
    pub(crate) methods: Vec<(Method, OperationIndex)>,
    pub(crate) allow: HeaderValue,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self { tree: matchit::Router::new() }
    }

    /// Adds a path template. Two templates that match the same paths are refused in words.
    pub(crate) fn insert(&mut self, template: &str, route: Route) -> Result<(), String> {
        use matchit::InsertError as E;
        self.tree.insert(template, route).map_err(|error| match error {
            E::Conflict { with } => format!("the paths `{template}` and `{with}` match the same requests"),
            E::InvalidParamSegment => "a segment of a path can hold one parameter".into(),
            _ => "a path parameter is written `{name}`, in matching braces".into(),
        })
    }

    pub(crate) fn at(&self, method: &Method, path: &str) -> RouteMatch<'_> {
        let path = if path.is_empty() { "/" } else { path };
        let Some(path) = normal(path) else { return RouteMatch::Malformed };
        let Ok(found) = self.tree.at(&path) else { return RouteMatch::NotFound };
        let route = found.value;
        let Some((_, operation)) = route.methods.iter().find(|(known, _)| known == method) else {
            return RouteMatch::MethodNotAllowed { allow: &route.allow };
        };
        let decoded = route.parameters.iter().zip(found.params.iter()).map(|(name, (_, value))| {
            let value = percent_decode_str(value).decode_utf8().ok()?;
            Some((name.clone(), value.into_owned()))
        });
        match decoded.collect() {
            Some(parameters) => RouteMatch::Found { operation: *operation, parameters },
            None => RouteMatch::Malformed,
        }
    }
}

/// The names in a template, in order.
pub(crate) fn names(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// The path with unreserved characters unescaped (RFC 3986 §6.2.2.2), so that one path has one spelling; `None` for what
/// another reader might take for another path.
fn normal(path: &str) -> Option<Cow<'_, str>> {
    let path = if path.contains('%') { Cow::Owned(unescape_unreserved(path)?) } else { Cow::Borrowed(path) };
    let mut segments = path.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        // Only the last segment may be empty: that is a trailing slash.
        if matches!(segment, "." | "..") || (segment.is_empty() && segments.peek().is_some()) {
            return None;
        }
    }
    Some(path)
}

fn unescape_unreserved(path: &str) -> Option<String> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let byte = after.get(..2).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        match u8::from_str_radix(byte, 16).ok()? {
            letter @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~') => plain.push(char::from(letter)),
            _ => plain.extend(["%", byte]),
        }
        rest = after.get(2..)?;
    }
    plain.push_str(rest);
    Some(plain)
}
