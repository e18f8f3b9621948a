//! Schemas that contain themselves, or each other in many ways: what it may cost to list everything that is wrong with a value.

use std::collections::BTreeSet;

use crate::definitions::{Definition, SchemaId};

/// Which definitions lie on a circle of references.
pub(crate) struct Circles<'d> {
    definitions: &'d [Definition],
    circular: Vec<bool>,
    /// Of each definition, in how many ways one value may be looked at through it: each branch that refers to another multiplies them.
    ways: Vec<u64>,
}

impl<'d> Circles<'d> {
    pub(crate) fn of(definitions: &'d [Definition]) -> Self {
        let back = |(id, definition): (SchemaId, &Definition)| reach(definitions, &definition.refers).contains(&id);
        let circular: Vec<bool> = definitions.iter().enumerate().map(back).collect();
        let ways = ways(definitions, &circular);
        Self { definitions, circular, ways }
    }

    /// In how many ways one value may be looked at through a definition, circles left out: those are [`Circles::growth`]'s.
    pub(crate) fn ways(&self, root: SchemaId) -> u64 {
        self.ways.get(root).copied().unwrap_or(1)
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

/// From those that refer to nothing upwards: every definition after all that it refers to.
fn ways(definitions: &[Definition], circular: &[bool]) -> Vec<u64> {
    let mut ways: Vec<Option<u64>> = vec![None; definitions.len()];
    for root in 0..definitions.len() {
        let mut open = vec![root];
        while let Some(&id) = open.last() {
            let inner = || definitions[id].refers.iter().copied().filter(|inner| !circular[*inner] && *inner != id);
            let unknown: Vec<SchemaId> = inner().filter(|inner| ways[*inner].is_none()).collect();
            if ways[id].is_none() && !unknown.is_empty() && !circular[id] {
                open.extend(unknown);
                continue;
            }
            open.pop();
            let of = |inner: SchemaId| ways[inner].unwrap_or(1);
            let beside =
                definitions[id].beside.iter().filter(|inner| !circular[**inner]).fold(0_u64, |sum, inner| sum.saturating_add(of(*inner)));
            let most = inner().map(of).max().unwrap_or(1).max(beside).max(1);
            ways[id].get_or_insert(most);
        }
    }
    ways.into_iter().map(|ways| ways.unwrap_or(1)).collect()
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
