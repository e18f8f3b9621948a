//! Folders that are watched: what changes in them is read again by itself.
//!
//! They are looked at from time to time and not told about by the system: a folder that is mounted over a network, or swapped by a
//! symbolic link as Kubernetes does with its volumes, tells nothing.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Weak;

use crate::config::Configuration;
use crate::reload::Reloader;

/// The most entries that are looked at.
const MOST: usize = 20_000;

/// Watches what the configuration in force says, until the process ends: a task of the control thread.
pub(crate) async fn watch(reloader: Weak<Reloader>, mut seen: Seen) {
    loop {
        let Some(every) = reloader.upgrade().map(|reloader| reloader.current().configuration.watch.every) else { return };
        tokio::time::sleep(every).await;
        let Some(reloader) = reloader.upgrade() else { return };
        let configuration = reloader.current().configuration.clone();
        let looked = tokio::task::spawn_blocking(move || {
            if seen.changed(&configuration) {
                tracing::info!("a watched folder has changed");
                // How it went is in the log; it is not tried again until something changes again.
                let _ = reloader.reload();
            }
            seen
        });
        match looked.await {
            Ok(looked) => seen = looked,
            Err(error) => {
                tracing::error!(%error, "looking at the watched folders failed; it is begun anew");
                seen = Seen::default();
            }
        }
    }
}

/// What was seen at the last look, and at the last reload.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    folders: Vec<PathBuf>,
    last: u64,
    loaded: u64,
}

impl Seen {
    /// What there is when a configuration comes into force.
    pub(crate) fn first(configuration: &Configuration) -> Self {
        let now = look(&configuration.watch.folders, &configuration.audit.store);
        Self { folders: configuration.watch.folders.clone(), last: now, loaded: now }
    }

    /// Whether there is something new that has come to rest: what is being written now is left for the next look.
    fn changed(&mut self, configuration: &Configuration) -> bool {
        if self.folders != configuration.watch.folders {
            *self = Self::first(configuration);
            return false;
        }
        self.is_new(look(&self.folders, &configuration.audit.store))
    }

    fn is_new(&mut self, now: u64) -> bool {
        let rests = std::mem::replace(&mut self.last, now) == now;
        rests && std::mem::replace(&mut self.loaded, now) != now
    }
}

/// What folders hold, as far as the system tells without anything being read. The audit log is no part of a configuration, and
/// changes with every exchange.
fn look(folders: &[PathBuf], store: &Path) -> u64 {
    let mut gathered = Gathered { store: store.canonicalize().ok(), ..Gathered::default() };
    for folder in folders {
        gathered.gather(folder);
    }
    if gathered.visited >= MOST {
        tracing::warn!("the watched folders hold more than {MOST} entries; changes of the others are not seen");
    }
    // In whatever order the system gives them.
    gathered.entries.sort();
    let mut hasher = DefaultHasher::new();
    gathered.entries.hash(&mut hasher);
    hasher.finish()
}

#[derive(Default)]
struct Gathered {
    store: Option<PathBuf>,
    entries: Vec<(PathBuf, [i64; 5])>,
    /// Folders by device and number: a link may lead back to one.
    folders: HashSet<(u64, u64)>,
    visited: usize,
}

impl Gathered {
    fn gather(&mut self, path: &Path) {
        self.visited += 1;
        // Through symbolic links: it is where they lead that counts.
        let Ok(metadata) = std::fs::metadata(path) else { return };
        if self.visited >= MOST {
            return;
        }
        if !metadata.is_dir() {
            self.entries.push((path.to_owned(), mark(&metadata)));
            return;
        }
        let is_store = self.store.is_some() && path.canonicalize().ok() == self.store;
        if is_store || !self.folders.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        let mut inside: Vec<PathBuf> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        // So that of a folder with two ways to it, it is always the same that is taken.
        inside.sort();
        for entry in inside {
            self.gather(&entry);
        }
    }
}

fn mark(metadata: &Metadata) -> [i64; 5] {
    [metadata.ino() as i64, metadata.size() as i64, metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a gateway would see that watches this folder, with its log in it.
    struct Watching(PathBuf, Seen);

    impl Watching {
        fn changed(&mut self) -> bool {
            self.1.is_new(look(std::slice::from_ref(&self.0), &self.0.join("audit")))
        }

        /// Whether a change is seen, and only once it rests, and only once.
        fn sees(&mut self) -> bool {
            !self.changed() && self.changed() && !self.changed()
        }
    }

    #[test]
    fn something_new_is_seen_once_it_rests() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (file, store) = (folder.path().join("a.yaml"), folder.path().join("audit"));
        std::fs::create_dir(&store)?;
        std::fs::write(&file, "1")?;
        let first = look(&[folder.path().to_owned()], &store);
        let mut watching = Watching(folder.path().to_owned(), Seen { folders: Vec::new(), last: first, loaded: first });
        assert!(!watching.changed() && !watching.changed(), "what is there at first is in force");
        std::fs::write(&file, "12")?;
        assert!(!watching.changed(), "it may still be written");
        std::fs::write(&file, "123")?;
        assert!(watching.sees());
        // A volume of Kubernetes: the link is swapped, no file is written.
        for version in ["one", "two"] {
            std::fs::create_dir(folder.path().join(version))?;
            std::fs::write(folder.path().join(version).join("b.yaml"), version)?;
        }
        let link = folder.path().join("data");
        std::os::unix::fs::symlink("one", &link)?;
        assert!(watching.sees());
        std::os::unix::fs::symlink("two", folder.path().join("next"))?;
        std::fs::rename(folder.path().join("next"), &link)?;
        assert!(watching.sees());
        std::fs::remove_file(&file)?;
        assert!(watching.sees(), "what is gone is a change");
        std::fs::write(store.join("0.log"), "a record")?;
        assert!(!watching.changed() && !watching.changed(), "a record is none");
        // Links that lead back: each folder is entered once.
        for link in 0..12 {
            std::os::unix::fs::symlink(".", folder.path().join(format!("l{link}")))?;
        }
        let mut gathered = Gathered::default();
        gathered.gather(folder.path());
        assert!(gathered.visited < 40, "{}", gathered.visited);
        Ok(())
    }
}
