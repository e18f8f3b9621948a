//! An element read as the value that is meant.

use std::borrow::Cow;

use exchange::JsonLimits;
use xml::{Cursor, Space, Token, XmlError, XmlLimits, is_blank};

use super::plan::{ANYTHING, Item, Items, Member, Name, Node, NodeId, ROOT, WrittenAs, XmlPlan};
use crate::parameter::decoded::Decoded;
use crate::parameter::{Kinds, REPEATED, Reading, grouped};
use crate::violation::{Names, Place, Violation};

/// What is wrong before there is a value, and where.
pub(crate) struct Unread<'a> {
    way: Vec<Step<'a>>,
    keyword: &'static str,
    message: Cow<'static, str>,
}

/// A step into a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl Unread<'_> {
    /// As the contract tells it: names that it does not know are not written.
    pub(crate) fn violation(&self, names: &Names) -> Violation {
        let token = |step: &Step<'_>| match step {
            Step::Member(name) => names.field(name),
            Step::Item(at) => format!("/{at}"),
        };
        Violation::new(Place::Body(self.way.iter().map(token).collect()), self.keyword, self.message.clone())
    }
}

impl XmlPlan {
    /// Reads a body. Every limit of the reader of XML is kept, and of the reader of JSON how deep values may stand in values.
    pub(crate) fn read<'a>(&'a self, text: &'a str, reading: Reading, limits: &JsonLimits) -> Result<Decoded<'a>, Unread<'a>> {
        let limits = XmlLimits { depth: usize::from(limits.depth).min(XmlLimits::default().depth), ..XmlLimits::default() };
        let mut reader = Reader { plan: self, cursor: Cursor::new(text, &self.spaces, limits), reading, way: Vec::new() };
        let value = match reader.token()? {
            Token::Start(space, local) if are(&self.root, space, local, Space::NONE) => reader.element(ROOT, space)?,
            Token::Start(..) => {
                let name = self.root.first().map(|name| &*name.local).unwrap_or_default();
                return Err(reader.unread("xml", format!("has another root than `{name}`, or it is in another namespace")));
            }
            _ => return Err(malformed(XmlError::Malformed)),
        };
        match reader.token()? {
            Token::Over => Ok(value),
            _ => Err(malformed(XmlError::Malformed)),
        }
    }
}

impl Name {
    /// A name without a namespace may be in that of the element around it: so most write what a document says of no namespace.
    fn is(&self, space: Space, local: &str, around: Space) -> bool {
        *self.local == *local && self.space.map_or(space == Space::NONE || space == around, |own| own == space)
    }
}

/// Whether one of these names is that of an element; of none any is.
fn are(names: &[Name], space: Space, local: &str, around: Space) -> bool {
    names.is_empty() || names.iter().any(|name| name.is(space, local, around))
}

impl Node {
    /// The member that an element is; `None` if it is no member, and nothing if it is one that is written otherwise.
    fn element(&self, space: Space, local: &str, around: Space) -> Result<Option<&Member>, ()> {
        let is = |member: &&Member| matches!(&member.written, WrittenAs::Elements(names) if names.iter().any(|name| name.is(space, local, around)));
        self.found(self.members.iter().find(is), local)
    }

    /// The member that an attribute is, likewise.
    fn attribute(&self, space: Space, local: &str) -> Result<Option<&Member>, ()> {
        let is = |member: &&Member| matches!(&member.written, WrittenAs::Attribute(names) if names.iter().any(|name| name.is(space, local, Space::NONE)));
        self.found(self.members.iter().find(is), local)
    }

    fn found<'n>(&'n self, member: Option<&'n Member>, local: &str) -> Result<Option<&'n Member>, ()> {
        let is_disguised = |member: &Member| *member.property == *local || member.written.has(local);
        if member.is_none() && self.members.iter().any(is_disguised) { Err(()) } else { Ok(member) }
    }

    fn text(&self) -> Option<&Member> {
        self.members.iter().find(|member| matches!(member.written, WrittenAs::Text))
    }
}

impl WrittenAs {
    fn has(&self, local: &str) -> bool {
        match self {
            Self::Elements(names) | Self::Attribute(names) => names.iter().any(|name| *name.local == *local),
            Self::Text => false,
        }
    }
}

impl Items {
    fn at(&self, at: usize) -> &Item {
        self.first.get(at).unwrap_or(&self.rest)
    }
}

struct Reader<'a> {
    plan: &'a XmlPlan,
    cursor: Cursor<'a, 'a>,
    reading: Reading,
    /// Where the element that is read stands.
    way: Vec<Step<'a>>,
}

/// What an element has in it.
#[derive(Default)]
struct Content<'a> {
    members: Vec<(&'a str, Decoded<'a>)>,
    items: Vec<Decoded<'a>>,
    text: Cow<'a, str>,
    has_elements: bool,
}

impl<'a> Reader<'a> {
    fn unread(&self, keyword: &'static str, message: impl Into<Cow<'static, str>>) -> Unread<'a> {
        Unread { way: self.way.clone(), keyword, message: message.into() }
    }

    fn token(&mut self) -> Result<Token<'a>, Unread<'a>> {
        self.cursor.token().map_err(malformed)
    }

    /// The value of the element that has just begun, up to its end.
    fn element(&mut self, at: NodeId, space: Space) -> Result<Decoded<'a>, Unread<'a>> {
        let node = &self.plan.nodes[at];
        let is_nil = matches!(self.cursor.attribute(Space::XSI, "nil").map(str::trim), Some("true" | "1"));
        let mut content = Content::default();
        self.attributes(node, &mut content)?;
        loop {
            match self.token()? {
                Token::Start(found, local) => {
                    content.has_elements = true;
                    match &node.list {
                        Some(list) => self.item(list, &mut content, (found, local, space))?,
                        None => self.child(node, &mut content, (found, local, space))?,
                    }
                }
                Token::Text(text) if content.text.is_empty() => content.text = text,
                Token::Text(text) => content.text.to_mut().push_str(&text),
                Token::End => break,
                Token::Over => return Err(malformed(XmlError::Malformed)),
            }
        }
        if is_nil {
            let is_empty = content.members.is_empty() && !content.has_elements && content.text.is_empty();
            return if is_empty { Ok(Decoded::Null) } else { Err(self.unread("xml", "has content, and says that it has none")) };
        }
        self.value(node, content)
    }

    fn attributes(&mut self, node: &'a Node, content: &mut Content<'a>) -> Result<(), Unread<'a>> {
        for attribute in self.cursor.attributes().to_vec() {
            // What XML Schema says about a document is not in it.
            if attribute.space == Space::XSI && matches!(attribute.local, "nil" | "type" | "schemaLocation" | "noNamespaceSchemaLocation") {
                continue;
            }
            let found = node.attribute(attribute.space, attribute.local);
            self.way.push(Step::Member(attribute.local));
            let member = found.map_err(|()| self.unread("xml", "is not written as the contract says"))?;
            self.way.pop();
            let (name, kinds) = match member {
                Some(member) => (&*member.property, self.plan.nodes[member.node].kinds),
                None => (attribute.local, self.plan.nodes[node.others].kinds),
            };
            content.members.push((name, read(kinds, attribute.value, self.reading)));
        }
        Ok(())
    }

    fn item(
        &mut self,
        list: &'a Items,
        content: &mut Content<'a>,
        (found, local, around): (Space, &'a str, Space),
    ) -> Result<(), Unread<'a>> {
        let item = list.at(content.items.len());
        self.way.push(Step::Item(content.items.len()));
        if !are(&item.names, found, local, around) {
            return Err(self.unread("xml", "is not written as the contract says"));
        }
        let value = self.element(item.node, found)?;
        self.way.pop();
        content.items.push(value);
        Ok(())
    }

    fn child(
        &mut self,
        node: &'a Node,
        content: &mut Content<'a>,
        (found, local, around): (Space, &'a str, Space),
    ) -> Result<(), Unread<'a>> {
        let member = node.element(found, local, around);
        self.way.push(Step::Member(local));
        let member = member.map_err(|()| self.unread("xml", "is not written as the contract says"))?;
        let (name, at) = member.map_or((local, node.others), |member| (&*member.property, member.node));
        if let Some(step) = self.way.last_mut() {
            *step = Step::Member(name);
        }
        let value = self.element(at, found)?;
        self.way.pop();
        content.members.push((name, value));
        Ok(())
    }

    fn value(&self, node: &'a Node, content: Content<'a>) -> Result<Decoded<'a>, Unread<'a>> {
        let Content { mut members, items, text, has_elements } = content;
        if node.list.is_some() && members.is_empty() && is_blank(&text) {
            return Ok(Decoded::List(items));
        }
        if let Some(member) = node.text() {
            members.push((&member.property, read(self.plan.nodes[member.node].kinds, text, self.reading)));
        } else if !has_elements && members.is_empty() && !(node.kinds.is_object() && is_blank(&text)) {
            return Ok(read(node.kinds, text, self.reading));
        } else if !is_blank(&text) {
            return Err(self.unread("xml", "has text where only elements may stand"));
        }
        self.record(node, members)
    }

    fn record(&self, node: &'a Node, values: Vec<(&'a str, Decoded<'a>)>) -> Result<Decoded<'a>, Unread<'a>> {
        let mut members = Vec::new();
        for (name, mut list) in grouped(values.into_iter()) {
            let member = node.members.iter().find(|member| *member.property == *name);
            let kinds = self.plan.nodes[member.map_or(node.others, |member| member.node)].kinds;
            let value = match (member.is_some_and(|member| member.is_list), list.len()) {
                (false, 1) => list.remove(0),
                (false, _) if !kinds.has(Kinds::ARRAY) => {
                    let mut unread = self.unread(REPEATED.0, REPEATED.1);
                    unread.way.push(Step::Member(name));
                    return Err(unread);
                }
                _ => Decoded::List(list),
            };
            members.push((Cow::Borrowed(name), value));
        }
        for member in node.members.iter().filter(|member| member.required) {
            let is_there = members.iter().any(|(name, _)| **name == *member.property);
            if let Some(nothing) = self.nothing(member).filter(|_| !is_there) {
                members.push((Cow::Borrowed(&member.property), nothing));
            }
        }
        Ok(Decoded::Record(members))
    }

    /// What a member is that has to be there and leaves no trace: no items, or no value (OpenAPI 3.2.0 §4.25.6).
    fn nothing(&self, member: &Member) -> Option<Decoded<'a>> {
        if member.is_list {
            return Some(Decoded::List(Vec::new()));
        }
        let is_nullable = member.node != ANYTHING && self.plan.nodes[member.node].kinds.has(Kinds::NULL);
        (is_nullable && matches!(member.written, WrittenAs::Attribute(_))).then_some(Decoded::Null)
    }
}

fn malformed<'a>(error: XmlError) -> Unread<'a> {
    Unread { way: Vec::new(), keyword: "encoding", message: format!("is not readable as XML: {error}").into() }
}

/// White space around what is no text is nothing (XML Schema 1.1 part 2 §4.3.6).
fn read(kinds: Kinds, text: Cow<'_, str>, reading: Reading) -> Decoded<'_> {
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    if trimmed.len() == text.len() {
        return kinds.read(text, reading);
    }
    match kinds.read(Cow::Owned(trimmed.to_owned()), reading) {
        Decoded::Text(_) => Decoded::Text(text),
        value => value,
    }
}
