use std::path::PathBuf;

use document::{Node, Tree};

use crate::repository;

/// A file of the contract's own cases (`gateway/contract/tests/cases`).
#[derive(Debug)]
pub struct Case {
    /// The file's name without its ending.
    pub name: String,
    /// What it says.
    pub tree: Tree,
}

/// What an e-service of a case says beside its document.
#[derive(Debug, PartialEq, Eq)]
pub struct CaseOptions<'c> {
    /// `unknown_query`
    pub unknown_query: &'c str,
    /// `repeated_query`
    pub repeated_query: &'c str,
    /// `accept`
    pub accept: &'c str,
    /// Who asks callers for what they show.
    pub security: &'c str,
}

impl Default for CaseOptions<'_> {
    fn default() -> Self {
        Self { unknown_query: "refuse", repeated_query: "refuse", accept: "ignore", security: "open" }
    }
}

/// One request of a case, as a client of HTTP sends it.
#[derive(Debug)]
pub struct CaseRequest<'c> {
    /// Its method.
    pub method: &'c str,
    /// Its path and query, below the base path.
    pub target: &'c str,
    /// Its headers in their order, with the media type that cases leave out.
    pub headers: Vec<(&'c str, &'c str)>,
    /// Its body.
    pub body: Option<&'c str>,
}

/// What a case may say.
const SAID: [&str; 10] =
    ["document", "files", "faults", "requests", "answers", "withheld", "security", "accept", "unknown_query", "repeated_query"];

/// The cases that ask something of a sound document.
pub fn cases() -> Vec<Case> {
    let folder = std::fs::read_dir(repository().join("gateway/contract/tests/cases")).expect("the folder of cases");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = |file: &PathBuf| Case {
        name: file.file_stem().expect("a name").to_string_lossy().into_owned(),
        tree: Tree::read(file).unwrap_or_else(|fault| panic!("{fault}")),
    };
    let cases = files.iter().map(read).inspect(|case| {
        let unknown = case.tree.root.pairs().iter().find(|(key, _)| !SAID.contains(&key.text.as_str()));
        assert!(unknown.is_none(), "{}: nothing reads `{:?}`", case.name, unknown.map(|(key, _)| &key.text));
    });
    cases.filter(|case| !case.requests().is_empty() || !case.answers().is_empty()).collect()
}

impl Case {
    /// What stands under a name.
    pub fn text(&self, name: &str) -> Option<&str> {
        text(&self.tree.root, name)
    }

    /// Its options, with what they are by default.
    pub fn options(&self) -> CaseOptions<'_> {
        let default = CaseOptions::default();
        CaseOptions {
            unknown_query: self.text("unknown_query").unwrap_or(default.unknown_query),
            repeated_query: self.text("repeated_query").unwrap_or(default.repeated_query),
            accept: self.text("accept").unwrap_or(default.accept),
            security: self.text("security").unwrap_or(default.security),
        }
    }

    /// The document that it is about.
    pub fn document(&self) -> &str {
        self.text("document").expect("a document")
    }

    /// The documents that it has beside its own, by their names or their URIs.
    pub fn beside(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tree.root.get("files").into_iter().flat_map(Node::pairs).filter_map(|(name, text)| Some((name.text.as_str(), text.as_str()?)))
    }

    /// Its requests.
    pub fn requests(&self) -> &[Node] {
        items(&self.tree.root, "requests")
    }

    /// The answers that it has an upstream give.
    pub fn answers(&self) -> &[Node] {
        items(&self.tree.root, "answers")
    }
}

impl<'c> CaseRequest<'c> {
    /// A request, if a client of HTTP can send it: no body that is not there yet.
    pub fn read(node: &'c Node) -> Option<Self> {
        let (method, target) = text(node, "send").and_then(|line| line.split_once(' ')).expect("method and target");
        let body = text(node, "body");
        if !target.starts_with('/') || body == Some("(streaming)") {
            return None;
        }
        let media = match (text(node, "type"), body) {
            (Some("none"), _) | (None, None) => None,
            (Some(media), _) => Some(media),
            (None, Some(_)) => Some("application/json"),
        };
        let listed = items(node, "headers").iter().map(|line| {
            let (name, value) = line.as_str().and_then(|line| line.split_once(':')).expect("a header");
            (name, value.strip_prefix(' ').unwrap_or(value))
        });
        let headers = media.map(|media| ("content-type", media)).into_iter().chain(listed).collect();
        Some(Self { method, target, headers, body })
    }
}

/// The items of a list under a name, none if there is none.
pub fn items<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).map(Node::items).unwrap_or_default()
}

/// The text under a name.
pub fn text<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    node.get(name).and_then(Node::as_str)
}
