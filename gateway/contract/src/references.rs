//! References between lowered schemas: by their short names, and by dynamic anchors.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::definitions::SchemaId;
use crate::keywords::BESIDE;
use crate::lower::Lowering;
use crate::resources::ResourceId;

impl Lowering<'_, '_> {
    /// A reference that stands at a place, and whether anything counts beside it. `hidden`: the members that need not be there.
    pub(crate) fn reference(
        &mut self,
        reference: &str,
        (at, has_siblings): (&str, bool),
        hidden: &BTreeSet<String>,
        lowered: &mut Map<String, Value>,
    ) {
        let Some(target) = self.source.target(reference, at) else { return };
        // A circle of references without a schema in it is told here, where it can be; a validator would go round in it.
        if self.source.follow_schema(&target).is_none() {
            return;
        }
        let id = self.name_within(target, hidden);
        self.refer(id, has_siblings, at, lowered);
    }

    /// A reference that is decided only when a value is held against it: by the outermost schema on the way to it that has the anchor
    /// (JSON Schema 2020-12 §8.2.3.2). Where the schema that it names to begin with has none that is dynamic, it is a plain one.
    pub(crate) fn dynamic_reference(&mut self, reference: &str, at: &str, lowered: &mut Map<String, Value>) {
        let Some(resource) = self.source.dynamic_anchor(reference, at) else {
            return self.reference(reference, (at, true), &BTreeSet::new(), lowered);
        };
        let name = reference.rsplit_once('#').map_or("", |(_, name)| name).to_owned();
        for pointer in self.source.dynamic_anchors(&name) {
            let id = self.name_plain(pointer);
            self.refers.insert(id);
            self.beside.push(id);
        }
        self.has_dynamic_references = true;
        lowered.insert("$dynamicRef".into(), format!("{}#{name}", uri(resource)).into());
    }

    pub(crate) fn refer(&mut self, id: SchemaId, siblings: bool, at: &str, lowered: &mut Map<String, Value>) {
        self.refers.insert(id);
        let within = at.get(self.current.length..).unwrap_or_default();
        if siblings || within.split('/').any(|token| BESIDE.contains(&token)) {
            self.beside.push(id);
        }
        let resource = self.definitions[id].resource;
        let is_here = self.definitions.get(self.current.id).is_some_and(|current| current.resource == resource);
        lowered.insert("$ref".into(), if is_here { local(id) } else { format!("{}{}", uri(resource), local(id)) }.into());
    }
}

/// What the definitions of a resource are compiled under.
pub(crate) fn uri(resource: ResourceId) -> String {
    format!("urn:contract:{resource}")
}

/// How definitions of one resource refer to each other.
pub(crate) fn local(id: SchemaId) -> String {
    format!("#/$defs/s{id}")
}

/// The definition that a reference made by [`local`] names.
pub(crate) fn named(reference: &str) -> Option<SchemaId> {
    reference.rsplit_once("#/$defs/s")?.1.parse().ok()
}
