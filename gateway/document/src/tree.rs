use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Map;

use crate::{Fault, Faults, Place, Position, escaped, table, unescaped};

/// A document read whole: its file name and its outermost value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The outermost value.
    pub root: Node,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it begins.
    pub position: Position,
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Anything written on its own.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the document; no key twice.
    Mapping(Vec<(Key, Node)>),
    /// A value that stands in a file of its own: a table.
    Elsewhere(Arc<Tree>),
}

/// A value written on its own, typed by YAML's core schema (YAML 1.2.2 §10.3.2). Numbers keep their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A plain number, as written.
    Number(String),
    /// Any other plain text, and every quoted one.
    String(String),
}

/// The key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text; a plain number such as `200` is a key too.
    pub text: String,
    /// Where it begins.
    pub position: Position,
}

/// How much a document may grow by expanding its aliases, in values: the answer to a "billion laughs" in YAML.
const MOST_VALUES: usize = 4_000_000;

impl Tree {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let (file, text) = text_of(path)?;
        Self::parse(&file, &text)
    }

    /// Reads a file whose other faults are worth finding too: a key that stands twice is reported, and its first value kept.
    /// The faults are errors, so whatever is made of the tree must not be used.
    pub fn read_on(path: &Path, faults: &mut Faults) -> Option<Self> {
        let read = text_of(path).and_then(|(file, text)| Self::build(&file, &text));
        let (tree, repeated) = faults.keep(read)?;
        faults.extend(repeated);
        Some(tree)
    }

    /// Reads a text; `file` is what faults will name.
    pub fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        let (tree, repeated) = Self::build(file, text)?;
        repeated.into_iter().next().map_or(Ok(tree), Err)
    }

    /// The tree, and the keys that stand twice.
    fn build(file: &str, text: &str) -> Result<(Self, Vec<Fault>), Fault> {
        let file: Arc<str> = file.into();
        let mut builder = Builder { file: &file, anchors: HashMap::new(), values: 0, repeated: Vec::new() };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut events = Parser::new_from_str(text);
        let root = builder.document(&mut events)?;
        let repeated = builder.repeated;
        Ok((Self { file, root }, repeated))
    }

    /// Where a JSON pointer leads: the one index from pointer to line and column. The longest part of the pointer that
    /// exists decides, so that a missing member is reported where it should have stood.
    pub fn locate(&self, pointer: &str) -> Place {
        let mut node = &self.root;
        let mut position = node.position;
        for token in pointer.split('/').skip(1) {
            let name = unescaped(token);
            match node.step(&name) {
                Some((at, child)) => (position, node) = (at, child),
                None => break,
            }
        }
        Place::at(&self.file, position)
    }

    /// The place of a node of this tree.
    pub fn place(&self, node: &Node) -> Place {
        Place::at(&self.file, node.position)
    }
}

impl Node {
    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.pairs().iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// One step of a JSON pointer: the child and where its key (or itself, in a list) begins.
    fn step(&self, name: &str) -> Option<(Position, &Node)> {
        match &self.value {
            Value::Mapping(pairs) => pairs.iter().find(|(key, _)| key.text == name).map(|(key, node)| (key.position, node)),
            Value::Sequence(items) => name.parse().ok().and_then(|at: usize| items.get(at)).map(|node| (node.position, node)),
            Value::Elsewhere(tree) => tree.root.step(name),
            Value::Scalar(_) => None,
        }
    }

    /// The value that a JSON pointer leads to.
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').skip(1).try_fold(self, |node, token| {
            let name = unescaped(token);
            node.step(&name).map(|(_, child)| child)
        })
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The pairs of a mapping.
    pub fn pairs(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Mapping(pairs) => pairs,
            Value::Elsewhere(tree) => tree.root.pairs(),
            _ => &[],
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Elsewhere(tree) => tree.root.items(),
            _ => &[],
        }
    }

    /// What a user would call this kind of value.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(Scalar::Null) => "nothing",
            Value::Scalar(Scalar::Bool(_)) => "true or false",
            Value::Scalar(Scalar::Number(_)) => "a number",
            Value::Scalar(Scalar::String(_)) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Elsewhere(tree) => tree.root.kind(),
        }
    }

    /// The same value as serde's tree. A number that no float holds becomes its text.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar(Scalar::Null) => serde_json::Value::Null,
            Value::Scalar(Scalar::Bool(value)) => (*value).into(),
            Value::Scalar(Scalar::Number(text)) => serde_json::from_str(&as_json(text)).unwrap_or_else(|_| text.clone().into()),
            Value::Scalar(Scalar::String(text)) => text.clone().into(),
            Value::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Value::Mapping(pairs) => pairs.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect::<Map<_, _>>().into(),
            Value::Elsewhere(tree) => tree.root.to_json(),
        }
    }

    /// Tells every number in it, with the pointer to it.
    pub fn each_number(&self, each: &mut dyn FnMut(&str, &str)) {
        self.numbers(&mut String::new(), each);
    }

    fn numbers(&self, at: &mut String, each: &mut dyn FnMut(&str, &str)) {
        let length = at.len();
        match &self.value {
            Value::Scalar(Scalar::Number(text)) => each(at, text),
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                for (n, item) in items.iter().enumerate() {
                    at.push_str(&format!("/{n}"));
                    item.numbers(at, each);
                    at.truncate(length);
                }
            }
            Value::Mapping(pairs) => {
                for (key, node) in pairs {
                    at.push('/');
                    at.push_str(&escaped(&key.text));
                    node.numbers(at, each);
                    at.truncate(length);
                }
            }
            Value::Elsewhere(tree) => tree.root.numbers(at, each),
        }
    }

    /// Puts tables in the place of mappings whose only key is `csv`: the path of a file, relative to the one that names it. Faults
    /// are reported, and then nothing stands there.
    pub fn read_tables(&mut self, file: &Arc<str>, faults: &mut Faults) {
        match &mut self.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.read_tables(file, faults)),
            Value::Mapping(pairs) => match pairs.as_slice() {
                [(key, path)] if key.text == "csv" => {
                    let Some(text) = path.as_str() else {
                        return faults.push(Fault::error(Place::at(file, path.position), "`csv` should be the path of a table"));
                    };
                    let target = Path::new(&**file).parent().unwrap_or(Path::new("")).join(text);
                    let nothing = Value::Scalar(Scalar::Null);
                    self.value = table::read(&target, faults).map_or(nothing, |tree| Value::Elsewhere(Arc::new(tree)));
                }
                _ => pairs.iter_mut().for_each(|(_, node)| node.read_tables(file, faults)),
            },
            Value::Scalar(_) | Value::Elsewhere(_) => {}
        }
    }

    fn count(&self) -> usize {
        1 + self.items().iter().map(Node::count).sum::<usize>() + self.pairs().iter().map(|(_, node)| node.count()).sum::<usize>()
    }
}

struct Builder<'a> {
    file: &'a Arc<str>,
    anchors: HashMap<usize, Node>,
    values: usize,
    /// The keys that stand twice.
    repeated: Vec<Fault>,
}

pub(crate) fn text_of(path: &Path) -> Result<(String, String), Fault> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Fault::unreadable(Place::file(&file), "the file", &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((file, text)),
        Err(_) => Err(Fault::error(Place::file(&file), "the file is not UTF-8")),
    }
}

type Events<'t> = Parser<'t, granit_parser::StrInput<'t>>;

impl Builder<'_> {
    fn fault(&self, span: Span, message: impl Into<String>) -> Fault {
        Fault::error(Place::at(self.file, position(span)), message)
    }

    fn next<'t>(&self, events: &mut Events<'t>) -> Result<(Event<'t>, Span), Fault> {
        match events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let mark = error.marker();
                let place = Place::at(self.file, Position { line: mark.line() as u32, column: mark.col() as u32 + 1 });
                Err(Fault::error(place, format!("not readable as YAML: {}", error.info())))
            }
            None => Err(Fault::error(Place::file(self.file), "the document ends too early")),
        }
    }

    fn document(&mut self, events: &mut Events<'_>) -> Result<Node, Fault> {
        loop {
            let (event, span) = self.next(events)?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd => return Err(Fault::error(Place::file(self.file), "the document is empty")),
                other => {
                    let root = self.node(other, span, events)?;
                    self.end(events)?;
                    return Ok(root);
                }
            }
        }
    }

    fn end(&self, events: &mut Events<'_>) -> Result<(), Fault> {
        loop {
            match self.next(events)? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => return Err(self.fault(span, "a second document begins here").hint("keep one document in one file")),
            }
        }
    }

    fn node<'t>(&mut self, event: Event<'t>, span: Span, events: &mut Events<'t>) -> Result<Node, Fault> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(self.fault(span, format!("more than {MOST_VALUES} values, aliases expanded")));
        }
        let position = position(span);
        let (value, anchor) = match event {
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned().ok_or_else(|| self.fault(span, "this alias names a value that contains it"))?;
                self.values += node.count();
                return Ok(Node { position, ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.to_string());
                (Value::Scalar(scalar(&text, style, tag.as_deref())), anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(events)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(events)?, anchor),
            _ => return Err(self.fault(span, "not readable as YAML: a value is missing here")),
        };
        let node = Node { value, position };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, events: &mut Events<'_>) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next(events)? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, span) => items.push(self.node(event, span, events)?),
            }
        }
    }

    fn mapping(&mut self, events: &mut Events<'_>) -> Result<Value, Fault> {
        let mut pairs: Vec<(Key, Node)> = Vec::new();
        let mut seen: HashMap<String, Position> = HashMap::new();
        loop {
            let (event, span) = self.next(events)?;
            if event == Event::MappingEnd {
                return Ok(Value::Mapping(pairs));
            }
            let Event::Scalar(text, ..) = event else {
                return Err(self.fault(span, "only text can be a key here"));
            };
            let key = Key { text: text.into_owned(), position: position(span) };
            let first = seen.get(&key.text).copied();
            if let Some(first) = first {
                let fault = self.fault(span, format!("the key `{}` stands twice", key.text));
                self.repeated.push(fault.hint(format!("it stands first in line {}", first.line)));
            } else {
                seen.insert(key.text.clone(), key.position);
            }
            let (event, span) = self.next(events)?;
            let node = self.node(event, span, events)?;
            if first.is_some() {
                continue;
            }
            if key.text == "<<" && is_merged(&node) {
                merge(node, &seen, &mut pairs);
                continue;
            }
            pairs.retain(|(merged, _)| merged.text != key.text);
            pairs.push((key, node));
        }
    }
}

/// Whether what stands behind `<<` is a mapping or a list of them.
fn is_merged(node: &Node) -> bool {
    let is_mapping = |node: &Node| matches!(node.value, Value::Mapping(_));
    is_mapping(node) || (!node.items().is_empty() && node.items().iter().all(is_mapping))
}

/// YAML 1.1's merge key, which published OpenAPI documents use: explicit keys win, and of several mappings the earlier.
fn merge(node: Node, explicit: &HashMap<String, Position>, pairs: &mut Vec<(Key, Node)>) {
    let mappings = match node.value {
        Value::Sequence(items) => items,
        _ => vec![node],
    };
    let mut known: HashSet<String> = pairs.iter().map(|(key, _)| key.text.clone()).collect();
    for mapping in mappings {
        let Value::Mapping(merged) = mapping.value else { continue };
        pairs.extend(merged.into_iter().filter(|(key, _)| !explicit.contains_key(&key.text) && known.insert(key.text.clone())));
    }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line() as u32, column: span.start.col() as u32 + 1 }
}

/// The core schema: only plain scalars are anything but text, unless a tag says what they are.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&str>) -> Scalar {
    let tag = tag.map(|tag| tag.rsplit([':', '!']).next().unwrap_or_default());
    match (tag, plain(text)) {
        (Some("int" | "float"), number @ Scalar::Number(_)) => number,
        (Some("bool"), value @ Scalar::Bool(_)) => value,
        (Some("null"), Scalar::Null) => Scalar::Null,
        (Some("str" | "int" | "float" | "bool" | "null"), _) => Scalar::String(text.to_owned()),
        (_, value) if style == ScalarStyle::Plain => value,
        _ => Scalar::String(text.to_owned()),
    }
}

/// A text that is written without quotes.
pub(crate) fn plain(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        number if is_number(number) => Scalar::Number(number.to_owned()),
        text => Scalar::String(text.to_owned()),
    }
}

/// A number as JSON writes it: YAML also has `+1`, `007`, `5.` and `.5`.
fn as_json(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = unsigned.split_at(unsigned.find(['e', 'E']).unwrap_or(unsigned.len()));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}{exponent}")
}

/// Decimal numbers only: the octal, hexadecimal and infinite forms of the core schema have no place in our documents and
/// stay text.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_mantissa = match fraction {
        Some(fraction) if whole.is_empty() => digits(fraction),
        Some(fraction) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(whole),
    };
    is_mantissa && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tree, Fault> {
        Tree::parse("a.yaml", text)
    }

    #[test]
    fn knows_where_things_stand() -> Result<(), Fault> {
        let tree = parse("a: 1\nb:\n  - x: à\n    \"y/z\": [2,\n 3]\n")?;
        for (pointer, line, column) in [("", 1, 1), ("/a", 1, 1), ("/b/0/x", 3, 5), ("/b/0/y~1z/1", 5, 2), ("/b/7/q", 2, 1)] {
            assert_eq!(tree.locate(pointer).to_string(), format!("a.yaml:{line}:{column}"), "{pointer}");
        }
        assert_eq!(tree.root.to_json(), serde_json::json!({"a": 1, "b": [{"x": "à", "y/z": [2, 3]}]}));
        Ok(())
    }

    #[test]
    fn types_scalars_by_the_core_schema() -> Result<(), Fault> {
        let text = "[1, -2.50, 1e3, '1', 2026-11-21, 0x10, yes, true, ~, null, 1.2.3, !!str 5, !!int \"6\", !!int x, +1, 007, 5., .5, -.5e1, -0, 1e400]";
        let expected = serde_json::json!([
            1,
            -2.50,
            1e3,
            "1",
            "2026-11-21",
            "0x10",
            "yes",
            true,
            null,
            null,
            "1.2.3",
            "5",
            6,
            "x",
            1,
            7,
            5,
            0.5,
            -5.0,
            -0.0,
            "1e400"
        ]);
        assert_eq!(parse(text)?.root.to_json(), expected);
        Ok(())
    }

    #[test]
    fn expands_anchors_and_merges() -> Result<(), Fault> {
        let tree = parse("base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nagain: *base\nboth: {<<: [*base, {b: 4, c: 5}], a: 0}\n")?;
        let expected = serde_json::json!({"base": {"a": 1, "b": 2}, "use": {"a": 1, "b": 3}, "again": {"a": 1, "b": 2}, "both": {"a": 0, "b": 2, "c": 5}});
        assert_eq!(tree.root.to_json(), expected);
        Ok(())
    }

    #[test]
    fn refuses_with_a_place() {
        for (text, expected) in [
            ("a: 1\na: 2", "a.yaml:2:1: error: the key `a` stands twice\n    hint: it stands first in line 1"),
            ("", "a.yaml: error: the document is empty"),
            ("a: 1\n---\nb: 2", "a.yaml:2:1: error: a second document begins here\n    hint: keep one document in one file"),
            ("? [a]\n: 1", "a.yaml:1:3: error: only text can be a key here"),
        ] {
            assert_eq!(parse(text).expect_err(text).to_string(), expected);
        }
        let (tree, repeated) = Tree::build("a.yaml", "a: {b: 1, b: 2}\na: 3\nc: 4").expect("it is read on");
        assert_eq!((tree.root.to_json(), repeated.len()), (serde_json::json!({"a": {"b": 1}, "c": 4}), 2));
        let mut bomb = String::from("a0: &a0 [x]\n");
        for n in 1..12 {
            bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","));
        }
        assert!(parse(&bomb).expect_err("a bomb").message.contains("values"));
    }
}
