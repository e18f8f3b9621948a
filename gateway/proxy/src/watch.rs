//! Folders that are watched: what changes in them is read again by itself.
//!
//! They are looked at from time to time and not told about by the system: a folder that is mounted over a network, or swapped by a
//! symbolic link as Kubernetes does with its volumes, tells nothing.

use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Weak;

use crate::reload::Reloader;

/// The most entries that are looked at, and how deep.
const MOST: usize = 20_000;
const DEEPEST: usize = 8;

/// Watches what the configuration in force says, until the process ends: a task of the control thread.
pub(crate) async fn watch(reloader: Weak<Reloader>) {
    let mut seen = Seen::default();
    loop {
        let Some(every) = reloader.upgrade().map(|reloader| reloader.current().configuration.watch.every) else { return };
        tokio::time::sleep(every).await;
        let Some(reloader) = reloader.upgrade() else { return };
        let rules = reloader.current().configuration.watch.clone();
        if rules.folders.is_empty() {
            seen = Seen::default();
            continue;
        }
        let looked = tokio::task::spawn_blocking(move || {
            if seen.changed(&rules.folders) {
                tracing::info!("a watched folder has changed");
                // How it went is in the log; it is not tried again until something changes again.
                let _ = reloader.reload();
            }
            seen
        });
        let Ok(looked) = looked.await else { return };
        seen = looked;
    }
}

/// What was seen at the last look, and at the last reload.
#[derive(Debug, Default)]
struct Seen {
    last: Option<u64>,
    loaded: Option<u64>,
}

impl Seen {
    /// Whether there is something new that has come to rest: what is being written now is left for the next look.
    fn changed(&mut self, folders: &[PathBuf]) -> bool {
        let now = look(folders);
        let rests = self.last.replace(now) == Some(now);
        match self.loaded {
            // What was there at the first look is what is in force.
            None => {
                self.loaded = Some(now);
                false
            }
            Some(loaded) if loaded == now || !rests => false,
            Some(_) => {
                self.loaded = Some(now);
                true
            }
        }
    }
}

/// What folders hold, as far as the system tells without anything being read.
fn look(folders: &[PathBuf]) -> u64 {
    let mut entries = Vec::new();
    for folder in folders {
        gather(folder, DEEPEST, &mut entries);
    }
    // In whatever order the system gives them.
    entries.sort();
    let mut hasher = DefaultHasher::new();
    entries.hash(&mut hasher);
    hasher.finish()
}

fn gather(path: &Path, depth: usize, entries: &mut Vec<(PathBuf, [i64; 5])>) {
    // Through symbolic links: it is where they lead that counts.
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if entries.len() >= MOST {
        return;
    }
    if !metadata.is_dir() {
        entries.push((path.to_owned(), mark(&metadata)));
        return;
    }
    if depth == 0 {
        return;
    }
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in inside {
        gather(&entry.path(), depth - 1, entries);
    }
}

fn mark(metadata: &Metadata) -> [i64; 5] {
    [metadata.ino() as i64, metadata.size() as i64, metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_new_is_seen_once_it_rests() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (file, folders) = (folder.path().join("a.yaml"), [folder.path().to_owned()]);
        std::fs::write(&file, "1")?;
        let mut seen = Seen::default();
        assert!(!seen.changed(&folders), "what is there at first is in force");
        assert!(!seen.changed(&folders));
        std::fs::write(&file, "12")?;
        assert!(!seen.changed(&folders), "it may still be written");
        std::fs::write(&file, "123")?;
        assert!(!seen.changed(&folders));
        assert!(seen.changed(&folders));
        assert!(!seen.changed(&folders), "once");
        // A volume of Kubernetes: the link is swapped, no file is written.
        for version in ["one", "two"] {
            std::fs::create_dir(folder.path().join(version))?;
            std::fs::write(folder.path().join(version).join("b.yaml"), version)?;
        }
        let link = folder.path().join("data");
        std::os::unix::fs::symlink("one", &link)?;
        assert!(!seen.changed(&folders));
        assert!(seen.changed(&folders));
        std::os::unix::fs::symlink("two", folder.path().join("next"))?;
        std::fs::rename(folder.path().join("next"), &link)?;
        assert!(!seen.changed(&folders));
        assert!(seen.changed(&folders));
        std::fs::remove_file(&file)?;
        assert!(!seen.changed(&folders));
        assert!(seen.changed(&folders), "what is gone is a change");
        Ok(())
    }
}
