//! `$self`: the URI that a document of OpenAPI 3.2 says is its own. Relative references in it begin from there, and others know it by it.

use fluent_uri::{Uri, UriRef};
use serde_json::Value;

use crate::source::{Source, child};
use crate::version::Version;

const FIELD: &str = "$self";

/// The URI that a document gives itself, which may be relative to the one that it was read from; `None` where it gives none, or one that
/// cannot be.
pub(crate) fn own_uri(raw: &Value, read_from: &Uri<String>) -> Option<Uri<String>> {
    let own = parsed(raw)?.ok()?;
    own.resolve_against(&read_from.borrow()).ok()
}

/// Tells what cannot be a document's own URI.
pub(crate) fn refuse_unusable(source: &Source<'_>) {
    for (at, raw) in source.documents() {
        if let Some(Err(reason)) = parsed(raw) {
            source.error(&child(&at, FIELD), reason);
        }
    }
}

fn parsed(raw: &Value) -> Option<Result<UriRef<&str>, &'static str>> {
    let own = raw.get(FIELD).filter(|_| Version::named(raw) == Some(Version::V32))?;
    let Some(text) = own.as_str() else { return Some(Err("`$self` should be text")) };
    Some(match UriRef::parse(text) {
        Ok(uri) if uri.has_fragment() => Err("`$self` is of a whole document, and has no fragment"),
        Ok(uri) => Ok(uri),
        Err(_) => Err("`$self` is no URI"),
    })
}
