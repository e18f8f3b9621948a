//! How the values of a schema are written as XML, settled at load.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;
use xml::Spaces;

use super::graph::{Absent, Content, Item, Items, Member, Name, Node, NodeId, WrittenAs, XmlGraph, XmlRoot};
use super::said::{Said, component};
use crate::definitions::SchemaId;
use crate::lower::Variant;
use crate::parameter::{Kinds, Parts, Spoken, View};
use crate::version::Version;

/// The most that is made of the schemas of one document: nodes, and schemas that are looked at together for them.
const MOST: usize = 1 << 20;

/// Makes the graph of a document. What is asked for is queued, so that circles end.
#[derive(Default)]
pub(crate) struct XmlPlanner<'v> {
    spaces: Spaces,
    known: HashMap<Asked<'v>, NodeId>,
    asked: Vec<Asked<'v>>,
    made: Vec<Result<Node, Unplanned>>,
    size: usize,
}

/// Schemas of one value, each told from others by where it lies in memory.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked<'v> {
    variant: Variant,
    schemas: Vec<ByPlace<'v>>,
    form: Form,
}

/// A schema as the one that it is: two that say the same may say more in what they refer to.
#[derive(Clone, Copy)]
struct ByPlace<'v>(Spoken<'v>);

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

/// How many references may lead to each other; the loader has seen that they end.
const MOST_HOPS: usize = 32;

const LIST_IN_LIST: Unplanned = Cow::Borrowed("the items of a list are lists without an element of their own");
const LIST_AS_ATTRIBUTE: Unplanned = Cow::Borrowed("a list or an object is written as an attribute");
const NOTHING: Unplanned = Cow::Borrowed("`nodeType: none` stands in what is no list");
const DYNAMIC: Unplanned = Cow::Borrowed("what a `$dynamicRef` leads to is known only with the value");
const TOO_LARGE: Unplanned = Cow::Borrowed("its schemas lead to each other in too many ways");

/// Keywords that speak of lists, or of nothing.
const MAY_BE_OF_LISTS: [&str; 4] = ["xml", "$ref", "allOf", "enum"];

static ANY: Value = Value::Bool(true);

impl<'v> XmlPlanner<'v> {
    /// How the values of a lowered schema are written; or why that cannot be told.
    pub(crate) fn plan(&mut self, view: View<'v>, id: SchemaId) -> Result<XmlRoot, Unplanned> {
        let schemas = vec![Spoken::alone(view.schema(id))];
        let said = Said::of(&schemas, view);
        let names = self.names(view, &said, component(&view.lowering.definitions[id].pointer).or(said.component))?;
        let node = if is_list(view, &schemas) {
            // A message has one root: a list that is the whole has an element around it, whatever it says.
            self.list(view, schemas, names.first().map(|name| name.local.clone()))
        } else if said.is_nothing() {
            return Err(NOTHING);
        } else {
            self.node(view, schemas)
        };
        self.make(view)?;
        self.check_planned(node)?;
        Ok(XmlRoot { node, names })
    }

    /// The graph, once all is planned. What could not be is led to by nothing.
    pub(crate) fn finish(self) -> XmlGraph {
        let nothing = || Node {
            kinds: Kinds::NONE,
            may_repeat: false,
            list: None,
            members: Vec::new(),
            text: None,
            by_name: HashMap::new(),
            others: Content::One(0),
        };
        XmlGraph { spaces: self.spaces, nodes: self.made.into_iter().map(|node| node.unwrap_or_else(|_| nothing())).collect() }
    }

    /// Everything asked for, and everything that is in it.
    fn make(&mut self, view: View<'v>) -> Result<(), Unplanned> {
        while let Some(asked) = self.asked.get(self.made.len()).cloned() {
            if self.size > MOST {
                return Err(TOO_LARGE);
            }
            let made = self.made(View { variant: asked.variant, ..view }, asked);
            self.made.push(made);
        }
        Ok(())
    }

    /// Why not all that a node leads to is planned, if it is not.
    fn check_planned(&self, root: NodeId) -> Result<(), Unplanned> {
        let (mut seen, mut open) = (HashSet::new(), vec![root]);
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                let node = self.made.get(at).ok_or(TOO_LARGE)?.as_ref().map_err(Clone::clone)?;
                open.extend(node.leads_to());
            }
        }
        Ok(())
    }

    fn ask(&mut self, view: View<'v>, schemas: Vec<Spoken<'v>>, form: Form) -> NodeId {
        let led = schemas.into_iter().map(|spoken| ByPlace(Spoken { schema: led(spoken.schema, view), ..spoken }));
        let asked = Asked { variant: view.variant, schemas: led.collect(), form };
        let next = self.asked.len();
        let id = *self.known.entry(asked.clone()).or_insert(next);
        if id == next {
            self.size += 1 + asked.schemas.len();
            self.asked.push(asked);
        }
        id
    }

    fn node(&mut self, view: View<'v>, schemas: Vec<Spoken<'v>>) -> NodeId {
        self.ask(view, schemas, Form::Value)
    }

    /// A list with an element around it, of this name.
    fn list(&mut self, view: View<'v>, schemas: Vec<Spoken<'v>>, name: Option<Box<str>>) -> NodeId {
        self.ask(view, schemas, Form::Items(name))
    }

    fn anything(&mut self, view: View<'v>) -> NodeId {
        self.node(view, vec![Spoken::alone(&ANY)])
    }

    /// The names of a value: its own, or the one that it has from where it stands. From 3.2 on, what a reference leads to may also be called
    /// as the component is, and most who write it do not know so.
    fn names(&mut self, view: View<'_>, said: &Said<'_>, inferred: Option<&str>) -> Result<Vec<Name>, Unplanned> {
        let space = said.namespace.map(|uri| self.spaces.add(uri).ok_or(TOO_LARGE)).transpose()?;
        let component = said.component.filter(|_| view.lowering.version == Version::V32 && inferred != said.component);
        let locals = match said.name {
            Some(own) => [Some(own), None],
            None => [inferred, component],
        };
        Ok(locals.into_iter().flatten().map(|local| Name { space, local: local.into() }).collect())
    }

    fn made(&mut self, view: View<'v>, Asked { schemas, form, .. }: Asked<'v>) -> Result<Node, Unplanned> {
        let schemas: Vec<Spoken<'_>> = schemas.into_iter().map(|schema| schema.0).collect();
        if schemas.iter().any(|spoken| spoken.schema.get("$dynamicRef").is_some()) {
            return Err(DYNAMIC);
        }
        let kinds = Kinds::of_all(&schemas, view);
        let parts = Parts::of(&schemas, view);
        let list = match form {
            Form::Items(name) => Some(self.items(view, &parts, name.as_deref())?),
            Form::Value => None,
        };
        let mut members: Vec<Member> = Vec::new();
        for (property, schemas) in parts.members {
            members.push(self.member(view, property, schemas, parts.required.contains(&property))?);
        }
        tell_apart(&mut members)?;
        let others = if parts.others.is_empty() { Content::One(self.anything(view)) } else { self.content(view, parts.others, None)?.1 };
        let may_repeat = kinds.has(Kinds::ARRAY) && (!kinds.is_all() || schemas.iter().all(|spoken| may_be_of_lists(spoken.schema)));
        let by_name = by_name(&members);
        let text = members.iter().position(|member| matches!(member.written, WrittenAs::Text));
        Ok(Node { kinds, may_repeat, list, members, text, by_name, others })
    }

    fn items(&mut self, view: View<'v>, parts: &Parts<'v>, name: Option<&str>) -> Result<Items, Unplanned> {
        let item = |planner: &mut Self, schemas: Vec<Spoken<'v>>| {
            let said = Said::of(&schemas, view);
            Ok(Item { names: planner.names(view, &said, name)?, node: planner.value(view, schemas, &said, name)? })
        };
        let first = parts.first.iter().map(|schemas| item(self, schemas.clone())).collect::<Result<_, Unplanned>>()?;
        let rest =
            if parts.rest.is_empty() { Item { names: Vec::new(), node: self.anything(view) } } else { item(self, parts.rest.clone())? };
        Ok(Items { first, rest })
    }

    /// What stands in an element that is not a list's own.
    fn value(&mut self, view: View<'v>, schemas: Vec<Spoken<'v>>, said: &Said<'_>, name: Option<&str>) -> Result<NodeId, Unplanned> {
        match (is_list(view, &schemas), said.is_wrapped()) {
            (true, true) => Ok(self.list(view, schemas, said.name.or(name).map(Box::from))),
            (true, false) => Err(LIST_IN_LIST),
            (false, _) if said.is_nothing() => Err(NOTHING),
            (false, _) => Ok(self.node(view, schemas)),
        }
    }

    fn member(&mut self, view: View<'v>, property: &str, schemas: Vec<Spoken<'v>>, required: bool) -> Result<Member, Unplanned> {
        let said = Said::of(&schemas, view);
        let kinds = Kinds::of_all(&schemas, view);
        let (written, content) = if said.is_attribute() || said.is_text() {
            if kinds.is_list() || kinds.is_object() {
                return Err(LIST_AS_ATTRIBUTE);
            }
            let names = self.names(view, &said, Some(property))?;
            let written = if said.is_text() { WrittenAs::Text } else { WrittenAs::Attribute(names) };
            (written, Content::One(self.node(view, schemas)))
        } else {
            let (names, content) = self.content(view, schemas, Some(property))?;
            (WrittenAs::Elements(names), content)
        };
        let absent = match (&written, &content) {
            (_, Content::Each(_)) => Some(Absent::Empty),
            (WrittenAs::Attribute(_), _) if kinds.has(Kinds::NULL) && !kinds.is_all() => Some(Absent::Null),
            _ => None,
        };
        Ok(Member { property: property.into(), written, content, absent: absent.filter(|_| required) })
    }

    /// What elements of a name, or of any name, are, and the names that they may have.
    fn content(&mut self, view: View<'v>, schemas: Vec<Spoken<'v>>, name: Option<&str>) -> Result<(Vec<Name>, Content), Unplanned> {
        let said = Said::of(&schemas, view);
        if !is_list(view, &schemas) || said.is_wrapped() {
            return Ok((self.names(view, &said, name)?, Content::One(self.value(view, schemas, &said, name)?)));
        }
        let items = self.items(view, &Parts::of(&schemas, view), name)?;
        let names = name.map(|name| all_names(&items, name)).unwrap_or_default();
        Ok((names, Content::Each(items)))
    }
}

fn is_list(view: View<'_>, schemas: &[Spoken<'_>]) -> bool {
    Kinds::of_all(schemas, view).is_list()
}

/// The schema that one which is nothing but a reference leads to: what many refer to is planned once.
fn led<'v>(mut schema: &'v Value, view: View<'v>) -> &'v Value {
    for _ in 0..MOST_HOPS {
        let alone = schema.as_object().filter(|keywords| keywords.len() == 1).and_then(View::target);
        let Some(id) = alone else { break };
        schema = view.schema(id);
    }
    schema
}

/// Whether a schema without a type says nothing that only a single value could break.
fn may_be_of_lists(schema: &Value) -> bool {
    schema.as_object().is_none_or(|keywords| keywords.keys().all(|keyword| MAY_BE_OF_LISTS.contains(&keyword.as_str())))
}

/// No two members are written in the same way. The name of a component gives way to whatever else has it.
fn tell_apart(members: &mut [Member]) -> Result<(), Unplanned> {
    let mut count: HashMap<Box<str>, usize> = HashMap::new();
    for member in &*members {
        let locals: HashSet<&str> = member.written.names().iter().map(|name| &*name.local).collect();
        for local in locals {
            *count.entry(local.into()).or_default() += 1;
        }
    }
    let keep = |names: &mut Vec<Name>| {
        let mut is_first = true;
        names.retain(|name| std::mem::take(&mut is_first) || count.get(&name.local).is_none_or(|count| *count < 2));
    };
    for member in &mut *members {
        match (&mut member.written, &mut member.content) {
            (WrittenAs::Elements(names), Content::One(_)) => keep(names),
            (WrittenAs::Elements(names), Content::Each(items)) => {
                items.first.iter_mut().chain([&mut items.rest]).for_each(|item| keep(&mut item.names));
                *names = all_names(items, &member.property);
            }
            _ => {}
        }
    }
    for (at, member) in members.iter().enumerate() {
        if let Some(before) = members[..at].iter().find(|before| before.written.overlaps(&member.written)) {
            return Err(format!("its properties `{}` and `{}` are written in the same way", before.property, member.property).into());
        }
    }
    Ok(())
}

/// The names that elements of a list may have, whichever of its items they are.
fn all_names(items: &Items, property: &str) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for own in items.all().flat_map(|item| &item.names) {
        if !names.contains(own) {
            names.push(own.clone());
        }
    }
    if names.is_empty() {
        names.push(Name { space: None, local: property.into() });
    }
    names
}

/// The members by all names that they might be taken for.
fn by_name(members: &[Member]) -> HashMap<Box<str>, Vec<usize>> {
    let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::new();
    for (at, member) in members.iter().enumerate() {
        for name in member.written.names().iter().map(|name| &name.local).chain([&member.property]) {
            let found = by_name.entry(name.clone()).or_default();
            if !found.contains(&at) {
                found.push(at);
            }
        }
    }
    by_name
}

impl PartialEq for ByPlace<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0.schema, other.0.schema) && self.0.is_branch == other.0.is_branch
    }
}

impl Eq for ByPlace<'_> {}

impl std::hash::Hash for ByPlace<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (std::ptr::from_ref(self.0.schema), self.0.is_branch).hash(state);
    }
}
