use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::tree::{Key, Node, Scalar, Value};
use crate::units::{parse_bytes, parse_duration, parse_rate};
use crate::{Fault, Faults, Place, nearest};

/// A mapping that is read key by key, and whose keys that nobody asked for are faults when it is dropped.
///
/// Every method that finds a wrong value reports it and gives `None`, so that reading goes on and all faults of a document
/// are found in one run. Faults are shared through a cell because sections nest.
#[derive(Debug)]
pub struct Section<'a> {
    file: Arc<str>,
    node: &'a Node,
    /// What a user calls this mapping, for messages: `eservices.anagrafe`.
    name: String,
    asked: RefCell<Vec<&'static str>>,
    /// Whether keys are names that the user chose, so that none is unknown.
    named: bool,
    faults: &'a RefCell<Faults>,
}

impl<'a> Section<'a> {
    /// Opens a mapping. Anything else is a fault; nothing at all counts as an empty mapping.
    pub fn open(file: &Arc<str>, node: &'a Node, name: impl Into<String>, faults: &'a RefCell<Faults>) -> Option<Self> {
        let name = name.into();
        let (file, node) = follow(file, node);
        if !matches!(node.value, Value::Mapping(_) | Value::Scalar(Scalar::Null)) {
            let message = format!("`{name}` should be a mapping, but is {}", node.kind());
            faults.borrow_mut().push(Fault::error(Place::at(file, node.position), message));
            return None;
        }
        Some(Self { file: file.clone(), node, name, asked: RefCell::default(), named: false, faults })
    }

    /// Leaves this mapping unread, because what stands above it is at fault already.
    pub fn leave(mut self) {
        self.named = true;
    }

    /// The name of this mapping, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it stands in.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The cell that collects faults.
    pub fn faults(&self) -> &'a RefCell<Faults> {
        self.faults
    }

    /// Reports a fault.
    pub fn report(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Where a key's value stands, or the mapping where the key is missing.
    pub fn place(&self, key: &str) -> Place {
        Place::at(&self.file, self.node.get(key).map_or(self.node.position, |node| node.position))
    }

    /// Where the mapping itself begins.
    pub fn here(&self) -> Place {
        Place::at(&self.file, self.node.position)
    }

    /// The value of a key, marked as known; `null` counts as missing.
    pub fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        self.node.get(key).filter(|node| node.value != Value::Scalar(Scalar::Null))
    }

    /// The value of a key that must be there.
    pub fn required(&self, key: &'static str) -> Option<&'a Node> {
        let node = self.node(key);
        if node.is_none() {
            self.report(Fault::error(self.here(), format!("`{}` needs `{key}`", self.name)));
        }
        node
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        self.node(key).and_then(|node| self.as_text(key, node))
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &'static str) -> Option<&'a str> {
        self.required(key).and_then(|node| self.as_text(key, node))
    }

    fn as_text(&self, key: &str, node: &'a Node) -> Option<&'a str> {
        match &node.value {
            Value::Scalar(Scalar::String(text) | Scalar::Number(text)) => Some(text),
            _ => self.wrong(key, node, "text"),
        }
    }

    /// A list of texts; one text alone counts as a list of one.
    pub fn texts(&self, key: &'static str) -> Vec<(&'a str, Place)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let items = if let Value::Sequence(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        let text = |item: &'a Node| Some((self.as_text(key, item)?, Place::at(&self.file, item.position)));
        items.iter().filter_map(text).collect()
    }

    /// True or false.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        match node.value {
            Value::Scalar(Scalar::Bool(value)) => Some(value),
            _ => self.wrong(key, node, "true or false"),
        }
    }

    /// A whole number.
    pub fn count(&self, key: &'static str) -> Option<u64> {
        let node = self.node(key)?;
        match &node.value {
            Value::Scalar(Scalar::Number(text)) => text.parse().ok(),
            _ => None,
        }
        .or_else(|| self.wrong(key, node, "a whole number"))
    }

    /// A duration with its unit.
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        self.unit(key, parse_duration, "a duration with its unit, such as `250ms`, `10s`, `5m` or `1h`")
    }

    /// A size with its unit.
    pub fn bytes(&self, key: &'static str) -> Option<u64> {
        self.unit(key, parse_bytes, "a size with its unit, such as `64KiB` or `10MiB`")
    }

    /// A rate.
    pub fn rate(&self, key: &'static str) -> Option<(u64, Duration)> {
        self.unit(key, parse_rate, "a rate, such as `50/s` or `3000/m`")
    }

    fn unit<T>(&self, key: &'static str, parse: fn(&str) -> Option<T>, wanted: &str) -> Option<T> {
        let node = self.node(key)?;
        node.as_str().and_then(parse).or_else(|| self.wrong(key, node, wanted))
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let node = self.node(key)?;
        let text = node.as_str().unwrap_or_default();
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let wanted = format!("one of {}", words.join(", "));
        let Some(meant) = nearest(text, choices.iter().map(|(word, _)| *word)) else { return self.wrong(key, node, &wanted) };
        let message = format!("`{}.{key}` should be {wanted}", self.name);
        self.report(Fault::error(Place::at(&self.file, node.position), message).hint(format!("did you mean `{meant}`?")));
        None
    }

    /// A path that was made of the text of a key, if there is a file.
    pub fn existing(&self, key: &str, path: PathBuf) -> Option<PathBuf> {
        if path.is_file() {
            return Some(path);
        }
        self.report(Fault::no_file(self.place(key), &path));
        None
    }

    /// A mapping inside this one.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        self.node(key).and_then(|node| Section::open(&self.file, node, format!("{}.{key}", self.name), self.faults))
    }

    /// The mappings of a mapping whose keys are names that the user chose, in order.
    pub fn named_sections(&self, key: &'static str) -> Vec<(&'a Key, Section<'a>)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let name = format!("{}.{key}", self.name);
        let Some(mut section) = Section::open(&self.file, node, name.clone(), self.faults) else { return Vec::new() };
        section.named = true;
        let open =
            |(key, node): &'a (Key, Node)| Some((key, Section::open(&section.file, node, format!("{name}.{}", key.text), self.faults)?));
        node.pairs().iter().filter_map(open).collect()
    }

    /// The texts of a mapping whose keys are names that the user chose, in order.
    pub fn named_texts(&self, key: &'static str) -> Vec<(&'a Key, &'a str, Place)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Some(mut section) = Section::open(&self.file, node, format!("{}.{key}", self.name), self.faults) else { return Vec::new() };
        section.named = true;
        let text = |(key, node): &'a (Key, Node)| Some((key, section.as_text(&key.text, node)?, Place::at(&section.file, node.position)));
        node.pairs().iter().filter_map(text).collect()
    }

    /// The keys of this mapping, which are names that the user chose.
    pub fn keys(&self) -> impl Iterator<Item = &'a Key> {
        self.node.pairs().iter().map(|(key, _)| key)
    }

    /// The texts of a mapping under a name that the user chose, in order; whoever reads it looks at the names itself.
    pub fn texts_under(&self, name: &str) -> Vec<(&'a Key, &'a str)> {
        let Some(node) = self.node.get(name) else { return Vec::new() };
        if !matches!(node.value, Value::Mapping(_)) {
            self.wrong::<()>(name, node, "a mapping");
        }
        node.pairs().iter().filter_map(|(key, node)| Some((key, self.as_text(&key.text, node)?))).collect()
    }

    /// The mappings of a list.
    pub fn section_list(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let (file, node) = follow(&self.file, node);
        let Value::Sequence(items) = &node.value else {
            self.wrong::<()>(key, node, "a list");
            return Vec::new();
        };
        let open = |(at, item)| Section::open(file, item, format!("{}.{key}[{at}]", self.name), self.faults);
        items.iter().enumerate().filter_map(open).collect()
    }

    fn wrong<T>(&self, key: &str, node: &Node, wanted: &str) -> Option<T> {
        let message = format!("`{}.{key}` should be {wanted}, but is {}", self.name, node.kind());
        self.report(Fault::error(Place::at(&self.file, node.position), message));
        None
    }
}

/// Where a value stands in a file of its own, that file and the value.
fn follow<'a, 'b>(file: &'b Arc<str>, node: &'a Node) -> (&'b Arc<str>, &'a Node)
where
    'a: 'b,
{
    match &node.value {
        Value::Elsewhere(tree) => (&tree.file, &tree.root),
        _ => (file, node),
    }
}

/// What nobody asked for is a typing error or a setting of another version: never silently without effect.
impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.named || std::thread::panicking() {
            return;
        }
        let asked = self.asked.borrow();
        for (key, _) in self.node.pairs().iter().filter(|(key, _)| !asked.contains(&key.text.as_str())) {
            let place = Place::at(&self.file, key.position);
            let unknown = format!("has no key `{}`", key.text);
            if self.faults.borrow().iter().any(|fault| fault.place == place && fault.message.ends_with(&unknown)) {
                // A column of a table, found in a row before.
                continue;
            }
            let fault = Fault::error(place, format!("`{}` {unknown}", self.name));
            self.faults.borrow_mut().push(match nearest(&key.text, asked.iter().copied()) {
                Some(known) => fault.hint(format!("did you mean `{known}`?")),
                None if asked.is_empty() => fault,
                None => fault.hint(format!("it knows {}", list(&asked))),
            });
        }
    }
}

fn list(words: &[&str]) -> String {
    let mut words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.sort();
    words.dedup();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    #[test]
    fn reports_every_fault_with_its_place() -> Result<(), Fault> {
        let text = "adress: x\nttl: 10\nsize: 1MiB\nmode: fast\nlist: [a, {}]\ninner:\n  colour: red\n";
        let tree = Tree::parse("v.yaml", text)?;
        let faults = RefCell::new(Faults::new());
        if let Some(section) = Section::open(&tree.file, &tree.root, "listener", &faults) {
            assert_eq!(section.required_text("address"), None);
            assert_eq!(section.duration("ttl"), None);
            assert_eq!(section.bytes("size"), Some(1 << 20));
            assert_eq!(section.choice("mode", &[("strict", 1), ("relaxed", 2)]), None);
            assert_eq!(section.texts("list").len(), 1);
            let inner = section.section("inner").expect("a mapping");
            assert_eq!(inner.text("color"), None);
        }
        let shown: Vec<String> = faults.into_inner().sorted().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "v.yaml:1:1: error: `listener` has no key `adress`\n    hint: did you mean `address`?",
                "v.yaml:1:1: error: `listener` needs `address`",
                "v.yaml:2:6: error: `listener.ttl` should be a duration with its unit, such as `250ms`, `10s`, `5m` or `1h`, but is a number",
                "v.yaml:4:7: error: `listener.mode` should be one of `strict`, `relaxed`, but is text",
                "v.yaml:5:11: error: `listener.list` should be text, but is a mapping",
                "v.yaml:7:3: error: `listener.inner` has no key `colour`\n    hint: did you mean `color`?",
            ]
        );
        Ok(())
    }
}
