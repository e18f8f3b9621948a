//! Schemas that are lowered under names of their own: one for each place in the document, and for what refers to it where that changes it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::lower::{Lowering, Variant};
use crate::resources::ResourceId;

/// The name of a lowered schema.
pub(crate) type SchemaId = usize;

/// Where a schema is referred to, as far as that changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    /// A condition: then nothing is taken out of what it requires, or it would hold more often.
    pub(crate) is_condition: bool,
    /// Beside schemas that mark members which it requires: those members, and for which messages.
    pub(crate) hidden: Option<(Variant, BTreeSet<String>)>,
}

/// How many schemas are made of others for what stands beside references to them.
const MOST_HIDING: usize = 4096;

/// A schema that was lowered under a name of its own.
pub(crate) struct Definition {
    pub(crate) pointer: String,
    pub(crate) context: Context,
    /// The schema resource that it is in.
    pub(crate) resource: ResourceId,
    pub(crate) request: Value,
    /// Where it differs from the request's.
    pub(crate) answer: Option<Value>,
    /// The definitions that it refers to.
    pub(crate) refers: BTreeSet<SchemaId>,
    /// Those among them that hold the same value as something beside them: a branch of `oneOf`, of `allOf` and the like.
    pub(crate) beside: Vec<SchemaId>,
}

impl Definition {
    pub(crate) fn schema(&self, variant: Variant) -> &Value {
        match (variant, &self.answer) {
            (Variant::Answer, Some(answer)) => answer,
            _ => &self.request,
        }
    }
}

impl Lowering<'_, '_> {
    /// A schema as it is whatever refers to it.
    pub(crate) fn name_plain(&mut self, pointer: String) -> SchemaId {
        self.name_in(pointer, Context::default())
    }

    pub(crate) fn name(&mut self, pointer: String) -> SchemaId {
        let is_condition = self.current.is_condition;
        self.name_in(pointer, Context { is_condition, hidden: None })
    }

    /// The schema that a reference leads to, of a value of which something else marks these members. It is another one only where it requires
    /// some of them, and does not mark them itself.
    pub(crate) fn name_within(&mut self, pointer: String, hidden: &BTreeSet<String>) -> SchemaId {
        let Some(raw) = self.source.at(&pointer).filter(|_| !hidden.is_empty() && !self.current.is_condition) else {
            return self.name(pointer);
        };
        let own = self.marks().found(raw, &pointer);
        let is_asked = |name: &&String| own.required.contains(*name) && !own.hidden.contains(*name);
        let hidden: BTreeSet<String> = hidden.iter().filter(is_asked).cloned().collect();
        if hidden.is_empty() {
            return self.name(pointer);
        }
        if self.hiding == MOST_HIDING {
            let message = "what is read-only or write-only is required from too many places: write it where it is marked";
            self.source.error(&pointer, message);
            return self.name(pointer);
        }
        self.name_in(pointer, Context { is_condition: false, hidden: Some((self.current.variant, hidden)) })
    }

    fn name_in(&mut self, pointer: String, context: Context) -> SchemaId {
        let next = self.definitions.len();
        let id = *self.ids.entry((pointer.clone(), context.clone())).or_insert(next);
        if id == next {
            self.hiding += usize::from(context.hidden.is_some());
            let resource = self.source.resource(&pointer);
            self.definitions.push(Definition {
                pointer,
                context,
                resource,
                request: Value::Null,
                answer: None,
                refers: BTreeSet::new(),
                beside: Vec::new(),
            });
        }
        id
    }
}
