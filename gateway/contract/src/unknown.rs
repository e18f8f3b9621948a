//! What documents say in fields that their version does not have: nothing is read of them, so that a misspelt rule is no rule. A
//! warning, since it may be meant for somebody else.

use std::collections::{HashMap, HashSet};

use document::{nearest, slip_of};
use serde_json::{Map, Value};

use crate::objects::{Holds, Object};
use crate::source::{Source, child};
use crate::version::Version;

/// A word of a schema has to have so many letters to be taken for a misspelt keyword: schemas may say what they like.
const SHORTEST: usize = 4;

/// What is told of a field, and the hint.
type Told = (String, String);

/// Looks for unknown fields in the first document, and in what it refers to in others.
pub(crate) fn check(source: &Source<'_>, version: Version) {
    let mut walk = Walk { source, version, seen: HashSet::new(), waiting: Vec::new(), found: HashMap::new() };
    walk.one(Object::Document, source.root(), "");
    while let Some((object, at)) = walk.waiting.pop() {
        if let Some(value) = source.at(&at) {
            walk.one(object, value, &at);
        }
    }
    for ((message, hint), (place, more)) in walk.found {
        let more = if more == 0 { String::new() } else { format!(" (so in {} places)", more + 1) };
        source.warning(&place, message + &more, &hint);
    }
}

struct Walk<'s, 'a> {
    source: &'s Source<'a>,
    version: Version,
    /// What was referred to in other documents.
    seen: HashSet<String>,
    /// Likewise, as far as it is still to be looked at.
    waiting: Vec<(Object, String)>,
    /// Where each was found first, and in how many other places.
    found: HashMap<Told, (String, usize)>,
}

impl Walk<'_, '_> {
    fn one(&mut self, object: Object, value: &Value, at: &str) {
        let Value::Object(members) = value else { return };
        self.refer(object, members, at);
        if members.contains_key("$ref") && (object.is_replaceable() || (object == Object::Schema && self.version == Version::V30)) {
            return self.beside_reference(object, members, at);
        }
        for (name, value) in members.iter().filter(|(name, _)| !name.starts_with("x-")) {
            let at = child(at, name);
            match object.fields().iter().find(|(known, ..)| known == name) {
                Some(&(_, since, holds)) => {
                    if since > self.version || (name == "nullable" && object == Object::Schema && self.version > Version::V30) {
                        self.tell(&at, self.other_version(object, name, since));
                    }
                    self.held(holds, value, &at);
                }
                None => {
                    if let Some(told) = unknown(object, name) {
                        self.tell(&at, told);
                    }
                }
            }
        }
    }

    /// What a reference leads to in another document is looked at as what it stands for; in the first all is.
    fn refer(&mut self, object: Object, members: &Map<String, Value>, at: &str) {
        let Some(reference) = members.get("$ref").and_then(Value::as_str) else { return };
        let Some(target) = self.source.leads_to(reference, at) else { return };
        let is_elsewhere = !target.is_empty() && !target.starts_with('/');
        if is_elsewhere && self.seen.insert(target.clone()) {
            self.waiting.push((object, target));
        }
    }

    fn held(&mut self, holds: Holds, value: &Value, at: &str) {
        match holds {
            Holds::Plain => {}
            Holds::One(object) => self.one(object, value, at),
            Holds::List(object) => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.one(object, item, &format!("{at}/{index}"));
                }
            }
            Holds::Map(object) => named(object, value).for_each(|(name, value)| self.one(object, value, &child(at, name))),
            Holds::Maps(object) => named(object, value).for_each(|(name, value)| self.held(Holds::Map(object), value, &child(at, name))),
        }
    }

    /// Where another is referred to, what is said beside counts for nothing. Of schemas of 3.0 it is told where they are read.
    fn beside_reference(&mut self, object: Object, members: &Map<String, Value>, at: &str) {
        let counts = |name: &str| matches!(name, "$ref" | "summary" | "description") || name.starts_with("x-") || object == Object::Schema;
        for name in members.keys().filter(|name| !counts(name)) {
            let message = format!("`{name}` counts for nothing beside a `$ref`");
            self.tell(&child(at, name), (message, "say it where the reference leads to".to_owned()));
        }
    }

    fn other_version(&self, object: Object, name: &str, since: Version) -> Told {
        let (own, place) = (self.version.line(), object.name());
        if name == "nullable" {
            let hint = "give it two types, such as `type: [string, 'null']`";
            return (format!("{place} of OpenAPI {own} has no `nullable`: nothing is read of it"), hint.to_owned());
        }
        // These are read wherever they stand; what other readers of the document make of them is theirs to say.
        let what = if object.is_read_of_all(name) { "others may read nothing of it" } else { "nothing is read of it" };
        let hint = format!("it is of OpenAPI {}: say `openapi: {}.0`, and look what else changes with it", since.line(), since.line());
        (format!("{place} of OpenAPI {own} has no `{name}`: {what}"), hint)
    }

    fn tell(&mut self, at: &str, told: Told) {
        match self.found.get_mut(&told) {
            Some((_, more)) => *more += 1,
            None => _ = self.found.insert(told, (at.to_owned(), 0)),
        }
    }
}

/// What stands under names that the author chose. Among paths and statuses `x-` is nobody's name; a header or a property may have it.
fn named(object: Object, value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let has_extensions = matches!(object, Object::PathItem | Object::Answer);
    value.as_object().into_iter().flatten().filter(move |(name, _)| !(has_extensions && name.starts_with("x-")))
}

fn unknown(object: Object, name: &str) -> Option<Told> {
    let known = || object.fields().iter().map(|(known, ..)| *known);
    let message = format!("{} has no `{name}`: nothing is read of it", object.name());
    if object == Object::Schema {
        // Schemas may say whatever else they like (JSON Schema 2020-12, Core §6.5).
        let meant = slip_of(name, known()).filter(|meant| name.len().min(meant.len()) >= SHORTEST)?;
        return Some((message, format!("did you mean `{meant}`?")));
    }
    Some((
        message,
        nearest(name, known())
            .map_or_else(|| "what is meant for others is named `x-…`".to_owned(), |near| format!("did you mean `{near}`?")),
    ))
}
