//! `varco backup` and `varco restore`: a folder that holds all that one gateway is: its configuration with what that names, and its log.

mod manifest;
mod restore;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{SHA256, digest};
use clap::Args;
use store::read::Progress;

use crate::audit::progress;
use crate::configured::Configured;
use manifest::{FORMAT, KeptFile, KeptLog, Manifest, Owned};
pub(crate) use restore::{Arguments as RestoreArguments, run as restore};

/// The folder of the files in a backup, and that of the log.
const FILES: &str = "files";
const LOG: &str = "log";
/// What is kept beside the segments of a log.
const BESIDE: [&str; 1] = ["siem.cursor"];

/// What to keep, and where.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    /// The folder to make. It will hold private keys: whoever may read it may speak for you.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// Makes a backup, while the gateway runs or not, under another name until it is whole.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let to = std::path::absolute(&arguments.to)?;
    if to.exists() {
        bail!("{} is there already: a backup has a folder of its own", to.display());
    }
    let configuration = arguments.configured.usable()?;
    let name = to.file_name().and_then(|name| name.to_str()).context("a backup has a folder with a name")?;
    let making = to.with_file_name(format!(".{name}.partial"));
    if making.exists() {
        fs::remove_dir_all(&making)?;
    }
    let made = proxy::now();
    for folder in [making.clone(), making.join(FILES), making.join(LOG)] {
        fs::DirBuilder::new().mode(0o700).create(&folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let mut files = Vec::new();
    // Where a name leads is kept as well as the name.
    let mut paths: VecDeque<PathBuf> = configuration.files().into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop_front() {
        let path = std::path::absolute(path)?;
        if !seen.insert(path.clone()) {
            continue;
        }
        let kept = keep(&path, &making, files.len()).with_context(|| format!("keeping {}", path.display()))?;
        if let Some(link) = &kept.link {
            paths.push_back(path.parent().unwrap_or(Path::new("/")).join(link));
        }
        files.push(kept);
    }
    let mut folders: BTreeSet<PathBuf> = files.iter().filter_map(|file| Some(file.path.parent()?.to_owned())).collect();
    let store = std::path::absolute(&configuration.audit.store)?;
    let has_log = store.is_dir() && !store::read::segment_names(&store)?.is_empty();
    let log = if has_log {
        // First, so that none is ahead of the log that is copied.
        for name in BESIDE.into_iter().filter(|name| store.join(name).is_file()) {
            fs::copy(store.join(name), making.join(LOG).join(name))?;
        }
        let copied = store::copy(&store, &making.join(LOG), told("copying"))
            .with_context(|| format!("copying {}: see `varco audit verify`", store.display()))?;
        folders.insert(store.clone());
        Some(KeptLog { folder: store, origin: configuration.audit.origin.clone(), seq: copied.seq, chain: copied.chain })
    } else {
        None
    };
    let manifest = Manifest {
        format: FORMAT,
        varco: env!("CARGO_PKG_VERSION").into(),
        installation: configuration.installation.to_string(),
        node: configuration.node.to_string(),
        made: made.to_string(),
        folders: folders.into_iter().map(|path| Owned::of(&path).map(|owned| (path, owned))).collect::<std::io::Result<_>>()?,
        files,
        log,
    };
    manifest.write(&making)?;
    manifest.check(&making)?;
    fs::rename(&making, &to)?;
    println!("{}: {manifest}", to.display());
    println!("it holds private keys: keep it as you keep those");
    Ok(ExitCode::SUCCESS)
}

/// Copies a file under a name of its own, or notes where a link leads.
fn keep(path: &Path, to: &Path, number: usize) -> anyhow::Result<KeptFile> {
    let link = fs::symlink_metadata(path)?.is_symlink().then(|| fs::read_link(path)).transpose()?;
    let bytes = if link.is_some() { Vec::new() } else { fs::read(path)? };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let stored = format!("{FILES}/{number:04}-{name}");
    write_new(&to.join(&stored), &bytes, 0o600)?;
    Ok(KeptFile { owned: Owned::of(path)?, sha256: sha256(&bytes), path: path.to_owned(), stored, link })
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// Writes a file that is not there yet, durably.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Says how far it has come, where somebody watches.
fn told(what: &'static str) -> impl FnMut(Progress<'_>) {
    move |step| progress(what, step)
}
