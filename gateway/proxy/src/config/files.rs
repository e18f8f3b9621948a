//! The files of a configuration: the one named, and those it includes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use document::{Fault, Faults, Library, Node, Section, Tree, tidy};

/// How deep includes may include.
const DEEPEST: usize = 8;

/// The files of a configuration, the named one first.
#[derive(Debug, Default)]
pub struct Files {
    trees: Vec<Tree>,
}

impl Files {
    /// Reads a file and what it includes. A file that includes itself, over whatever way, is a fault.
    pub fn read(path: &Path, faults: &RefCell<Faults>) -> Self {
        let mut files = Self::default();
        files.add(path, &mut Vec::new(), faults);
        files
    }

    fn add(&mut self, path: &Path, within: &mut Vec<PathBuf>, faults: &RefCell<Faults>) {
        let Some(mut tree) = Tree::read_on(path, &mut faults.borrow_mut()) else { return };
        let file = tree.file.clone();
        tree.root.read_tables(&file, &mut faults.borrow_mut());
        within.push(canonical(path));
        let mut included = Vec::new();
        for item in tree
            .root
            .get("include")
            .map(|node| if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() })
            .unwrap_or_default()
        {
            let Some(text) = item.as_str() else {
                faults.borrow_mut().push(Fault::error(tree.place(item), "an include should be a path"));
                continue;
            };
            let target = beside(&tree.file, text);
            let fault = if within.contains(&canonical(&target)) {
                Some((format!("`{text}` includes itself"), "leave it out: a file is read once"))
            } else if within.len() >= DEEPEST {
                Some((format!("includes are nested more than {DEEPEST} deep"), "name the files in the first one"))
            } else {
                None
            };
            match fault {
                Some((message, hint)) => faults.borrow_mut().push(Fault::error(tree.place(item), message).hint(hint)),
                None => included.push(target),
            }
        }
        self.trees.push(tree);
        for target in included {
            self.add(&target, within, faults);
        }
        within.pop();
    }

    /// The files as trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Every file that they are or name, each once: certificates, keys, contracts, policies with their cases, tables. A text that happens
    /// to be a file's name counts as one.
    pub fn named(&self) -> BTreeSet<PathBuf> {
        let mut named = BTreeSet::new();
        for tree in &self.trees {
            let path = Path::new(&*tree.file);
            named.insert(path.to_owned());
            gather_named(&tree.root, &tree.file, &mut named);
            // As it is written too: a table that was read stands in the place of its name.
            if let Ok(written) = Tree::read(path) {
                gather_named(&written.root, &tree.file, &mut named);
            }
        }
        let cases = named.iter().filter(|path| path.extension().is_some_and(|extension| extension == "cedar"));
        let cases: Vec<PathBuf> = cases.map(|path| path.with_extension("cases.yaml")).filter(|path| path.is_file()).collect();
        named.into_iter().chain(cases).map(|path| tidy(&path)).collect()
    }

    /// SHA-256 over what the files say: `cfg` of a record.
    pub fn hash(&self) -> [u8; 32] {
        let mut all = Vec::new();
        for tree in &self.trees {
            all.extend_from_slice(tree.root.to_json().to_string().as_bytes());
            all.push(b'\n');
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &all).as_ref());
        hash
    }
}

/// Which local files stand for which URIs: `catalogue`.
pub(super) fn catalogue(section: &Section<'_>, library: Library) -> Library {
    section.named_texts("catalogue").into_iter().fold(library, |library, (uri, text, place)| {
        let path = resolve(section, text);
        let is_folder = uri.text.ends_with('/');
        if !uri.text.contains(':') {
            let fault = Fault::error(place, format!("`{}` is no URI", uri.text));
            section.report(fault.hint("such as `https://ente.example/definizioni.yaml`"));
        } else if is_folder && !path.is_dir() {
            let fault = Fault::error(place, format!("there is no folder `{}`", path.display()));
            section.report(fault.hint("a URI that ends in `/` stands for a folder"));
        } else if !is_folder && !path.is_file() {
            section.report(Fault::no_file(place, &path));
        }
        library.with_copy(&uri.text, &path)
    })
}

fn gather_named(node: &Node, file: &str, named: &mut BTreeSet<PathBuf>) {
    if let Some(text) = node.as_str() {
        let path = beside(file, text.strip_prefix("file:").unwrap_or(text));
        if !text.is_empty() && path.is_file() {
            named.insert(path);
        }
    }
    node.items().iter().chain(node.pairs().iter().map(|(_, node)| node)).for_each(|node| gather_named(node, file, named));
}

/// One file is one file however its path is written.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A path as written in a file: relative to that file.
pub(super) fn resolve(section: &Section<'_>, text: &str) -> PathBuf {
    beside(section.file(), text)
}

fn beside(file: &str, text: &str) -> PathBuf {
    Path::new(file).parent().unwrap_or(Path::new("")).join(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a backup would miss, a restored gateway could not start without.
    #[test]
    fn every_file_is_named_once_however_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("parti")).expect("a folder");
        for (name, text) in [
            (
                "varco.yaml",
                "include: [parti/altri.yaml]\nadmin: { token: \"file:admin.token\" }\ntenants: { csv: enti.csv }\na: nessuno.pem",
            ),
            ("parti/altri.yaml", "a: [../contratto.yaml, { b: anagrafe.wsdl, policy: p.cedar }]\nc: contratto.yaml"),
            ("contratto.yaml", ""),
            ("admin.token", ""),
            ("enti.csv", "id,key\nuno,chiave.pem\n"),
            ("chiave.pem", ""),
            ("parti/p.cedar", ""),
            ("parti/p.cases.yaml", ""),
            ("parti/anagrafe.wsdl", ""),
            ("altro.txt", ""),
        ] {
            std::fs::write(path(name), text).expect("a folder can be written to");
        }
        let named = Files::read(&path("varco.yaml"), &RefCell::default()).named();
        let names: Vec<_> = named.iter().filter_map(|file| file.strip_prefix(folder.path()).ok()?.to_str()).collect();
        let parts = ["parti/altri.yaml", "parti/anagrafe.wsdl", "parti/p.cases.yaml", "parti/p.cedar"];
        assert_eq!(names, [&["admin.token", "chiave.pem", "contratto.yaml", "enti.csv"][..], &parts, &["varco.yaml"]].concat());
    }
}
