//! The files of a configuration: the one named, and those it includes.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use document::{Fault, Faults, Section, Tree};

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
                Some(format!("`{text}` includes itself"))
            } else if within.len() >= DEEPEST {
                Some(format!("includes are nested more than {DEEPEST} deep"))
            } else {
                None
            };
            match fault {
                Some(message) => faults.borrow_mut().push(Fault::error(tree.place(item), message)),
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
