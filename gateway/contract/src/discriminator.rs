//! Alternatives that a discriminator tells apart: so that an error speaks of the one that was meant.
//!
//! A discriminator never changes whether a value is valid (OpenAPI 3.0.4 §4.7.25): it is looked at only once a value is not.

use std::collections::HashMap;

use jsonschema::json::Node as _;
use serde_json::Value;

use crate::instance::Instance;
use crate::source::{Source, child};

/// Discriminators by the pointer of the `oneOf` or `anyOf` that they stand beside, among the lowered definitions.
#[derive(Debug, Default)]
pub(crate) struct Discriminators(HashMap<String, Discriminator>);

/// One discriminator.
#[derive(Debug)]
pub(crate) struct Discriminator {
    /// The member that tells.
    pub(crate) property: String,
    /// Its values, and which of the alternatives each names.
    values: Vec<(String, usize)>,
    /// The alternative of a value that does not say, or says something else (`defaultMapping`, from OpenAPI 3.2 on).
    default: Option<usize>,
}

/// Which alternative a value means.
pub(crate) enum Meant {
    /// The one at this position.
    Alternative(usize),
    /// None of them: its member says something else.
    Unknown,
    /// It does not say.
    Untold,
}

/// What a Discriminator Object says that a value means.
pub(crate) struct Mapped<'v> {
    /// The value; nothing where it is all others (`defaultMapping`).
    value: Option<&'v str>,
    /// The name of a schema, or a reference to one.
    pub(crate) target: &'v str,
}

/// The values that a Discriminator Object speaks of.
pub(crate) fn mapped(discriminator: &Value) -> impl Iterator<Item = Mapped<'_>> {
    let mapping = discriminator.get("mapping").and_then(Value::as_object).into_iter().flatten();
    let mapping = mapping.map(|(value, target)| (Some(value.as_str()), target));
    let all = mapping.chain(discriminator.get("defaultMapping").map(|target| (None, target)));
    all.filter_map(|(value, target)| Some(Mapped { value, target: target.as_str()? }))
}

/// Whether a target that is the name of no schema is a reference: names have none of these.
pub(crate) fn is_reference(target: &str) -> bool {
    target.contains(['/', '#', '.'])
}

impl Discriminators {
    pub(crate) fn insert(&mut self, keyword: String, discriminator: Discriminator) {
        self.0.insert(keyword, discriminator);
    }

    /// The discriminator beside a keyword, named by its absolute location.
    pub(crate) fn at(&self, location: &str) -> Option<&Discriminator> {
        let (_, fragment) = location.split_once('#').filter(|_| !self.0.is_empty())?;
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
        self.0.get(&*pointer)
    }
}

impl Discriminator {
    /// Reads the discriminator of the Schema Object at `at`, with these alternatives. Those that are no references have no name.
    pub(crate) fn read(source: &Source<'_>, raw: &Value, at: &str, alternatives: &[Value]) -> Option<Self> {
        let discriminator = raw.get("discriminator")?;
        let property = discriminator.get("propertyName")?.as_str()?.to_owned();
        let references: Vec<Option<&str>> = alternatives.iter().map(|schema| schema.get("$ref").and_then(Value::as_str)).collect();
        let targets: Vec<Option<String>> =
            references.iter().map(|reference| reference.and_then(|reference| source.leads_to(reference, at))).collect();
        let alternative = |target: &str| {
            // A name without a slash is short for the schema of that name.
            let target = if source.is_schema(target) { Some(child("/components/schemas", target)) } else { source.leads_to(target, at) };
            targets.iter().position(|known| known.is_some() && *known == target)
        };
        let (mut values, mut default): (Vec<(String, usize)>, _) = (Vec::new(), None);
        for Mapped { value, target } in mapped(discriminator) {
            match value {
                Some(value) => values.extend(alternative(target).map(|at| (value.to_owned(), at))),
                None => default = alternative(target),
            }
        }
        for (at, reference) in references.iter().enumerate() {
            let name = reference.and_then(|reference| reference.rsplit('/').next());
            if let Some(name) = name.filter(|_| !values.iter().any(|(_, known)| *known == at)) {
                values.push((name.to_owned(), at));
            }
        }
        let is_named = |at: usize| values.iter().any(|(_, known)| *known == at);
        (0..alternatives.len()).all(is_named).then_some(Self { property, values, default })
    }

    /// One without a name, and a mapping that leads nowhere, are faults, whether anything is told apart by it or not.
    pub(crate) fn check(source: &Source<'_>, raw: &Value, at: &str) {
        let Some(discriminator) = raw.get("discriminator") else { return };
        let at_discriminator = child(at, "discriminator");
        if discriminator.get("propertyName").is_none_or(|name| !name.is_string()) {
            let hint = "it names the member that tells which of the alternatives is meant";
            source.error_with_hint(&at_discriminator, "a discriminator needs a `propertyName`", hint);
        }
        for Mapped { value, target } in mapped(discriminator) {
            let place = match value {
                Some(value) => child(&child(&at_discriminator, "mapping"), value),
                None => child(&at_discriminator, "defaultMapping"),
            };
            if source.is_schema(target) {
                continue;
            }
            if is_reference(target) {
                source.target_of(target, at, &place);
            } else {
                source.error(&place, format!("there is no schema `{target}` among the components"));
            }
        }
    }

    pub(crate) fn meant(&self, value: Instance<'_>) -> Meant {
        let told = value.step(&self.property);
        let named = told.and_then(|told| self.values.iter().find(|(value, _)| told.as_string().is_some_and(|told| *told == **value)));
        match (named.map(|(_, at)| *at).or(self.default), told) {
            (Some(at), _) => Meant::Alternative(at),
            (None, Some(_)) => Meant::Unknown,
            (None, None) => Meant::Untold,
        }
    }

    /// The values, for a message.
    pub(crate) fn allowed(&self) -> Value {
        self.values.iter().map(|(value, _)| value.as_str()).collect()
    }
}
