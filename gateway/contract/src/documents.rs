//! A document, and those that its references lead to.

use std::collections::{HashMap, HashSet};

use document::{Node, Place, Tree, Unread};
use serde_json::{Map, Value};

use crate::digits::Digits;
use crate::discriminator::{is_reference, mapped};
use crate::resources::Resources;
use crate::source::{child, step};
use crate::version::Version;

/// More files than this no contract is made of.
const MOST_FILES: usize = 1_000;

/// Where a document stands that was given without a place. Nothing is ever fetched from there.
const NOWHERE: &str = "contract:///document";

/// An OpenAPI document with every document that its references lead to, whether by their files or by the URIs that they are known by.
///
/// A place in them is named by a JSON pointer; one that is not in the first has the document's number and a colon before it.
pub struct Documents {
    list: Vec<Document>,
    pub(crate) resources: Resources,
    pub(crate) digits: Digits,
    /// Those that could not be read, and why.
    unread: HashMap<String, Unread>,
    /// Schemas that name themselves by the address of a file that references lead to, and the file.
    pub(crate) shadows: Vec<(String, String)>,
    /// Whether the first is of OpenAPI 3.0, in which schemas do not name themselves and nothing counts beside a reference.
    pub(crate) is_30: bool,
}

struct Document {
    tree: Tree,
    raw: Value,
}

/// What reads the document of a URI.
type Read<'r> = &'r dyn Fn(&str) -> Result<Tree, Unread>;

impl Documents {
    /// Reads all that a document leads to. `uri` is the document's own, which relative references begin from; `read` is asked for each other
    /// document once, by its absolute URI without a fragment.
    pub fn read(root: Tree, uri: &str, read: Read<'_>) -> Self {
        let is_30 = root.root.get("openapi").and_then(Node::as_str).is_none_or(|version| version.starts_with("3.0."));
        let mut documents = Self {
            list: Vec::new(),
            resources: Resources::default(),
            digits: Digits::default(),
            unread: HashMap::new(),
            shadows: Vec::new(),
            is_30,
        };
        let raw = root.root.to_json();
        documents.add(root, raw, uri);
        let (mut next, mut known) = (0, HashSet::new());
        while let Some(document) = documents.list.get(next) {
            let mut wanted = Vec::new();
            documents.gather(&document.raw, &mut prefix(next), &mut wanted);
            for uri in wanted {
                if documents.unread.contains_key(&uri) {
                    continue;
                }
                if documents.resources.knows(&uri) {
                    if known.insert(uri.clone()) {
                        documents.note_shadow(&uri, read);
                    }
                    continue;
                }
                match read(&uri) {
                    Ok(tree) if documents.list.len() < MOST_FILES => documents.add_read(tree, uri),
                    Ok(_) => {
                        let hint = "bundle them into one".to_owned();
                        documents.unread.insert(uri, Unread { message: format!("leads to more than {MOST_FILES} documents"), hint });
                    }
                    Err(unread) => {
                        documents.unread.insert(uri, unread);
                    }
                }
            }
            next += 1;
        }
        documents
    }

    /// Adds a document that a reference leads to. One that gives itself the URI of another is that other, read from elsewhere, or nobody can
    /// say which of the two is meant.
    fn add_read(&mut self, tree: Tree, uri: String) {
        let raw = tree.root.to_json();
        match self.resources.namesake(&raw, &uri) {
            None => self.add(tree, raw, &uri),
            Some((same, pointer)) if self.at(pointer) == Some(&raw) => self.resources.add_name(uri, same),
            Some(_) => {
                let hint = "each document has a `$self` of its own".to_owned();
                self.unread.insert(uri, Unread { message: "leads to a document with the `$self` of another".to_owned(), hint });
            }
        }
    }

    fn add(&mut self, tree: Tree, raw: Value, uri: &str) {
        let prefix = prefix(self.list.len());
        self.resources.add_document(&raw, &prefix, uri, !self.is_30);
        self.digits.add(&tree, &prefix);
        self.list.push(Document { tree, raw });
    }

    /// Notes that a file goes by a URI by which a schema of another file names itself: two readers would take different ones.
    fn note_shadow(&mut self, uri: &str, read: Read<'_>) {
        let Some(pointer) = self.resources.self_named(uri) else { return };
        let own = self.split(pointer).map(|(document, _)| &document.tree.file);
        if let Some(file) = read(uri).ok().map(|tree| tree.file).filter(|file| Some(file) != own) {
            self.shadows.push((pointer.to_owned(), file.to_string()));
        }
    }

    /// The documents that references lead to which stand at a place or below it. What is no reference, in an example, has a file read in vain.
    fn gather(&self, value: &Value, at: &mut String, wanted: &mut Vec<String>) {
        let length = at.len();
        match value {
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    step(at, &n.to_string());
                    self.gather(item, at, wanted);
                    at.truncate(length);
                }
            }
            Value::Object(members) => {
                let references = ["$ref", "$dynamicRef"].iter().filter_map(|name| members.get(*name)?.as_str());
                wanted.extend(
                    references.filter(|reference| !reference.starts_with('#')).filter_map(|reference| self.resources.uri(reference, at)),
                );
                wanted.extend(self.schemes(members).filter_map(|name| self.resources.uri(name, at)));
                let targets = members.get("discriminator").into_iter().flat_map(mapped).map(|mapped| mapped.target);
                let targets = targets.filter(|target| !target.starts_with('#') && is_reference(target) && !self.is_schema(target));
                wanted.extend(targets.filter_map(|target| self.resources.uri(target, at)));
                for (name, value) in members {
                    step(at, name);
                    self.gather(value, at, wanted);
                    at.truncate(length);
                }
            }
            _ => {}
        }
    }

    /// The security schemes of other documents that the requirements of an operation refer to, as OpenAPI 3.2 has it: what is no name.
    fn schemes<'v>(&self, operation: &'v Map<String, Value>) -> impl Iterator<Item = &'v str> {
        let is_name = |name: &&str| self.at(&child("/components/securitySchemes", name)).is_some();
        let requirements = operation.get("security").filter(|_| Version::named(self.root()) == Some(Version::V32));
        let requirements = requirements.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        requirements.flat_map(Map::keys).map(String::as_str).filter(move |name| !name.starts_with('#') && !is_name(name))
    }

    /// The names of the files, the first document's first.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|document| &*document.tree.file)
    }

    /// The first document.
    pub(crate) fn root(&self) -> &Value {
        self.list.first().map_or(&Value::Null, |document| &document.raw)
    }

    /// Whether a name is one of the first document's named schemas.
    pub(crate) fn is_schema(&self, name: &str) -> bool {
        self.at("/components/schemas").is_some_and(|schemas| schemas.get(name).is_some())
    }

    /// The documents, each with the pointer of its outermost value.
    pub(crate) fn all(&self) -> impl Iterator<Item = (String, &Value)> {
        self.list.iter().enumerate().map(|(n, document)| (prefix(n), &document.raw))
    }

    /// The value at a pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        let (document, pointer) = self.split(pointer)?;
        document.raw.pointer(pointer)
    }

    /// Where a pointer leads in its file.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        self.split(pointer).map_or_else(|| Place::file(""), |(document, pointer)| document.tree.locate(pointer))
    }

    fn split<'p>(&self, pointer: &'p str) -> Option<(&Document, &'p str)> {
        if pointer.is_empty() || pointer.starts_with('/') {
            return Some((self.list.first()?, pointer));
        }
        let (number, pointer) = pointer.split_once(':')?;
        Some((self.list.get(number.parse::<usize>().ok()?)?, pointer))
    }

    /// Why the document of a reference is not among these.
    pub(crate) fn unread(&self, reference: &str, at: &str) -> Option<&Unread> {
        self.unread.get(&self.resources.uri(reference, at)?)
    }
}

impl From<Tree> for Documents {
    /// A document that is all there is.
    fn from(root: Tree) -> Self {
        let unread = |_: &str| {
            let hint = "bundle the documents into one file first: nothing is fetched".to_owned();
            Err(Unread { message: "leads out of the document".to_owned(), hint })
        };
        Self::read(root, NOWHERE, &unread)
    }
}

fn prefix(number: usize) -> String {
    if number == 0 { String::new() } else { format!("{number}:") }
}
