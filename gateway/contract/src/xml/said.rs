//! What the Schema Objects of a value say of how it is written.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::definitions::SchemaId;
use crate::parameter::{Spoken, View};

/// How deep references and branches of `allOf` are followed.
const DEEPEST: usize = 32;

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeType {
    Element,
    Attribute,
    Text,
    /// Nothing of its own: what is in it stands where it would.
    None,
}

/// What all schemas of one value say together, each thing as the first says it that says it.
#[derive(Debug, Default)]
pub(super) struct Said<'v> {
    pub(super) name: Option<&'v str>,
    pub(super) namespace: Option<&'v str>,
    node_type: Option<NodeType>,
    is_attribute: Option<bool>,
    is_wrapped: Option<bool>,
    /// The name of the component that a reference leads to.
    pub(super) component: Option<&'v str>,
}

impl<'v> Said<'v> {
    pub(super) fn of(schemas: &[Spoken<'v>], view: View<'v>) -> Self {
        let (mut said, mut seen) = (Self::default(), HashSet::new());
        for spoken in schemas {
            said.collect(spoken.schema, view, &mut seen, 0);
        }
        said
    }

    pub(super) fn is_attribute(&self) -> bool {
        self.node_type.map_or(self.is_attribute == Some(true), |kind| kind == NodeType::Attribute)
    }

    pub(super) fn is_text(&self) -> bool {
        self.node_type == Some(NodeType::Text)
    }

    /// Of a list: whether an element stands around its items.
    pub(super) fn is_wrapped(&self) -> bool {
        self.node_type.map_or(self.is_wrapped == Some(true), |kind| kind == NodeType::Element)
    }

    /// Of anything else: whether nothing stands around what is in it.
    pub(super) fn is_nothing(&self) -> bool {
        self.node_type == Some(NodeType::None)
    }

    fn collect(&mut self, schema: &'v Value, view: View<'v>, seen: &mut HashSet<SchemaId>, depth: usize) {
        let Some(keywords) = schema.as_object().filter(|_| depth < DEEPEST) else { return };
        if let Some(Value::Object(own)) = keywords.get("xml") {
            self.take(own);
        }
        if let Some(id) = View::target(keywords).filter(|id| seen.insert(*id)) {
            self.component = self.component.or_else(|| component(&view.lowering.definitions[id].pointer));
            self.collect(view.schema(id), view, seen, depth + 1);
        }
        for branch in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.collect(branch, view, seen, depth + 1);
        }
    }

    fn take(&mut self, own: &'v Map<String, Value>) {
        let text = |name: &str| own.get(name).and_then(Value::as_str);
        let flag = |name: &str| own.get(name).and_then(Value::as_bool);
        // A name without a namespace is in none, whatever another schema says.
        if self.name.is_none() {
            (self.name, self.namespace) = (text("name"), self.namespace.or_else(|| text("namespace")));
        }
        self.is_attribute = self.is_attribute.or_else(|| flag("attribute"));
        self.is_wrapped = self.is_wrapped.or_else(|| flag("wrapped"));
        self.node_type = self.node_type.or_else(|| match text("nodeType")? {
            "element" => Some(NodeType::Element),
            "attribute" => Some(NodeType::Attribute),
            "text" | "cdata" => Some(NodeType::Text),
            "none" => Some(NodeType::None),
            _ => None,
        });
    }
}

/// The name of the component that a pointer leads to.
pub(super) fn component(pointer: &str) -> Option<&str> {
    let (_, name) = pointer.rsplit_once("/components/schemas/")?;
    (!name.contains(['/', '~'])).then_some(name)
}
