use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_api::document::{Fault, Place, tidy};

use super::{Element, tree};

/// The files of a description, each read once. What a location names is decided by the catalog first, then by the files
/// beside; nothing is ever fetched.
#[derive(Debug, Default)]
pub(crate) struct Files {
    catalog: HashMap<String, PathBuf>,
    read: HashMap<PathBuf, Result<Arc<Element>, Fault>>,
}

impl Files {
    /// With a map from locations or namespaces to files.
    pub(crate) fn new(catalog: HashMap<String, PathBuf>) -> Self {
        Self { catalog, read: HashMap::new() }
    }

    /// Those that were read, each once.
    pub(crate) fn into_paths(self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.read.into_keys().collect();
        paths.sort_unstable();
        paths
    }

    /// The file that a location (or, without one, a namespace) names, seen from an element that imports it.
    pub(crate) fn locate(&self, location: Option<&str>, space: Option<&str>, from: &Element) -> Option<PathBuf> {
        let known = |name: &str| self.catalog.get(name).cloned();
        if let Some(path) = location.and_then(known) {
            return Some(path);
        }
        let beside = location.filter(|location| !location.contains("://")).map(|location| tidy(&from.folder().join(location)));
        match beside {
            Some(path) if path.is_file() => Some(path),
            _ => space.and_then(known),
        }
    }

    /// Reads a file, or gives what reading it gave before.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Arc<Element>, Fault> {
        let path = tidy(path);
        if let Some(known) = self.read.get(&path) {
            return known.clone();
        }
        let file: Arc<str> = path.display().to_string().into();
        let element = std::fs::read(&path)
            .map_err(|error| Fault::unreadable(Place::file(&file), "the file", &error))
            .and_then(|bytes| tree::read(&file, &bytes));
        self.read.insert(path, element.clone());
        element
    }
}
