//! The methods that a Path Item Object lists, each with its operation.

use http::Method;
use serde_json::Value;

use crate::source::{Source, child};
use crate::version::Version;

/// The fields that hold an operation: they are named as their methods, in small letters.
const FIXED: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// One more, from OpenAPI 3.2 on.
const QUERY: &str = "query";
/// The field of 3.2 that maps methods without a field of their own to operations.
const ADDITIONAL: &str = "additionalOperations";

/// A method with its Operation Object.
pub(crate) struct Listed<'v> {
    pub(crate) method: Method,
    pub(crate) raw: &'v Value,
    pub(crate) pointer: String,
}

/// The Path Item Objects of a path: its own, and those that their references lead to. What each says counts (OpenAPI 3.0.4 §4.7.9.1).
pub(crate) fn items<'a>(source: &Source<'a>, pointer: &str) -> Vec<(String, &'a Value)> {
    let mut items = Vec::new();
    // References that lead nowhere, or to each other, are told by this.
    let Some((last, _)) = source.follow(pointer) else { return items };
    let mut at = pointer.to_owned();
    while let Some(raw) = source.at(&at) {
        let next = raw.get("$ref").and_then(Value::as_str).and_then(|reference| source.leads_to(reference, &at));
        let is_last = at == last;
        items.push((at, raw));
        match next.filter(|_| !is_last) {
            Some(next) => at = next,
            None => break,
        }
    }
    items
}

/// Reads what the Path Item Objects of a path list. What cannot be a method is a fault, and so is one that two of them have.
pub(crate) fn of_path<'a>(source: &Source<'a>, version: Version, items: &[(String, &'a Value)]) -> Vec<Listed<'a>> {
    let mut found: Vec<Listed<'a>> = Vec::new();
    for own in items.iter().flat_map(|(at, item)| listed(source, version, item, at)) {
        if found.iter().any(|known| known.method == own.method) {
            let message = format!("the path has the method `{}` itself, and where its `$ref` leads as well", own.method);
            source.error_with_hint(&own.pointer, message, "which of them counts nothing says: leave one out");
        } else {
            found.push(own);
        }
    }
    found
}

/// Reads what a Path Item Object lists.
fn listed<'v>(source: &Source<'_>, version: Version, item: &'v Value, at: &str) -> Vec<Listed<'v>> {
    let of_field = |field: &str| Some(Listed { method: method(field)?, raw: item.get(field)?, pointer: child(at, field) });
    let mut found: Vec<Listed<'v>> = fields(version).filter_map(of_field).collect();
    if version == Version::V32 {
        for (name, raw, pointer) in source.members(item, at, ADDITIONAL) {
            found.extend(additional(source, name, &pointer).map(|method| Listed { method, raw, pointer }));
        }
    }
    found
}

/// Whether a method only asks: one of RFC 9110 §9.2.1, or QUERY, which is a GET with a body.
pub fn is_safe(method: &Method) -> bool {
    method.is_safe() || is_query(method)
}

/// Whether a method is QUERY, of which `http` knows nothing.
pub fn is_query(method: &Method) -> bool {
    method.as_str() == "QUERY"
}

fn fields(version: Version) -> impl Iterator<Item = &'static str> {
    FIXED.into_iter().chain((version == Version::V32).then_some(QUERY))
}

/// The method of a field.
fn method(field: &str) -> Option<Method> {
    Method::from_bytes(field.to_ascii_uppercase().as_bytes()).ok()
}

/// A method that has no field of its own. Methods are told apart by their case (RFC 9110 §9.1).
fn additional(source: &Source<'_>, name: &str, pointer: &str) -> Option<Method> {
    let Ok(own) = Method::from_bytes(name.as_bytes()) else {
        source.error(pointer, format!("`{name}` cannot be the name of a method"));
        return None;
    };
    if own == Method::CONNECT {
        source.error_with_hint(pointer, "a `CONNECT` asks for no path", "take it out: RFC 9110 §9.3.6");
        return None;
    }
    let Some(field) = fields(Version::V32).find(|field| name.eq_ignore_ascii_case(field)) else { return Some(own) };
    let hint = format!("write `{field}` beside `{ADDITIONAL}`");
    if method(field).as_ref() == Some(&own) {
        source.error_with_hint(pointer, format!("the method `{name}` has a field of its own"), &hint);
        return None;
    }
    source.warning(pointer, format!("the method `{name}` is another one than `{}`", field.to_ascii_uppercase()), &hint);
    Some(own)
}
