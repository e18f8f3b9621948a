//! Schema resources: what `$id`, `$anchor` and `$dynamicAnchor` name within a document (JSON Schema 2020-12 §8.2).

use std::collections::HashMap;

use fluent_uri::{Uri, UriRef};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::keywords::{DEFINITIONS, MANY, NAMED, ONE};
use crate::own_uri::own_uri;
use crate::source::child;

/// A schema resource by its place in the list: a document or a part of one. The first document is the first.
pub(crate) type ResourceId = usize;

/// What documents and their schemas are named by.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    list: Vec<Resource>,
    by_uri: HashMap<String, ResourceId>,
    /// Pointers by resource and anchor.
    anchors: HashMap<(ResourceId, String), Anchor>,
    /// Names that were given before.
    pub(crate) duplicates: Vec<Duplicate>,
}

#[derive(Debug)]
struct Resource {
    pointer: String,
    uri: Uri<String>,
    /// Whether it is a document by the address that it was read from.
    is_document: bool,
}

/// A name that was given before.
#[derive(Debug)]
pub(crate) struct Duplicate {
    /// The keyword that gives it: it stands at the pointer.
    pub(crate) keyword: &'static str,
    pub(crate) name: String,
    pub(crate) pointer: String,
    /// The pointer of what had it first.
    pub(crate) first: String,
}

/// Where an anchor leads.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    pub(crate) pointer: String,
    pub(crate) is_dynamic: bool,
}

/// Where a reference leads.
pub(crate) enum Target {
    /// A pointer into the document.
    Pointer(String),
    /// An anchor of a schema, and the resource that it is an anchor of.
    Anchor(Anchor, ResourceId),
    /// A resource that is not in any of the documents.
    Outside,
    /// Nothing: the resource has no such anchor, or the reference is none.
    Nothing,
}

impl Resources {
    /// Adds a document, which is walked once; where `names` is not set, its schemas cannot name themselves, as in OpenAPI 3.0. It is known
    /// by the URI that it was read from as well as by its own.
    pub(crate) fn add_document(&mut self, raw: &Value, pointer: &str, uri: &str, names: bool) {
        let Ok(read_from) = Uri::parse(uri.to_owned()) else { return };
        let own = own_uri(raw, &read_from).unwrap_or_else(|| read_from.clone());
        let document = self.add(pointer, own, true);
        self.add_name(read_from.into_string(), document);
        if names && is_schema(raw) {
            self.schema(raw, pointer, document);
        } else if names {
            self.walk(raw, pointer, document);
        }
    }

    /// What is known by the URI that a document read from `uri` gives itself, and where it stands.
    pub(crate) fn namesake(&self, raw: &Value, uri: &str) -> Option<(ResourceId, &str)> {
        let own = own_uri(raw, &Uri::parse(uri.to_owned()).ok()?)?;
        let known = *self.by_uri.get(own.as_str())?;
        Some((known, &self.list.get(known)?.pointer))
    }

    /// Lets what was added before be known by one more URI.
    pub(crate) fn add_name(&mut self, uri: String, resource: ResourceId) {
        self.by_uri.entry(uri).or_insert(resource);
    }

    fn add(&mut self, pointer: &str, uri: Uri<String>, is_document: bool) -> ResourceId {
        let id = self.list.len();
        let known = *self.by_uri.entry(uri.as_str().to_owned()).or_insert(id);
        if let Some(first) = self.list.get(known).map(|known| known.pointer.clone()) {
            self.again("$id", uri.as_str(), pointer, first);
        }
        self.list.push(Resource { pointer: pointer.to_owned(), uri, is_document });
        id
    }

    fn again(&mut self, keyword: &'static str, name: &str, pointer: &str, first: String) {
        // A document may name itself by its own address.
        if pointer != first {
            self.duplicates.push(Duplicate { keyword, name: name.to_owned(), pointer: pointer.to_owned(), first });
        }
    }

    fn anchor(&mut self, resource: ResourceId, keyword: &'static str, name: &str, pointer: &str) {
        let anchor = Anchor { pointer: pointer.to_owned(), is_dynamic: keyword == "$dynamicAnchor" };
        if let Some(first) = self.anchors.insert((resource, name.to_owned()), anchor) {
            self.again(keyword, name, pointer, first.pointer);
        }
    }

    /// Outside schemas: they stand under `schema` and under the components' `schemas`, and in a document that is none of OpenAPI also right
    /// at its top.
    fn walk(&mut self, value: &Value, pointer: &str, document: ResourceId) {
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| self.walk(item, &format!("{pointer}/{at}"), document)),
            Value::Object(members) => {
                let is_top = pointer.is_empty() || pointer.ends_with(':');
                let is_openapi = members.contains_key("openapi");
                for (name, value) in members {
                    let at = child(pointer, name);
                    match name.as_str() {
                        "schema" => self.schema(value, &at, document),
                        "schemas" if pointer.ends_with("/components") => self.named(value, &at, document),
                        "example" | "examples" => {}
                        _ if is_top && !is_openapi && is_schema(value) => self.schema(value, &at, document),
                        _ => self.walk(value, &at, document),
                    }
                }
            }
            _ => {}
        }
    }

    fn named(&mut self, value: &Value, pointer: &str, resource: ResourceId) {
        for (name, value) in value.as_object().into_iter().flatten() {
            self.schema(value, &child(pointer, name), resource);
        }
    }

    fn schema(&mut self, value: &Value, pointer: &str, around: ResourceId) {
        let Some(members) = value.as_object() else { return };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let id = text("$id").and_then(|id| self.resolved(id, around));
        let resource = id.map_or(around, |(uri, _)| self.add(pointer, uri, false));
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = text(keyword) {
                self.anchor(resource, keyword, name, pointer);
            }
        }
        for (keyword, value) in members {
            let at = child(pointer, keyword);
            match value {
                value if ONE.contains(&keyword.as_str()) || keyword == "contentSchema" => self.schema(value, &at, resource),
                Value::Array(items) if MANY.contains(&keyword.as_str()) => {
                    items.iter().enumerate().for_each(|(n, item)| self.schema(item, &format!("{at}/{n}"), resource));
                }
                value if NAMED.contains(&keyword.as_str()) || DEFINITIONS.contains(&keyword.as_str()) => self.named(value, &at, resource),
                _ => {}
            }
        }
    }

    /// The resource that a place in the document is in: the innermost.
    pub(crate) fn at(&self, pointer: &str) -> ResourceId {
        let is_within =
            |resource: &Resource| pointer.strip_prefix(&*resource.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let within = self.list.iter().enumerate().filter(|(_, resource)| is_within(resource));
        within.max_by_key(|(_, resource)| resource.pointer.len()).map_or(0, |(id, _)| id)
    }

    /// Whether a document or a part of one goes by this URI.
    pub(crate) fn knows(&self, uri: &str) -> bool {
        self.by_uri.contains_key(uri)
    }

    /// Where the `$id` stands that gives a URI, if it is none that a document was read from.
    pub(crate) fn self_named(&self, uri: &str) -> Option<&str> {
        let resource = self.list.get(*self.by_uri.get(uri)?)?;
        (!resource.is_document).then_some(&resource.pointer)
    }

    /// The absolute URI, without its fragment, of a reference that stands at a place in the documents.
    pub(crate) fn uri(&self, reference: &str, at: &str) -> Option<String> {
        self.resolved(reference, self.at(at)).map(|(uri, _)| uri.into_string())
    }

    /// A reference as seen from a resource: an absolute URI without its fragment, and that, decoded.
    fn resolved(&self, reference: &str, from: ResourceId) -> Option<(Uri<String>, String)> {
        let reference = UriRef::parse(reference).ok()?;
        let mut uri = reference.resolve_against(&self.list.get(from)?.uri.borrow()).ok()?;
        let fragment = uri.fragment().map(|fragment| fragment.decode().to_string_lossy().into_owned()).unwrap_or_default();
        uri.set_fragment(None);
        Some((uri, fragment))
    }

    /// Where a reference leads that stands at a place in the document. One into its own resource need be no URI: many documents have
    /// names in theirs that no URI can hold.
    pub(crate) fn target(&self, reference: &str, at: &str) -> Target {
        let (resource, fragment) = match reference.strip_prefix('#') {
            Some(fragment) => (self.at(at), percent_decode_str(fragment).decode_utf8_lossy().into_owned()),
            None => {
                let Some((uri, fragment)) = self.resolved(reference, self.at(at)) else { return Target::Nothing };
                let Some(&resource) = self.by_uri.get(uri.as_str()) else { return Target::Outside };
                (resource, fragment)
            }
        };
        if fragment.is_empty() || fragment.starts_with('/') {
            let root = self.list.get(resource).map_or("", |resource| &resource.pointer);
            return Target::Pointer(format!("{root}{fragment}"));
        }
        self.anchors.get(&(resource, fragment)).map_or(Target::Nothing, |anchor| Target::Anchor(anchor.clone(), resource))
    }

    /// The dynamic anchors of a name, of whatever resource: any of them may be the one that counts.
    pub(crate) fn dynamic(&self, name: &str) -> Vec<String> {
        let mut found: Vec<String> = self
            .anchors
            .iter()
            .filter(|((_, known), anchor)| known == name && anchor.is_dynamic)
            .map(|(_, anchor)| anchor.pointer.clone())
            .collect();
        found.sort_unstable();
        found
    }
}

/// Whether a value that may stand anywhere is a schema: it has keywords that nothing else has.
fn is_schema(value: &Value) -> bool {
    const TELLING: [&str; 12] =
        ["$schema", "$id", "$anchor", "$dynamicAnchor", "$defs", "type", "properties", "items", "allOf", "anyOf", "oneOf", "enum"];
    value.as_object().is_some_and(|members| TELLING.iter().any(|keyword| members.contains_key(*keyword)))
}
