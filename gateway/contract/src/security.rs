//! The Security Scheme Objects of a document, and what its operations require of them.

use std::collections::HashMap;

use document::Place;
use http::HeaderName;
use serde_json::Value;

use crate::credentials::{Proof, SecurityScheme};
use crate::described::Location;
use crate::source::{Source, child};
use crate::version::Version;

/// The security schemes of a document, by their names.
pub(crate) struct Schemes<'s, 'a> {
    source: &'s Source<'a>,
    version: Version,
    list: HashMap<String, SecurityScheme>,
}

/// What a document promises of an operation: that nobody is let in who does not show all of one of these alternatives.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Where it does.
    pub place: Place,
    /// The alternatives; an empty one is nothing at all.
    pub alternatives: Vec<Vec<SecurityScheme>>,
}

impl Promise {
    /// Whether nothing need be shown.
    pub(crate) fn is_open(&self) -> bool {
        self.alternatives.is_empty() || self.alternatives.iter().any(Vec::is_empty)
    }

    /// What callers are to show.
    pub(crate) fn proofs(&self) -> Vec<Vec<Proof>> {
        if self.is_open() {
            return Vec::new();
        }
        let proofs = |all: &Vec<SecurityScheme>| all.iter().map(|scheme| scheme.proof.clone()).collect();
        self.alternatives.iter().map(proofs).collect()
    }
}

impl<'s, 'a> Schemes<'s, 'a> {
    /// Reads them; what cannot be read is a fault.
    pub(crate) fn read(source: &'s Source<'a>, version: Version) -> Self {
        let components = source.root().get("components").unwrap_or(&Value::Null);
        let mut list = HashMap::new();
        for (name, _, pointer) in source.members(components, "/components", "securitySchemes") {
            let Some((at, raw)) = source.follow(&pointer) else { continue };
            list.extend(scheme(source, name, raw, &at).map(|scheme| (name.to_owned(), scheme)));
        }
        Self { source, version, list }
    }

    /// What an operation requires: what it says itself, or else the document.
    pub(crate) fn required(&self, operation: &Value, pointer: &str) -> Option<Promise> {
        let (raw, at) = match operation.get("security") {
            Some(raw) => (raw, child(pointer, "security")),
            None => (self.source.root().get("security")?, "/security".to_owned()),
        };
        let Value::Array(alternatives) = raw else {
            self.source.error(&at, "`security` should be a list");
            return None;
        };
        let alternatives = alternatives.iter().enumerate().filter_map(|(n, raw)| self.alternative(raw, &format!("{at}/{n}")));
        Some(Promise { alternatives: alternatives.collect(), place: self.source.place(&at) })
    }

    fn alternative(&self, raw: &Value, at: &str) -> Option<Vec<SecurityScheme>> {
        let Value::Object(members) = raw else {
            self.source.error(at, "a security requirement should be a mapping");
            return None;
        };
        members.keys().map(|name| self.named(name, at)).collect()
    }

    /// The scheme of a name. From OpenAPI 3.2 on what is no name may be a reference.
    fn named(&self, name: &str, at: &str) -> Option<SecurityScheme> {
        // What stands under a name is told there, if it cannot be read.
        if self.source.at(&child("/components/securitySchemes", name)).is_some() {
            return self.list.get(name).cloned();
        }
        let refers = self.version == Version::V32;
        if refers && let Some(target) = self.source.leads_to(name, at) {
            let (at, raw) = self.source.follow(&target)?;
            return scheme(self.source, name, raw, &at);
        }
        let hint = if refers {
            "describe it under `components/securitySchemes`, or refer to where it is"
        } else {
            "describe it under `components/securitySchemes`"
        };
        self.source.error_with_hint(&child(at, name), format!("there is no security scheme `{name}`"), hint);
        None
    }
}

fn scheme(source: &Source<'_>, name: &str, raw: &Value, at: &str) -> Option<SecurityScheme> {
    let told = |reason| source.error(at, format!("not readable as a security scheme: {reason}"));
    Some(SecurityScheme { name: name.into(), proof: proof(raw).map_err(told).ok()? })
}

/// What a Security Scheme Object asks for.
fn proof(raw: &Value) -> Result<Proof, String> {
    let text = |name: &str| raw.get(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` is missing"));
    match text("type")? {
        "http" => Ok(match text("scheme")?.to_ascii_lowercase().as_str() {
            "bearer" => Proof::Bearer,
            "basic" => Proof::Basic,
            other if !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
                Proof::Http(other.into())
            }
            other => return Err(format!("`{other}` is no scheme of `Authorization`")),
        }),
        "oauth2" | "openIdConnect" => Ok(Proof::Bearer),
        "mutualTLS" => Ok(Proof::Certificate),
        "apiKey" => {
            let name = text("name")?;
            match text("in")? {
                "header" => HeaderName::try_from(name).map(Proof::Header).map_err(|_| format!("`{name}` cannot be the name of a header")),
                "query" => Ok(Proof::Named(Location::Query, name.into())),
                "cookie" => Ok(Proof::Named(Location::Cookie, name.into())),
                other => Err(format!("a key stands in `header`, `query` or `cookie`, and not in `{other}`")),
            }
        }
        other => Err(format!("`{other}` is no type of a security scheme: `http`, `apiKey`, `oauth2`, `openIdConnect` and `mutualTLS` are")),
    }
}
