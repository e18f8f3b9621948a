//! WSDL and schema files as trees of elements with their places: load time only.

mod files;
mod tree;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_api::document::{Fault, Place, Position};

pub(crate) use files::Files;

/// An element of a description.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: QName,
    pub(crate) file: Arc<str>,
    pub(crate) position: Position,
    attributes: Vec<(QName, String)>,
    pub(crate) children: Vec<Arc<Element>>,
    /// The prefixes declared here and further out, the innermost last.
    scope: Arc<[(Box<str>, Arc<str>)]>,
}

/// A qualified name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct QName {
    /// The namespace's URI; empty for none.
    pub(crate) space: Arc<str>,
    pub(crate) local: Box<str>,
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.space.is_empty() { f.write_str(&self.local) } else { write!(f, "{{{}}}{}", self.space, self.local) }
    }
}

impl Element {
    /// Whether this is the element of that name.
    pub(crate) fn is(&self, space: &str, local: &str) -> bool {
        &*self.name.space == space && &*self.name.local == local
    }

    /// The value of an attribute without a namespace.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attr_in("", name)
    }

    /// The value of an attribute of a namespace.
    pub(crate) fn attr_in(&self, space: &str, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| &*known.space == space && &*known.local == name);
        found.map(|(_, value)| value.trim())
    }

    /// Whether an attribute says `true` or `1`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.attr(name), Some("true" | "1"))
    }

    /// The children of one namespace.
    pub(crate) fn children_of<'e>(&'e self, space: &'e str) -> impl Iterator<Item = &'e Arc<Element>> {
        self.children.iter().filter(move |child| &*child.name.space == space)
    }

    /// The children of one name.
    pub(crate) fn named<'e>(&'e self, space: &'e str, local: &'e str) -> impl Iterator<Item = &'e Arc<Element>> {
        self.children_of(space).filter(move |child| &*child.name.local == local)
    }

    /// A qualified name in an attribute, its prefix resolved; an unprefixed one takes the default namespace.
    pub(crate) fn qname(&self, text: &str) -> Result<QName, Fault> {
        let (prefix, local) = text.trim().split_once(':').unwrap_or(("", text.trim()));
        let bound = self.scope.iter().rev().find(|(known, _)| &**known == prefix).map(|(_, uri)| uri.clone());
        let space = bound.or_else(|| prefix.is_empty().then(|| "".into())).ok_or_else(|| {
            self.fault(format!("the prefix `{prefix}` is not declared")).hint(format!("declare `xmlns:{prefix}` on an enclosing element"))
        })?;
        Ok(QName { space, local: local.into() })
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        Place::at(&self.file, self.position)
    }

    /// An error at this element.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::error(self.place(), message)
    }

    /// The folder of its file, to which locations in it are relative.
    pub(crate) fn folder(&self) -> PathBuf {
        Path::new(&*self.file).parent().map(Path::to_path_buf).unwrap_or_default()
    }
}
