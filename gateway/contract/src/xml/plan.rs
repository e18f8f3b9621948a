//! How the values of a schema are written as XML, settled at load.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use xml::{Space, Spaces};

use super::said::{Said, component};
use crate::lower::{Lowering, SchemaId, Variant};
use crate::parameter::{Kinds, Parts, Reading};
use crate::version::Version;

/// How a value is written as XML: a graph, because a schema may contain itself.
#[derive(Debug)]
pub(crate) struct XmlPlan {
    pub(super) spaces: Spaces,
    pub(super) nodes: Vec<Node>,
    /// The names that the root may have; any, if none is known.
    pub(super) root: Vec<Name>,
    is_ambiguous: bool,
}

pub(super) type NodeId = usize;

/// The most nodes of a plan.
const MOST_NODES: usize = 20_000;

/// What stands in an element, or in an attribute.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kinds: Kinds,
    /// Its items, if it is a list with an element around them.
    pub(super) list: Option<Items>,
    pub(super) members: Vec<Member>,
    /// What no member is.
    pub(super) others: NodeId,
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
    /// Of a list without an element of its own the items'.
    pub(super) node: NodeId,
    pub(super) is_list: bool,
    pub(super) required: bool,
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

impl XmlPlan {
    /// As what the texts in it are to be read.
    pub(crate) fn readings(&self) -> &'static [Reading] {
        if self.is_ambiguous { &[Reading::Typed, Reading::Text] } else { &[Reading::Typed] }
    }
}

/// The node of anything at all, which every plan has.
pub(super) const ANYTHING: NodeId = 0;
/// The node of the root.
pub(super) const ROOT: NodeId = 1;

/// Makes plans. What is asked for is queued, so that circles end.
pub(crate) struct XmlPlanner<'v> {
    lowering: &'v Lowering<'v, 'v>,
    spaces: Spaces,
    known: HashMap<(Vec<*const Value>, Form), NodeId>,
    asked: Vec<Asked<'v>>,
}

/// Schemas of one value.
#[derive(Clone)]
struct Asked<'v> {
    schemas: Vec<&'v Value>,
    form: Form,
}

/// What stands in an element.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// A value, or the members of an object.
    Value,
    /// The items of a list, with this name where they have none of their own.
    Items(Option<Box<str>>),
}

/// Why a schema has no plan.
pub(crate) type Unplanned = Cow<'static, str>;

const LIST_IN_LIST: Unplanned = Cow::Borrowed("the items of a list are lists without an element of their own");
const NOTHING: Unplanned = Cow::Borrowed("`nodeType: none` stands in what is no list");
const TOO_LARGE: Unplanned = Cow::Borrowed("it is too large");

static ANY: Value = Value::Bool(true);

impl<'v> XmlPlanner<'v> {
    /// How the values of a lowered schema are written; or why that cannot be told.
    pub(crate) fn plan(lowering: &'v Lowering<'v, 'v>, variant: Variant, id: SchemaId) -> Result<XmlPlan, Unplanned> {
        let definition = &lowering.definitions[id];
        let schemas = vec![definition.schema(variant)];
        let mut planner = Self { lowering, spaces: Spaces::default(), known: HashMap::new(), asked: Vec::new() };
        planner.node(vec![&ANY]);
        let said = Said::of(&schemas, lowering);
        let root = planner.names(&said, component(&definition.pointer).or(said.component))?;
        if planner.is_list(&schemas) {
            // A message has one root: a list that is the whole has an element around it, whatever it says.
            planner.list(schemas, root.first().map(|name| name.local.clone()));
        } else if said.is_nothing() {
            return Err(NOTHING);
        } else {
            planner.node(schemas);
        }
        let nodes = planner.nodes()?;
        let is_ambiguous = nodes.iter().any(|node| node.kinds.may_be_several());
        Ok(XmlPlan { spaces: planner.spaces, nodes, root, is_ambiguous })
    }

    /// Everything asked for, and everything that is in it.
    fn nodes(&mut self) -> Result<Vec<Node>, Unplanned> {
        let mut nodes = Vec::new();
        while let Some(asked) = self.asked.get(nodes.len()).cloned() {
            if self.asked.len() > MOST_NODES {
                return Err(TOO_LARGE);
            }
            nodes.push(self.made(asked)?);
        }
        Ok(nodes)
    }

    fn ask(&mut self, schemas: Vec<&'v Value>, form: Form) -> NodeId {
        let key = (schemas.iter().map(|schema| std::ptr::from_ref(*schema)).collect(), form.clone());
        let next = self.asked.len();
        let id = *self.known.entry(key).or_insert(next);
        if id == next {
            self.asked.push(Asked { schemas, form });
        }
        id
    }

    fn node(&mut self, schemas: Vec<&'v Value>) -> NodeId {
        self.ask(schemas, Form::Value)
    }

    /// A list with an element around it, of this name.
    fn list(&mut self, schemas: Vec<&'v Value>, name: Option<Box<str>>) -> NodeId {
        self.ask(schemas, Form::Items(name))
    }

    fn is_list(&self, schemas: &[&Value]) -> bool {
        Kinds::of_all(schemas, self.lowering).is_list()
    }

    /// The names of a value: its own, or the one that it has from where it stands. From 3.2 on, what a reference leads to may also be called
    /// as the component is, and most who write it do not know so.
    fn names(&mut self, said: &Said<'_>, inferred: Option<&str>) -> Result<Vec<Name>, Unplanned> {
        let space = said.namespace.map(|uri| self.spaces.add(uri).ok_or(TOO_LARGE)).transpose()?;
        let component = said.component.filter(|_| self.lowering.version == Version::V32 && inferred != said.component);
        let locals = match said.name {
            Some(own) => [Some(own), None],
            None => [inferred, component],
        };
        Ok(locals.into_iter().flatten().map(|local| Name { space, local: local.into() }).collect())
    }

    fn made(&mut self, Asked { schemas, form }: Asked<'v>) -> Result<Node, Unplanned> {
        let kinds = Kinds::of_all(&schemas, self.lowering);
        let mut parts = Parts::default();
        for schema in &schemas {
            parts.collect(schema, self.lowering, 0);
        }
        let list = match form {
            Form::Items(name) => Some(self.items(&parts, name.as_deref())?),
            Form::Value => None,
        };
        let mut members: Vec<Member> = Vec::new();
        for (property, schemas) in parts.members {
            members.push(self.member(property, schemas, parts.required.contains(&property))?);
        }
        for (at, member) in members.iter().enumerate() {
            if let Some(before) = members[..at].iter().find(|before| before.written.overlaps(&member.written)) {
                return Err(format!("its properties `{}` and `{}` are written in the same way", before.property, member.property).into());
            }
        }
        let others = if parts.others.is_empty() { ANYTHING } else { self.node(parts.others) };
        Ok(Node { kinds, list, members, others })
    }

    fn items(&mut self, parts: &Parts<'v>, name: Option<&str>) -> Result<Items, Unplanned> {
        let mut item = |schemas: Vec<&'v Value>| {
            let said = Said::of(&schemas, self.lowering);
            Ok(Item { names: self.names(&said, name)?, node: self.value(schemas, &said, name)? })
        };
        let first = parts.first.iter().map(|schemas| item(schemas.clone())).collect::<Result<_, Unplanned>>()?;
        let rest = if parts.rest.is_empty() { Item { names: Vec::new(), node: ANYTHING } } else { item(parts.rest.clone())? };
        Ok(Items { first, rest })
    }

    /// What stands in an element that is not a list's own.
    fn value(&mut self, schemas: Vec<&'v Value>, said: &Said<'_>, name: Option<&str>) -> Result<NodeId, Unplanned> {
        match (self.is_list(&schemas), said.is_wrapped()) {
            (true, true) => Ok(self.list(schemas, said.name.or(name).map(Box::from))),
            (true, false) => Err(LIST_IN_LIST),
            (false, _) if said.is_nothing() => Err(NOTHING),
            (false, _) => Ok(self.node(schemas)),
        }
    }

    fn member(&mut self, property: &str, schemas: Vec<&'v Value>, required: bool) -> Result<Member, Unplanned> {
        let said = Said::of(&schemas, self.lowering);
        let is_list = self.is_list(&schemas) && !said.is_wrapped();
        let (written, node) = if said.is_attribute() {
            (WrittenAs::Attribute(self.names(&said, Some(property))?), self.node(schemas))
        } else if said.is_text() {
            (WrittenAs::Text, self.node(schemas))
        } else if is_list {
            self.unwrapped(property, &schemas)?
        } else {
            (WrittenAs::Elements(self.names(&said, Some(property))?), self.value(schemas, &said, Some(property))?)
        };
        Ok(Member { property: property.into(), written, node, is_list, required })
    }

    /// The items of a list without an element of its own: they stand where it would.
    fn unwrapped(&mut self, property: &str, schemas: &[&'v Value]) -> Result<(WrittenAs, NodeId), Unplanned> {
        let mut parts = Parts::default();
        for schema in schemas {
            parts.collect(schema, self.lowering, 0);
        }
        let mut names: Vec<Name> = Vec::new();
        for schema in &parts.items {
            let said = Said::of(&[schema], self.lowering);
            let own = self.names(&said, Some(property))?;
            names.extend(own.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        if parts.items.is_empty() {
            names.push(Name { space: None, local: property.into() });
            return Ok((WrittenAs::Elements(names), ANYTHING));
        }
        let said = Said::of(&parts.items, self.lowering);
        Ok((WrittenAs::Elements(names), self.value(parts.items, &said, Some(property))?))
    }
}

impl WrittenAs {
    fn overlaps(&self, other: &Self) -> bool {
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
    fn overlaps(&self, other: &Self) -> bool {
        self.local == other.local && (self.space == other.space || self.space.is_none() || other.space.is_none())
    }
}
