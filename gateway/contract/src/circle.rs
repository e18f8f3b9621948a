//! Schemas that contain themselves: what it may cost to list everything that is wrong with a value.

use std::collections::BTreeSet;

use crate::lower::{Definition, SchemaId};

/// Which definitions lie on a circle of references.
pub(crate) struct Circles<'d> {
    definitions: &'d [Definition],
    circular: Vec<bool>,
}

impl<'d> Circles<'d> {
    pub(crate) fn of(definitions: &'d [Definition]) -> Self {
        let back = |(id, definition): (SchemaId, &Definition)| reach(definitions, &definition.refers).contains(&id);
        Self { definitions, circular: definitions.iter().enumerate().map(back).collect() }
    }

    /// By how much the errors of a value may grow in number with every level that it is nested: 1 unless a schema contains
    /// itself through alternatives or branches, each of which looks at the same members again.
    pub(crate) fn growth(&self, root: SchemaId) -> u32 {
        let reached = reach(self.definitions, &BTreeSet::from([root]));
        let circular = |id: &&SchemaId| self.circular[**id];
        let beside = reached.iter().filter(circular).flat_map(|&id| &self.definitions[id].beside).filter(circular);
        u32::try_from(beside.count()).unwrap_or(u32::MAX).max(1)
    }
}

fn reach(definitions: &[Definition], from: &BTreeSet<SchemaId>) -> BTreeSet<SchemaId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<SchemaId> = from.iter().copied().collect();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(&definitions[id].refers);
        }
    }
    found
}
