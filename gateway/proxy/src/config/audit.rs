//! The audit log: where it is kept, under which name, and what its records commit to.

use std::path::PathBuf;
use std::sync::Arc;

use ::audit::Salts;
use ::audit::segment::LONGEST_BASE;
use document::{Fault, Section};

use super::credentials::fingerprint;
use super::{files, secret};

/// Where and how the audit log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRules {
    /// The folder.
    pub store: PathBuf,
    /// The log's origin (C2SP tlog-checkpoint): a schemaless URL.
    pub origin: String,
    /// The most bytes waiting to be written.
    pub queue_bytes: u64,
    /// Refusals of strangers that are recorded one by one, a second.
    pub strangers: u64,
    /// What commitments in records are salted with.
    pub commitments: Option<Arc<Secret>>,
}

/// A secret that salts are made of.
#[derive(Debug)]
pub struct Secret {
    /// The salts.
    pub salts: Salts,
    digest: [u8; 32],
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Secret {}

/// What is different of each process under one configuration: its name, which the environment may tell.
pub(super) fn node(main: &Section<'_>) -> Option<Arc<str>> {
    let text = main.text("node")?;
    let name = match text.strip_prefix("env:") {
        None => Some(text.to_owned()),
        Some(variable) => std::env::var(variable).ok().filter(|name| !name.is_empty()),
    };
    let name = name.filter(|name| {
        !name.starts_with('.')
            && name.len() <= LONGEST_NODE
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    });
    if name.is_none() {
        let fault = Fault::error(main.place("node"), format!("`{text}` is no name of a node"));
        main.report(fault.hint("letters, digits, `-`, `.` and `_`; or `env:NAME`, a variable that is set"));
    }
    name.map(Into::into)
}

/// The longest name of a node.
const LONGEST_NODE: usize = 128;

/// Reads `audit`.
pub(super) fn compile(main: &Section<'_>, node: &str) -> AuditRules {
    let section = main.required("audit").and_then(|_| main.section("audit"));
    let Some(section) = section else {
        return AuditRules { store: PathBuf::new(), origin: String::new(), queue_bytes: 0, strangers: 0, commitments: None };
    };
    let store = section.required_text("store").map(|text| files::resolve(&section, text)).unwrap_or_default();
    // Two logs of one name would pass for one that was told differently to different people.
    let origin = section.text("origin").unwrap_or("{node}/log").replace("{node}", node);
    if origin.len() > LONGEST_BASE {
        let fault = Fault::error(section.place("origin"), format!("a log's name has at most {LONGEST_BASE} bytes"));
        section.report(fault.hint("a URL without its scheme, such as `varco.comune-x.example/{node}`"));
    }
    AuditRules {
        store,
        origin,
        queue_bytes: section.bytes("queue").unwrap_or(16 << 20),
        strangers: section.rate("strangers").map_or(100, |(count, per)| (count / per.as_secs().max(1)).max(1)),
        commitments: section.text("commitments").and_then(|text| commitments(&section, text)).map(Arc::new),
    }
}

/// A line end at the end of a file is not the secret's.
fn commitments(section: &Section<'_>, text: &str) -> Option<Secret> {
    let read = secret::read(section, "commitments", text, false)?;
    let read = read.trim_ascii();
    let Some(salts) = Salts::new(read) else {
        let message = format!("a secret of less than {} bytes can be guessed", Salts::SHORTEST);
        section.report(Fault::error(section.place("commitments"), message).hint("such as the output of `openssl rand -hex 32`"));
        return None;
    };
    Some(Secret { salts, digest: fingerprint(read) })
}
