//! How values are written as XML: a graph, because a schema may contain itself, and many bodies have the same parts.

use std::collections::HashMap;

use xml::{Space, Spaces};

use crate::parameter::Kinds;

/// The nodes of all bodies of a document.
#[derive(Debug, Default)]
pub(crate) struct XmlGraph {
    pub(super) spaces: Spaces,
    pub(super) nodes: Vec<Node>,
}

/// How the bodies of one schema are written.
#[derive(Debug)]
pub(crate) struct XmlRoot {
    pub(super) node: NodeId,
    /// The names that the root may have; any, if none is known.
    pub(super) names: Vec<Name>,
}

pub(super) type NodeId = usize;

/// What stands in an element, or in an attribute.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kinds: Kinds,
    /// Whether several elements may be one value: not where something is said that speaks of no list.
    pub(super) may_repeat: bool,
    /// Its items, if it is a list with an element around them.
    pub(super) list: Option<Items>,
    pub(super) members: Vec<Member>,
    /// Which of them is its text.
    pub(super) text: Option<usize>,
    /// The members that a name may be of, written or in the schema.
    pub(super) by_name: HashMap<Box<str>, Vec<usize>>,
    /// What no member is.
    pub(super) others: Content,
}

/// What is in an element, or in several that are a list without an element of its own.
#[derive(Debug)]
pub(super) enum Content {
    One(NodeId),
    Each(Items),
}

/// The items of a list.
#[derive(Debug)]
pub(super) struct Items {
    /// Of those at the beginning each on its own.
    pub(super) first: Vec<Item>,
    pub(super) rest: Item,
}

/// An item of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// The names that it may have; any, if none is known.
    pub(super) names: Vec<Name>,
    pub(super) node: NodeId,
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) property: Box<str>,
    pub(super) written: WrittenAs,
    pub(super) content: Content,
    /// What it is where it leaves no trace, if it has to be there.
    pub(super) absent: Option<Absent>,
}

/// What a member is that is there, and of which nothing is written (OpenAPI 3.2.0 §4.25.6).
#[derive(Clone, Copy, Debug)]
pub(super) enum Absent {
    /// A list without items.
    Empty,
    /// An attribute without a value.
    Null,
}

#[derive(Debug)]
pub(super) enum WrittenAs {
    /// Elements of one of these names.
    Elements(Vec<Name>),
    /// An attribute of one of these names.
    Attribute(Vec<Name>),
    /// The text of the element around it.
    Text,
}

/// A name, and its namespace if the document says one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) space: Option<Space>,
    pub(super) local: Box<str>,
}

/// How an element, or an attribute, begins.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) space: Space,
    pub(super) local: &'a str,
    /// The namespace of the element around it.
    pub(super) around: Space,
}

impl Items {
    pub(super) fn at(&self, at: usize) -> &Item {
        self.first.get(at).unwrap_or(&self.rest)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Item> {
        self.first.iter().chain(std::iter::once(&self.rest))
    }
}

impl Content {
    /// The nodes that it leads to.
    fn nodes(&self) -> Vec<NodeId> {
        match self {
            Self::One(node) => vec![*node],
            Self::Each(items) => items.all().map(|item| item.node).collect(),
        }
    }
}

impl Node {
    /// The nodes that it leads to.
    pub(super) fn leads_to(&self) -> Vec<NodeId> {
        let items = self.list.iter().flat_map(|items| items.all().map(|item| item.node));
        let members = self.members.iter().flat_map(|member| member.content.nodes());
        items.chain(members).chain(self.others.nodes()).collect()
    }
}

impl WrittenAs {
    /// The names that it may have.
    pub(super) fn names(&self) -> &[Name] {
        match self {
            Self::Elements(names) | Self::Attribute(names) => names,
            Self::Text => &[],
        }
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Elements(own), Self::Elements(others)) | (Self::Attribute(own), Self::Attribute(others)) => {
                own.iter().any(|name| others.iter().any(|other| name.overlaps(other)))
            }
            (Self::Text, Self::Text) => true,
            _ => false,
        }
    }
}

impl Name {
    /// A name without a namespace may be in that of the element around it: so most write what a document says of no namespace.
    pub(super) fn is(&self, start: Start<'_>) -> bool {
        let Start { space, local, around } = start;
        let unsaid = || space == Space::NONE || (space == around && space != Space::UNKNOWN);
        *self.local == *local && self.space.map_or_else(unsaid, |own| own == space)
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.local == other.local && (self.space == other.space || self.space.is_none() || other.space.is_none())
    }
}

/// Whether one of these names is that of an element; of none any is.
pub(super) fn are(names: &[Name], start: Start<'_>) -> bool {
    names.is_empty() || names.iter().any(|name| name.is(start))
}
