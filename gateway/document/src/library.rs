use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{Tree, tidy};

/// What cannot stand in the path of a URI (RFC 3986 §3.3) but may in a file's name.
const NOT_IN_URIS: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The local files that references between documents may lead to. Nothing is ever fetched, and no document, whoever wrote it, can have a
/// file read that lies elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Library {
    folders: Vec<PathBuf>,
    catalogue: Vec<(String, PathBuf)>,
}

/// Why a reference leads to no document, and what can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// In words that go on after "the reference `…`".
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Library {
    /// Lets in the files below a folder.
    #[must_use]
    pub fn with_folder(mut self, folder: &Path) -> Self {
        self.folders.push(absolute(folder));
        self
    }

    /// Says which local file stands for a URI; one that ends in `/` says so of a folder, and of all URIs that begin with it.
    #[must_use]
    pub fn with_copy(mut self, uri: &str, path: &Path) -> Self {
        self.catalogue.push((uri.to_owned(), absolute(path)));
        self
    }

    /// Reads the document of an absolute URI without a fragment.
    pub fn read(&self, uri: &str) -> Result<Tree, Unread> {
        let Some(path) = self.path(uri) else {
            let message = "leads to a document that is not here".to_owned();
            return Err(Unread { message, hint: format!("nothing is fetched: name a local copy of {uri} under `catalogue`") });
        };
        // What the catalogue names is meant by whoever wrote it; a document may be anybody's.
        let is_within = self.folders.iter().any(|folder| is_below(&path, folder)) || !uri.starts_with("file:");
        if !is_within {
            let hint = "a document leads to files beside it, or below the folder of the configuration".to_owned();
            return Err(Unread { message: format!("leads to `{}`, which is out of reach", shown(&path).display()), hint });
        }
        Tree::read(&shown(&path)).map_err(|fault| Unread {
            message: format!("leads to no document: {}: {}", fault.place, fault.message),
            hint: "references are relative to the file that they stand in".to_owned(),
        })
    }

    fn path(&self, uri: &str) -> Option<PathBuf> {
        if let Some((_, path)) = self.catalogue.iter().find(|(known, _)| known == uri) {
            return Some(path.clone());
        }
        let below = self.catalogue.iter().filter(|(known, _)| known.ends_with('/') && uri.starts_with(known.as_str()));
        if let Some((known, folder)) = below.max_by_key(|(known, _)| known.len()) {
            let rest = PathBuf::from(percent_decode_str(&uri[known.len()..]).decode_utf8().ok()?.into_owned());
            return rest.components().all(|part| matches!(part, Component::Normal(_))).then(|| folder.join(rest));
        }
        let path = percent_decode_str(uri.strip_prefix("file://")?).decode_utf8().ok()?;
        Some(tidy(Path::new(&*path)))
    }
}

/// Whether a file lies below a folder, as its path says and as its links do.
fn is_below(path: &Path, folder: &Path) -> bool {
    let led = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.starts_with(folder) && led(path).starts_with(led(folder))
}

/// The URI of a local file.
pub fn file_uri(path: &Path) -> String {
    format!("file://{}", utf8_percent_encode(&absolute(path).to_string_lossy(), &NOT_IN_URIS))
}

fn absolute(path: &Path) -> PathBuf {
    // The folder of a file that is named without one.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    tidy(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// The path as somebody would write it who is in the current folder.
fn shown(path: &Path) -> PathBuf {
    let current = std::env::current_dir().ok();
    current.and_then(|current| path.strip_prefix(current).ok()).map_or_else(|| path.to_owned(), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_from_where_they_may_lie_and_from_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["specs/comuni", "copie", "altrove"] {
            std::fs::create_dir_all(path(name)).expect("a folder");
        }
        for name in ["specs/a b.yaml", "specs/comuni/c.yaml", "copie/d.yaml", "altrove/segreti.yaml"] {
            std::fs::write(path(name), "x: 1").expect("a folder can be written to");
        }
        std::os::unix::fs::symlink(path("altrove/segreti.yaml"), path("specs/fuori.yaml")).expect("a link");
        std::os::unix::fs::symlink(path("specs/comuni"), path("specs/dentro")).expect("a link");
        let library = Library::default()
            .with_folder(&path("specs"))
            .with_copy("https://ente.example/d.yaml", &path("copie/d.yaml"))
            .with_copy("https://ente.example/v1/", &path("copie"));
        let here = Library::default().with_folder(Path::new(""));
        assert!(here.read(&file_uri(&path("specs/a b.yaml"))).expect_err("unread").message.contains("out of reach"));
        assert!(here.read(&file_uri(Path::new("Cargo.toml"))).expect_err("no YAML").message.contains("Cargo.toml:"));
        let at = |name: &str| file_uri(&path(name));
        let told = |uri: &str| library.read(uri).map(|_| ()).map_err(|unread| unread.message);
        for uri in [
            &at("specs/a b.yaml"),
            &at("specs/comuni/c.yaml"),
            &at("specs/dentro/c.yaml"),
            "https://ente.example/d.yaml",
            "https://ente.example/v1/d.yaml",
        ] {
            assert_eq!(told(uri), Ok(()), "{uri}");
        }
        for (uri, expected) in [
            (at("altrove/segreti.yaml"), "out of reach"),
            (at("specs/fuori.yaml"), "out of reach"),
            (at("specs") + "/../altrove/segreti.yaml", "out of reach"),
            (at("specs") + "/%2e%2e/altrove/segreti.yaml", "out of reach"),
            (at("specs/manca.yaml"), "cannot read the file"),
            ("https://ente.example/altro.yaml".into(), "is not here"),
            ("https://ente.example/v1/..%2f..%2faltrove/segreti.yaml".into(), "is not here"),
            ("https://ente.example/v1//etc/passwd".into(), "is not here"),
        ] {
            let message = told(&uri).expect_err("unread");
            assert!(message.contains(expected), "{uri}: {message}");
        }
    }
}
