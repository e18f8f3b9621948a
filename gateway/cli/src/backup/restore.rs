//! `varco restore`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use exchange::Timestamp;
use store::Options;

use super::manifest::{KeptFile, KeptLog, Manifest, kept};
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

/// Puts a backup back, after all of it was looked at. The log goes on in another epoch.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let from = &arguments.from;
    let manifest = Manifest::read(from)?;
    manifest.check(from)?;
    let place = |path: &Path| match &arguments.root {
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    };
    let mut files = Vec::new();
    for KeptFile { path, stored, mode, .. } in &manifest.files {
        files.push((place(path), kept(from, stored)?, *mode));
    }
    let changed: Vec<String> = files
        .iter()
        .filter(|(path, bytes, _)| path.exists() && fs::read(path).ok().as_ref() != Some(bytes))
        .map(|(path, ..)| path.display().to_string())
        .collect();
    if !changed.is_empty() && !arguments.overwrite {
        bail!("these have changed since: {}\nnothing was done; `--overwrite` puts back what they were", changed.join(", "));
    }
    // First, because it refuses to lie over another.
    let log = manifest.log.as_ref().map(|log| restore_log(log, &manifest, from, &place(&log.folder))).transpose()?;
    for (path, bytes, mode) in &files {
        put(path, bytes, *mode).with_context(|| format!("putting back {}", path.display()))?;
    }
    println!("{manifest}: all of it is back");
    if let Some(origin) = log {
        println!("the log goes on as {origin}; what was recorded after {} is not in it", manifest.made);
    }
    Ok(ExitCode::SUCCESS)
}

fn restore_log(log: &KeptLog, manifest: &Manifest, from: &Path, to: &Path) -> anyhow::Result<String> {
    let made = Timestamp::parse(&manifest.made).context("the manifest does not say when the backup was made")?;
    store::put_back(&from.join(LOG), to).with_context(|| format!("putting back the log in {}", to.display()))?;
    for name in BESIDE.into_iter().filter(|name| from.join(LOG).join(name).is_file()) {
        fs::copy(from.join(LOG).join(name), to.join(name))?;
    }
    let options = Options::new(log.origin.clone(), manifest.node.clone());
    store::begin_epoch(to, &options, made).with_context(|| format!("beginning another epoch of the log in {}", to.display()))
}

/// Whole or not at all.
fn put(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let next = folder.join(format!(".{name}.restored"));
    let _ = fs::remove_file(&next);
    write_new(&next, bytes, 0o600)?;
    fs::set_permissions(&next, fs::Permissions::from_mode(mode))?;
    fs::rename(next, path)?;
    Ok(())
}
