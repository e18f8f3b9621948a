//! `varco backup` and `varco restore`: a folder that holds all that one gateway is: its configuration with what that names, and its log.

mod manifest;
mod restore;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{SHA256, digest};
use clap::Args;
use store::read::Progress;

use crate::audit::progress;
use crate::configured::Configured;
use manifest::{FORMAT, KeptFile, KeptLog, Manifest};
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

/// Makes a backup, while the gateway runs or not. It is whole once its manifest is there.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let to = &arguments.to;
    let configuration = arguments.configured.usable()?;
    if to.exists() {
        bail!("{} is there already: a backup has a folder of its own", to.display());
    }
    let made = proxy::now();
    for folder in [to.clone(), to.join(FILES), to.join(LOG)] {
        fs::DirBuilder::new().mode(0o700).create(&folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let mut files = Vec::new();
    for (number, path) in arguments.configured.files().into_iter().enumerate() {
        files.push(keep(&path, to, number).with_context(|| format!("keeping {}", path.display()))?);
    }
    let store = std::path::absolute(&configuration.audit.store)?;
    let log = if store.is_dir() {
        let copied = store::copy(&store, &to.join(LOG), told("copying")).with_context(|| format!("copying {}", store.display()))?;
        for name in BESIDE.into_iter().filter(|name| store.join(name).is_file()) {
            fs::copy(store.join(name), to.join(LOG).join(name))?;
        }
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
        files,
        log,
    };
    manifest.check(to)?;
    manifest.write(to)?;
    println!("{}: {manifest}", to.display());
    println!("it holds private keys: keep it as you keep those");
    Ok(ExitCode::SUCCESS)
}

/// Copies a file under a name of its own.
fn keep(path: &Path, to: &Path, number: usize) -> anyhow::Result<KeptFile> {
    let path = std::path::absolute(path)?;
    let bytes = fs::read(&path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let stored = format!("{FILES}/{number:04}-{name}");
    write_new(&to.join(&stored), &bytes, 0o600)?;
    Ok(KeptFile { mode: fs::metadata(&path)?.mode() & 0o777, sha256: sha256(&bytes), path, stored })
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
