use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trust::{SigningKey, Zeroizing};

use crate::SandboxError;

/// The name under which the platform's own key is kept.
pub(crate) const PLATFORM: &str = "pdnd";

/// The private keys of everybody in the sandbox, by name.
pub(crate) type Keys = BTreeMap<String, Arc<SigningKey>>;

/// A key for each name: read from the folder where one lies there already, else made and, if there is a folder, kept in it.
/// Keys are made beside one another, off the runtime's threads: one takes a good part of a second in a debug build.
pub(crate) async fn prepare(names: Vec<String>, folder: Option<PathBuf>) -> Result<Keys, SandboxError> {
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, error))?;
    }
    let making: Vec<_> = names
        .into_iter()
        .map(|name| {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || one(&name, folder.as_deref()).map(|key| (name, Arc::new(key))))
        })
        .collect();
    let mut keys = Keys::new();
    for made in making {
        let (name, key) = made.await.map_err(|_| SandboxError::KeyNotMade)??;
        keys.insert(name, key);
    }
    Ok(keys)
}

fn one(name: &str, folder: Option<&Path>) -> Result<SigningKey, SandboxError> {
    let Some(folder) = folder else { return SigningKey::generate().map_err(|_| SandboxError::KeyNotMade) };
    let path = folder.join(format!("{name}.pem"));
    match std::fs::read(&path) {
        Ok(pem) => SigningKey::from_pem(Zeroizing::new(pem)).map_err(|flaw| unusable(&path, io::Error::other(flaw))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::generate().map_err(|_| SandboxError::KeyNotMade)?;
            let (private, public) = (key.to_pem(), key.public_pem());
            let (private, public) = private.and_then(|private| Ok((private, public?))).map_err(|_| SandboxError::KeyNotMade)?;
            write_private(&path, private.as_bytes()).map_err(|error| unusable(&path, error))?;
            let path = folder.join(format!("{name}.pub.pem"));
            std::fs::write(&path, public).map_err(|error| unusable(&path, error))?;
            Ok(key)
        }
        Err(error) => Err(unusable(&path, error)),
    }
}

fn unusable(path: &Path, error: io::Error) -> SandboxError {
    SandboxError::KeyFile { path: path.to_owned(), error }
}

/// Readable by its owner alone from the first byte on.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text)
}
