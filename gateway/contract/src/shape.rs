//! Which members the answers of an operation must have: asked at load, when an obligation would withhold one.

use std::collections::BTreeSet;

use document::Place;
use exchange::{Pointer, Step};
use serde_json::Value;

use crate::definitions::SchemaId;
use crate::lower::{Lowering, Variant};
use crate::references::named;
use crate::source::{Source, child};

/// What is left of the answers' schemas: members required, and the ways down.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    shapes: Vec<Shape>,
}

#[derive(Debug, Default)]
struct Shape {
    required: Vec<Box<str>>,
    /// Where they are required.
    place: Option<Place>,
    /// An array must keep at least one item.
    keeps_items: bool,
    members: Vec<(Box<str>, usize)>,
    /// Of any other name.
    others: Vec<usize>,
    items: Vec<usize>,
    /// Schemas of the same value: `allOf`, `$ref` and every alternative, because withholding must leave each of them valid.
    also: Vec<usize>,
}

impl Shapes {
    /// The shapes of all definitions, in their order.
    pub(crate) fn of(source: &Source<'_>, lowering: &Lowering<'_, '_>) -> Self {
        let mut shapes = Self { shapes: lowering.definitions.iter().map(|_| Shape::default()).collect() };
        for (id, definition) in lowering.definitions.iter().enumerate() {
            shapes.shapes[id] = shapes.shape(source, definition.schema(Variant::Answer), &definition.pointer);
        }
        shapes
    }

    fn add(&mut self, source: &Source<'_>, schema: &Value, at: &str) -> usize {
        if let (Some(reference), Some(1)) = (schema.get("$ref").and_then(Value::as_str), schema.as_object().map(serde_json::Map::len)) {
            return named(reference).unwrap_or_default();
        }
        let shape = self.shape(source, schema, at);
        self.shapes.push(shape);
        self.shapes.len() - 1
    }

    fn shape(&mut self, source: &Source<'_>, schema: &Value, at: &str) -> Shape {
        let mut shape = Shape::default();
        let Some(keywords) = schema.as_object() else { return shape };
        for (keyword, value) in keywords {
            let here = child(at, keyword);
            match (keyword.as_str(), value) {
                ("required", Value::Array(names)) => {
                    shape.required.extend(names.iter().filter_map(Value::as_str).map(Box::from));
                    shape.place.get_or_insert_with(|| source.place(&here));
                }
                ("dependentRequired", Value::Object(dependents)) => {
                    let names = dependents.values().filter_map(Value::as_array).flatten();
                    shape.required.extend(names.filter_map(Value::as_str).map(Box::from));
                    shape.place.get_or_insert_with(|| source.place(&here));
                }
                ("minItems", least) if least.as_f64().is_some_and(|least| least > 0.0) => {
                    shape.keeps_items = true;
                    shape.place.get_or_insert_with(|| source.place(&here));
                }
                ("properties", Value::Object(members)) => {
                    for (name, schema) in members {
                        shape.members.push((name.as_str().into(), self.add(source, schema, &child(&here, name))));
                    }
                }
                ("patternProperties" | "dependentSchemas", Value::Object(members)) => {
                    let list = if keyword == "patternProperties" { &mut shape.others } else { &mut shape.also };
                    list.extend(members.iter().map(|(name, schema)| self.add(source, schema, &child(&here, name))));
                }
                ("additionalProperties" | "unevaluatedProperties", schema) => shape.others.push(self.add(source, schema, &here)),
                ("items" | "unevaluatedItems" | "contains", schema) => shape.items.push(self.add(source, schema, &here)),
                ("prefixItems", Value::Array(schemas)) => {
                    shape.items.extend(schemas.iter().enumerate().map(|(n, schema)| self.add(source, schema, &format!("{here}/{n}"))));
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    shape.also.extend(schemas.iter().enumerate().map(|(n, schema)| self.add(source, schema, &format!("{here}/{n}"))));
                }
                ("then" | "else", schema) => shape.also.push(self.add(source, schema, &here)),
                ("$ref", Value::String(reference)) => shape.also.extend(named(reference)),
                _ => {}
            }
        }
        shape
    }

    /// Where one of these schemas requires what a pointer names.
    pub(crate) fn requires(&self, roots: &[SchemaId], pointer: &Pointer) -> Option<&Place> {
        let (last, way) = pointer.steps().split_last()?;
        let mut here = self.with_alternatives(roots.iter().copied());
        for step in way {
            let next = here.iter().flat_map(|&at| self.down(at, step)).collect::<Vec<_>>();
            here = self.with_alternatives(next.into_iter());
        }
        here.iter().map(|&at| &self.shapes[at]).find(|shape| shape.keeps(last)).and_then(|shape| shape.place.as_ref())
    }

    /// Whether a success may hold what a pointer names: some schema on the way describes it, or describes nothing at all.
    pub(crate) fn knows(&self, roots: &[SchemaId], pointer: &Pointer) -> bool {
        let mut here = self.with_alternatives(roots.iter().copied());
        for step in pointer.steps() {
            let is_free = |at: &usize| {
                let shape = &self.shapes[*at];
                shape.members.is_empty() && shape.items.is_empty() && shape.also.is_empty() && shape.others.is_empty()
            };
            if here.is_empty() || here.iter().all(is_free) {
                return true;
            }
            let next = here.iter().flat_map(|&at| self.down(at, step)).collect::<Vec<_>>();
            if next.is_empty() {
                return false;
            }
            here = self.with_alternatives(next.into_iter());
        }
        true
    }

    fn with_alternatives(&self, roots: impl Iterator<Item = usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open: Vec<usize> = roots.collect();
        while let Some(at) = open.pop() {
            if found.insert(at) {
                open.extend(&self.shapes[at].also);
            }
        }
        found
    }

    fn down(&self, at: usize, step: &Step) -> Vec<usize> {
        let shape = &self.shapes[at];
        let Step::Member(name) = step else { return shape.items.clone() };
        let mut found: Vec<usize> = shape.members.iter().filter(|(known, _)| known == name).map(|(_, at)| *at).collect();
        found.extend(&shape.others);
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            found.extend(&shape.items);
        }
        found
    }
}

impl Shape {
    fn keeps(&self, last: &Step) -> bool {
        match last {
            Step::Every => self.keeps_items,
            Step::Member(name) => self.required.contains(name) || (self.keeps_items && name.bytes().all(|byte| byte.is_ascii_digit())),
        }
    }
}
