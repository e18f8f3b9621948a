//! What a backup says of itself.

use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use store::read;

use super::{LOG, sha256, told, write_new};

/// The format that is written and read.
pub(super) const FORMAT: u32 = 1;
/// The file that it stands in.
const FILE: &str = "manifest.json";

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The version that made it.
    pub(super) varco: String,
    pub(super) installation: String,
    pub(super) node: String,
    /// When it was begun: what was recorded later may be missing.
    pub(super) made: String,
    /// Folders, with whose they were: those that are missing are made so.
    pub(super) folders: Vec<(PathBuf, Owned)>,
    pub(super) files: Vec<KeptFile>,
    /// The audit log, if there was one yet.
    pub(super) log: Option<KeptLog>,
}

/// A file of the configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptFile {
    /// Where it was.
    pub(super) path: PathBuf,
    /// Where it is in the backup.
    pub(super) stored: String,
    pub(super) sha256: String,
    pub(super) owned: Owned,
    /// Where it leads, if it is a symbolic link.
    pub(super) link: Option<PathBuf>,
}

/// Whose something is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Owned {
    pub(super) user: u32,
    pub(super) group: u32,
    /// The rights of owner, group and others.
    pub(super) mode: u32,
}

impl Owned {
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self { user: found.uid(), group: found.gid(), mode: found.mode() & 0o777 })
    }

    /// Makes it so, as far as this user may.
    pub(super) fn apply(self, path: &Path) -> std::io::Result<()> {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(path, Some(self.user), Some(self.group))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(self.mode & 0o777))
    }
}

/// The audit log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptLog {
    /// Where it was.
    pub(super) folder: PathBuf,
    /// Its name in the configuration.
    pub(super) origin: String,
    /// The number of the frame after its last.
    pub(super) seq: u64,
    /// The chain value after its last batch.
    #[serde(with = "hex::serde")]
    pub(super) chain: [u8; 32],
}

impl Manifest {
    /// Reads that of a backup.
    pub(super) fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(FILE);
        let bytes = fs::read(&path).with_context(|| format!("reading {}: a backup is whole once it is there", path.display()))?;
        // First, so that a later format is called that, whatever else is new in it.
        let format = serde_json::from_slice::<serde_json::Value>(&bytes).ok().and_then(|value| value["format"].as_u64());
        match format {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                bail!("the backup is of the format {format}, and this version knows {FORMAT}: restore it with the version that made it")
            }
            None => bail!("{} is no manifest of a backup", path.display()),
        }
        let manifest: Self = serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
        let places = manifest.files.iter().map(|file| &file.path).chain(manifest.folders.iter().map(|(path, _)| path));
        let leads_out = |path: &&PathBuf| !path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir);
        if let Some(path) = places.chain(manifest.log.iter().map(|log| &log.folder)).find(leads_out) {
            bail!("`{}` in the backup is no place of a file", path.display());
        }
        Ok(manifest)
    }

    /// Writes it, which makes the backup whole.
    pub(super) fn write(&self, backup: &Path) -> anyhow::Result<()> {
        write_new(&backup.join(FILE), &serde_json::to_vec_pretty(self)?, 0o600).context("writing the manifest")
    }

    /// Holds what is there against it: every file by its digest, and the log by its chain.
    pub(super) fn check(&self, backup: &Path) -> anyhow::Result<()> {
        for KeptFile { stored, sha256: expected, path, .. } in &self.files {
            if sha256(&kept(backup, stored)?) != *expected {
                bail!("{stored} of the backup is not what {} was", path.display());
            }
        }
        if let Some(log) = &self.log {
            let report = read::verify(&backup.join(LOG), told("verifying"))?;
            if report.fault_count > 0 || report.chain != log.chain {
                bail!(
                    "the log in the backup is not the one that was copied: {} faults, chain sha256:{}",
                    report.fault_count,
                    hex::encode(report.chain)
                );
            }
        }
        Ok(())
    }
}

/// What was kept under this name, which leads nowhere else.
pub(super) fn kept(backup: &Path, stored: &str) -> anyhow::Result<Vec<u8>> {
    if Path::new(stored).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        bail!("`{stored}` is no name in a backup");
    }
    fs::read(backup.join(stored)).with_context(|| format!("reading {stored} of the backup"))
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, {} files", self.installation, self.node, self.files.len())?;
        match &self.log {
            Some(log) => write!(f, ", the log up to frame {} (chain sha256:{})", log.seq, hex::encode(log.chain)),
            None => write!(f, ", no log yet"),
        }
    }
}
