//! An element read as the value that is meant.

use std::borrow::Cow;
use std::collections::HashMap;

use exchange::JsonLimits;
use xml::{Cursor, Space, Token, XmlError, XmlLimits, is_blank, trim};

use super::graph::{Absent, Content, Items, Member, Node, NodeId, Start, WrittenAs, XmlGraph, XmlRoot, are};
use crate::broken::Broken;
use crate::names::Names;
use crate::parameter::decoded::Decoded;
use crate::parameter::{Kinds, Reading, grouped};
use crate::violation::{Place, Violation};

/// What is wrong before there is a value, and where.
pub(crate) struct Unread<'a> {
    way: Vec<Step<'a>>,
    what: Broken,
}

/// A step into a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl Unread<'_> {
    /// What no reader of XML takes.
    pub(crate) fn malformed(error: XmlError) -> Self {
        Self { way: Vec::new(), what: Broken::saying("encoding", format!("is not readable as XML: {error}")) }
    }

    /// As the contract tells it: names that it does not know are not written.
    pub(crate) fn violation(self, names: &Names) -> Violation {
        let token = |step: &Step<'_>| match step {
            Step::Member(name) => names.field(name),
            Step::Item(at) => format!("/{at}"),
        };
        self.what.at(Place::Body(self.way.iter().map(token).collect()))
    }
}

impl XmlGraph {
    /// Reads a body. Every limit of the reader of XML is kept, and of the reader of JSON how deep values may stand in values.
    pub(crate) fn read<'a>(
        &'a self,
        root: &'a XmlRoot,
        text: &'a str,
        reading: Reading,
        limits: &JsonLimits,
    ) -> Result<Decoded<'a>, Unread<'a>> {
        let limits = XmlLimits { depth: usize::from(limits.depth).min(XmlLimits::default().depth), ..XmlLimits::default() };
        let mut reader = Reader { graph: self, cursor: Cursor::new(text, &self.spaces, limits), reading, way: Vec::new() };
        let value = match reader.token()? {
            Token::Start(space, local) if are(&root.names, Start { space, local, around: Space::NONE }) => {
                reader.element(root.node, space)?
            }
            Token::Start(..) => {
                let name = root.names.first().map(|name| &*name.local).unwrap_or_default();
                return Err(reader.unread(Broken::saying("xml", format!("has another root than `{name}`, or it is in another namespace"))));
            }
            _ => return Err(Unread::malformed(XmlError::Malformed)),
        };
        match reader.token()? {
            Token::Over => Ok(value),
            _ => Err(Unread::malformed(XmlError::Malformed)),
        }
    }
}

/// That a name is a member's which is written otherwise.
struct Disguised;

impl Node {
    /// The members that a name may be of.
    fn named(&self, name: &str) -> impl Iterator<Item = &Member> {
        self.by_name.get(name).into_iter().flatten().map(|at| &self.members[*at])
    }

    fn property(&self, name: &str) -> Option<&Member> {
        self.named(name).find(|member| *member.property == *name)
    }

    /// The member that an element is; `None` if it is none.
    fn element(&self, start: Start<'_>) -> Option<&Member> {
        let is = |member: &&Member| matches!(&member.written, WrittenAs::Elements(names) if names.iter().any(|name| name.is(start)));
        self.named(start.local).find(is)
    }

    /// The member that an attribute is; `None` if it is none.
    fn attribute(&self, space: Space, local: &str) -> Option<&Member> {
        let start = Start { space, local, around: Space::NONE };
        let is = |member: &&Member| matches!(&member.written, WrittenAs::Attribute(names) if names.iter().any(|name| name.is(start)));
        self.named(local).find(is)
    }

    /// How what is no member is called; an error if a member is called so, which is then written otherwise.
    fn other<'n>(&self, local: &'n str) -> Result<&'n str, Disguised> {
        if self.by_name.contains_key(local) { Err(Disguised) } else { Ok(local) }
    }
}

/// What XML Schema says about a document is not in it.
fn is_about(space: Space, local: &str) -> bool {
    space == Space::XSI && matches!(local, "nil" | "type" | "schemaLocation" | "noNamespaceSchemaLocation")
}

struct Reader<'a> {
    graph: &'a XmlGraph,
    cursor: Cursor<'a, 'a>,
    reading: Reading,
    /// Where the element that is read stands.
    way: Vec<Step<'a>>,
}

/// What an element was found to have in it.
#[derive(Default)]
struct Found<'a> {
    members: Vec<(&'a str, Decoded<'a>)>,
    /// How many elements of each list came before.
    counts: HashMap<&'a str, usize>,
    items: Vec<Decoded<'a>>,
    text: Cow<'a, str>,
    /// Whether elements came, whether text came before one, and whether more came behind it.
    has_elements: bool,
    has_text_before: bool,
    is_mixed: bool,
}

impl<'a> Found<'a> {
    fn add_text(&mut self, text: Cow<'a, str>) {
        self.is_mixed |= self.has_text_before && !is_blank(&text);
        if self.text.is_empty() {
            self.text = text;
        } else {
            self.text.to_mut().push_str(&text);
        }
    }
}

impl<'a> Reader<'a> {
    fn unread(&self, what: Broken) -> Unread<'a> {
        Unread { way: self.way.clone(), what }
    }

    /// Likewise, of a member of the element that is read.
    fn unread_at(&self, member: &'a str, what: Broken) -> Unread<'a> {
        let mut unread = self.unread(what);
        unread.way.push(Step::Member(member));
        unread
    }

    fn token(&mut self) -> Result<Token<'a>, Unread<'a>> {
        self.cursor.token().map_err(Unread::malformed)
    }

    /// The value of the element that has just begun, up to its end.
    fn element(&mut self, at: NodeId, space: Space) -> Result<Decoded<'a>, Unread<'a>> {
        let node = &self.graph.nodes[at];
        let is_nil = matches!(self.cursor.attribute(Space::XSI, "nil").map(str::trim), Some("true" | "1"));
        let mut found = Found::default();
        self.attributes(node, &mut found)?;
        loop {
            match self.token()? {
                Token::Start(own, local) => {
                    match &node.list {
                        Some(list) => self.item(list, &mut found, Start { space: own, local, around: space })?,
                        None => self.child(node, &mut found, Start { space: own, local, around: space })?,
                    }
                    found.has_elements = true;
                    found.has_text_before |= !is_blank(&found.text);
                }
                Token::Text(text) => found.add_text(text),
                Token::End => break,
                Token::Over => return Err(Unread::malformed(XmlError::Malformed)),
            }
        }
        if is_nil {
            let is_empty = found.members.is_empty() && !found.has_elements && found.text.is_empty();
            return if is_empty {
                Ok(Decoded::Null)
            } else {
                Err(self.unread(Broken::new("xml", "has content, and says that it has none")))
            };
        }
        self.value(node, found)
    }

    fn attributes(&mut self, node: &'a Node, found: &mut Found<'a>) -> Result<(), Unread<'a>> {
        for attribute in self.cursor.take_attributes() {
            let member = node.attribute(attribute.space, attribute.local);
            if member.is_none() && is_about(attribute.space, attribute.local) {
                continue;
            }
            let (name, content) = self.called(node, member, attribute.local)?;
            found.members.push((name, read(self.kinds(content), attribute.value, self.reading)));
        }
        Ok(())
    }

    /// The name of a value in an element, and what it is.
    fn called(&mut self, node: &'a Node, member: Option<&'a Member>, local: &'a str) -> Result<(&'a str, &'a Content), Unread<'a>> {
        match member {
            Some(member) => Ok((&*member.property, &member.content)),
            None => node.other(local).map(|name| (name, &node.others)).map_err(|Disguised| self.unread_at(local, Broken::OTHERWISE)),
        }
    }

    /// What a text that is all of a member may be: one that is a list elsewhere is none there.
    fn kinds(&self, content: &Content) -> Kinds {
        match content {
            Content::One(at) => self.graph.nodes[*at].kinds,
            Content::Each(_) => Kinds::STRING,
        }
    }

    /// An element that is an item of the list that the element around it is.
    fn item(&mut self, list: &'a Items, found: &mut Found<'a>, start: Start<'a>) -> Result<(), Unread<'a>> {
        let item = list.at(found.items.len());
        self.way.push(Step::Item(found.items.len()));
        if !are(&item.names, start) {
            return Err(self.unread(Broken::OTHERWISE));
        }
        let value = self.element(item.node, start.space)?;
        self.way.pop();
        found.items.push(value);
        Ok(())
    }

    /// An element that is a member of the object that the element around it is, or an item of a member.
    fn child(&mut self, node: &'a Node, found: &mut Found<'a>, start: Start<'a>) -> Result<(), Unread<'a>> {
        let depth = self.way.len();
        let member = node.element(start);
        let (name, content) = self.called(node, member, start.local)?;
        self.way.push(Step::Member(name));
        let at = match content {
            Content::One(at) => *at,
            Content::Each(items) => {
                let count = found.counts.entry(name).or_default();
                let item = items.at(*count);
                self.way.push(Step::Item(*count));
                *count += 1;
                if member.is_some() && !are(&item.names, start) {
                    return Err(self.unread(Broken::OTHERWISE));
                }
                item.node
            }
        };
        let value = self.element(at, start.space)?;
        self.way.truncate(depth);
        found.members.push((name, value));
        Ok(())
    }

    fn value(&self, node: &'a Node, found: Found<'a>) -> Result<Decoded<'a>, Unread<'a>> {
        let Found { mut members, items, text, has_elements, is_mixed, .. } = found;
        if node.list.is_some() {
            let is_list = members.is_empty() && is_blank(&text);
            return if is_list {
                Ok(Decoded::List(items))
            } else {
                Err(self.unread(Broken::new("xml", "has more in it than the items of a list")))
            };
        }
        if let Some(member) = node.text.map(|at| &node.members[at]) {
            if is_mixed {
                return Err(self.unread(Broken::new("xml", "has text on both sides of an element")));
            }
            members.push((&member.property, read(self.kinds(&member.content), text, self.reading)));
        } else if !has_elements && members.is_empty() && !(node.kinds.is_object() && is_blank(&text)) {
            return Ok(read(node.kinds, text, self.reading));
        } else if !is_blank(&text) {
            return Err(self.unread(Broken::new("xml", "has text where only elements may stand")));
        }
        self.record(node, members)
    }

    fn record(&self, node: &'a Node, values: Vec<(&'a str, Decoded<'a>)>) -> Result<Decoded<'a>, Unread<'a>> {
        let mut members = Vec::new();
        for (name, mut list) in grouped(values.into_iter()) {
            let content = node.property(name).map_or(&node.others, |member| &member.content);
            let value = match content {
                Content::Each(_) => Decoded::List(list),
                Content::One(_) if list.len() == 1 => list.remove(0),
                Content::One(at) if self.graph.nodes[*at].may_repeat => Decoded::List(list),
                Content::One(_) => return Err(self.unread_at(name, Broken::REPEATED)),
            };
            members.push((Cow::Borrowed(name), value));
        }
        for member in &node.members {
            let Some(absent) = member.absent else { continue };
            if members.iter().all(|(name, _)| **name != *member.property) {
                members.push((Cow::Borrowed(&member.property), absent.value()));
            }
        }
        Ok(Decoded::Record(members))
    }
}

impl Absent {
    fn value(self) -> Decoded<'static> {
        match self {
            Self::Empty => Decoded::List(Vec::new()),
            Self::Null => Decoded::Null,
        }
    }
}

/// White space around what is no text is nothing (XML Schema 1.1 part 2 §4.3.6).
fn read(kinds: Kinds, text: Cow<'_, str>, reading: Reading) -> Decoded<'_> {
    let trimmed = trim(&text);
    if trimmed.len() == text.len() {
        return kinds.read(text, reading);
    }
    match kinds.read(Cow::Owned(trimmed.to_owned()), reading) {
        Decoded::Text(_) => Decoded::Text(text),
        value => value,
    }
}
