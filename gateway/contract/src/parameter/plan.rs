//! What the values of a schema are, down to their members: how a text that is several of them is split.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::Value;

use super::decoded::Decoded;
use super::kinds::{Kinds, Reading, Spoken, View};
use super::parts::{File, Parts};

/// How many values within values of one parameter or body are looked at: a schema that contains itself has no end of them.
const MOST_PLANS: usize = 2000;

/// What a schema allows: its kinds, and those of what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kinds: Kinds,
    /// Whether it is a file.
    pub(crate) file: File,
    /// Of a list's items at its beginning each on its own, and of those behind them.
    first: Vec<Plan>,
    rest: Option<Box<Plan>>,
    /// Of an object's members.
    pub(crate) members: Vec<(Box<str>, Plan)>,
    /// Of those that it does not name; `None` where there are to be no others.
    others: Option<Box<Plan>>,
}

impl Plan {
    /// Anything at all.
    pub(crate) const ANY: Self =
        Self { kinds: Kinds::ALL, file: File::Never, first: Vec::new(), rest: None, members: Vec::new(), others: None };

    /// The same, to borrow.
    pub(crate) const ANYTHING: &'static Self = &Self::ANY;

    /// Whether it can only be a list.
    pub(crate) fn is_list(&self) -> bool {
        self.kinds.is_list()
    }

    pub(crate) fn may_be_list(&self) -> bool {
        self.kinds.has(Kinds::ARRAY)
    }

    /// Whether nothing is said of what it is.
    pub(crate) fn is_anything(&self) -> bool {
        self.kinds == Kinds::ALL
    }

    pub(crate) fn may_be_object(&self) -> bool {
        self.kinds.has(Kinds::OBJECT)
    }

    /// Whether it can only be an object.
    pub(crate) fn is_object(&self) -> bool {
        self.kinds.is_object()
    }

    /// What a lowered schema allows.
    pub(crate) fn of(schema: &Value, view: View<'_>) -> Self {
        Self::within(&[Spoken::alone(schema)], view, 0, &Cell::new(MOST_PLANS))
    }

    /// What several schemas allow that all speak of one value.
    fn within(schemas: &[Spoken<'_>], view: View<'_>, depth: usize, left: &Cell<usize>) -> Self {
        let kinds = Kinds::of_all(schemas, view);
        let parts = Parts::of(schemas, view);
        let mut plan = Self { kinds, file: parts.file, ..Self::ANY };
        // Deeper, no text is split any more.
        left.set(left.get().saturating_sub(1));
        if depth > 4 || left.get() == 0 || !(kinds.has(Kinds::ARRAY) || kinds.has(Kinds::OBJECT)) {
            return plan;
        }
        let inner = |schemas: &[Spoken<'_>]| Self::within(schemas, view, depth + 1, left);
        plan.first = parts.first.iter().map(|schemas| inner(schemas)).collect();
        plan.rest = (!parts.rest.is_empty()).then(|| Box::new(inner(&parts.rest)));
        plan.members = parts.members.iter().map(|(name, schemas)| ((*name).into(), inner(schemas))).collect();
        plan.others = (!parts.is_closed || !parts.others.is_empty())
            .then(|| Box::new(if parts.others.is_empty() { Self::ANY } else { inner(&parts.others) }));
        plan
    }

    /// Of a list's items as most of them are.
    pub(crate) fn items(&self) -> &Self {
        self.rest.as_deref().or(self.first.first()).unwrap_or(Self::ANYTHING)
    }

    /// Of the item at a position.
    pub(crate) fn item(&self, at: usize) -> &Self {
        self.first.get(at).or(self.rest.as_deref()).unwrap_or(Self::ANYTHING)
    }

    /// Of a member; `None` where it is not named and there are to be no others.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.members.iter().find(|(known, _)| **known == *name).map(|(_, plan)| plan).or(self.others.as_deref())
    }

    pub(crate) fn has_others(&self) -> bool {
        self.others.is_some()
    }

    /// A text as the value that the schema means.
    pub(crate) fn read<'t>(&self, text: Cow<'t, str>, reading: Reading) -> Decoded<'t> {
        self.kinds.read(text, reading)
    }
}
