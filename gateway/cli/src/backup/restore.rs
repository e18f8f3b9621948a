//! `varco restore`.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use exchange::Timestamp;
use store::Options;

use super::manifest::{KeptFile, KeptLog, Manifest, Owned, kept};
use super::{BESIDE, LOG, write_new};

/// What to put back, and where.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The backup.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    /// Put everything below this folder instead of where it was.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Put back files that are there already and have changed since. A log is never overwritten.
    #[arg(long)]
    overwrite: bool,
}

/// Puts a backup back, after all of it was looked at and can be written: the files, and last the log, which goes on in another epoch. What
/// breaks off can be done again.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let from = &arguments.from;
    let manifest = Manifest::read(from)?;
    manifest.check(from)?;
    let place = |path: &Path| match &arguments.root {
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    };
    if let Some(folder) = manifest.log.as_ref().map(|log| place(&log.folder))
        && folder.is_dir()
        && !store::read::segment_names(&folder)?.is_empty()
    {
        bail!(
            "there is a log in {} already, and a log is never overwritten: put it elsewhere, or restore below `--root`",
            folder.display()
        );
    }
    let mut missing = Vec::new();
    let mut changed = Vec::new();
    for file in &manifest.files {
        let (path, bytes) = (place(&file.path), kept(from, &file.stored)?);
        match &file.link {
            Some(target) if fs::read_link(&path).is_ok_and(|found| found == *target) => {}
            None if fs::read(&path).is_ok_and(|found| found == bytes) => {}
            _ => {
                if fs::symlink_metadata(&path).is_ok() {
                    changed.push(path.display().to_string());
                }
                missing.push((path, bytes, file));
            }
        }
    }
    if !changed.is_empty() && !arguments.overwrite {
        bail!("these have changed since: {}\nnothing was done; `--overwrite` puts back what they were", changed.join(", "));
    }
    let folders: Vec<(PathBuf, Owned)> = manifest.folders.iter().map(|(path, owned)| (place(path), *owned)).collect();
    // Beside their places, so that what cannot be written stops it before anything is there.
    let mut staged = Vec::new();
    for (path, bytes, file) in &missing {
        staged.push((stage(path, bytes, file, &folders).with_context(|| format!("putting back {}", path.display()))?, path));
    }
    for (next, path) in staged {
        fs::rename(next, path).with_context(|| format!("putting back {}", path.display()))?;
    }
    let log = manifest.log.as_ref().map(|log| restore_log(log, &manifest, from, &place(&log.folder), &folders)).transpose()?;
    println!("{manifest}: all of it is back");
    if let Some(origin) = log {
        println!("the log goes on as {origin}; what was recorded after {} is not in it", manifest.made);
    }
    Ok(ExitCode::SUCCESS)
}

fn restore_log(log: &KeptLog, manifest: &Manifest, from: &Path, to: &Path, folders: &[(PathBuf, Owned)]) -> anyhow::Result<String> {
    let made = Timestamp::parse(&manifest.made).context("the manifest does not say when the backup was made")?;
    if let Some(parent) = to.parent() {
        make_folders(parent, folders)?;
    }
    let options = Options::new(log.origin.clone(), manifest.node.clone());
    let origin =
        store::put_back(&from.join(LOG), to, &options, made).with_context(|| format!("putting back the log in {}", to.display()))?;
    for name in BESIDE.into_iter().filter(|name| from.join(LOG).join(name).is_file()) {
        fs::copy(from.join(LOG).join(name), to.join(name))?;
    }
    if let Some((_, owned)) = folders.iter().find(|(path, _)| path == to) {
        for entry in fs::read_dir(to)? {
            Owned { mode: owned.mode & 0o666, ..*owned }.apply(&entry?.path())?;
        }
        owned.apply(to)?;
    }
    Ok(origin)
}

/// Makes the folders that are missing, as they were.
fn make_folders(folder: &Path, folders: &[(PathBuf, Owned)]) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent, folders)?;
    }
    fs::DirBuilder::new().mode(0o750).create(folder)?;
    folders.iter().find(|(path, _)| path == folder).map_or(Ok(()), |(_, owned)| owned.apply(folder))
}

/// Writes it beside its place; gives where.
fn stage(path: &Path, bytes: &[u8], file: &KeptFile, folders: &[(PathBuf, Owned)]) -> anyhow::Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folders(folder, folders)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let next = folder.join(format!(".{name}.restored"));
    let _ = fs::remove_file(&next);
    match &file.link {
        Some(target) => std::os::unix::fs::symlink(target, &next)?,
        None => {
            write_new(&next, bytes, 0o600)?;
            file.owned.apply(&next)?;
        }
    }
    Ok(next)
}
