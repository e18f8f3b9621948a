//! Environments of PDND, and whoever else signs: their names for themselves, their keys, where they give vouchers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use document::{Fault, Key, Section};
use trust::IssuerRules;

use super::network::Network;
use super::{files, upstream};

/// An environment of PDND.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerConfig {
    /// Its configured name.
    pub name: Arc<str>,
    /// What its vouchers look like.
    pub rules: IssuerRules,
    /// Where its keys are.
    pub keys: KeySource,
    /// Keys of a URL to begin with, until they are fetched: it may not be there when the gateway starts.
    pub preload: Option<KeyFile>,
    /// When they are read again.
    pub refresh: trust::KeyRingRules,
    /// Where vouchers are asked for; for those whom nobody of ours calls, nowhere.
    pub token: Option<Arc<TokenServer>>,
}

/// Where an environment gives vouchers.
#[derive(Debug, PartialEq)]
pub struct TokenServer {
    /// Its address.
    pub upstream: Arc<crate::upstream::UpstreamRules>,
    /// The audience of assertions.
    pub audience: Box<str>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq)]
pub enum KeySource {
    /// A file; it is read again when due.
    File(KeyFile),
    /// A URL, asked through this upstream.
    Url(Arc<crate::upstream::UpstreamRules>),
}

/// A key set in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyFile {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 of what it said when the configuration was read.
    pub digest: [u8; 32],
}

/// The environment of this name, by its place.
pub(super) fn environment(section: &Section<'_>, name: &str, issuers: &[IssuerConfig]) -> Option<usize> {
    let found = issuers.iter().position(|issuer| *issuer.name == *name);
    if found.is_none() {
        let fault = Fault::error(section.place("pdnd"), format!("there is no environment `{name}`"));
        section.report(fault.hint("environments stand under `pdnd`"));
    }
    found
}

/// Where an environment gives vouchers, if it says so.
fn token_server(section: &Section<'_>, network: &Network) -> Option<Arc<TokenServer>> {
    let url = section.text("token");
    let audience = section.text("assertion_audience");
    let (Some(url), Some(audience)) = (url, audience) else {
        if url.is_some() != audience.is_some() {
            let fault =
                Fault::error(section.here(), format!("`{}` needs both `token` and `assertion_audience`, or neither", section.name()));
            section.report(
                fault.hint("such as `https://auth.uat.interop.pagopa.it/token.oauth2` and `auth.uat.interop.pagopa.it/client-assertion`"),
            );
        }
        return None;
    };
    if audience.contains("://") {
        let fault = Fault::error(section.place("assertion_audience"), "the audience of assertions has no scheme");
        section.report(fault.hint("as PDND writes it: `auth.uat.interop.pagopa.it/client-assertion`"));
    }
    let mut upstream = network.out(upstream::of_url(section, "token", url, network)?);
    // Whether it lives is looked at for all clients together, and by other rules than an upstream's.
    upstream.breaker.failures = u32::MAX;
    // Whoever needs a voucher waits for it: one that hangs costs less than an upstream that hangs.
    (upstream.connect_timeout, upstream.first_byte_timeout, upstream.total_timeout) =
        (Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(6));
    Some(Arc::new(TokenServer { upstream: Arc::new(upstream), audience: audience.into() }))
}

pub(super) fn compile(key: &Key, section: &Section<'_>, network: &Network) -> Option<IssuerConfig> {
    super::tenant::check_name(section, &key.text);
    if key.text.contains(' ') {
        section.report(Fault::error(section.here(), format!("the name of `{}` has a blank in it", section.name())));
    }
    let name = section.required_text("issuer");
    let keys = section.required_text("jwks").and_then(|text| key_source(section, text, network));
    let preload = section.text("preload").and_then(|text| preload(section, text, keys.as_ref()));
    let mut rules = IssuerRules::new(name?);
    let algorithms = section.texts("algorithms");
    if !algorithms.is_empty() {
        match rules.clone().allow(algorithms.iter().map(|(text, _)| *text)) {
            Ok(allowed) => rules = allowed,
            Err(error) => section.report(Fault::error(section.place("algorithms"), error.to_string())),
        }
    }
    let mut refresh = trust::KeyRingRules::default();
    if let Some(every) = section.duration("refresh") {
        refresh.refresh_after = every;
    }
    if let Some(after) = section.duration("retry") {
        refresh.retry_after = after.max(Duration::from_millis(100));
    }
    if let Some(oldest) = section.duration("max_age") {
        refresh.longest_age = oldest;
    }
    let token = token_server(section, network);
    Some(IssuerConfig { name: key.text.as_str().into(), rules, keys: keys?, preload, refresh, token })
}

fn key_source(section: &Section<'_>, text: &str, network: &Network) -> Option<KeySource> {
    if let Some(file) = text.strip_prefix("file:") {
        return Some(KeySource::File(key_file(section, "jwks", file)));
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return upstream::of_url(section, "jwks", text, network).map(|rules| KeySource::Url(Arc::new(network.out(rules))));
    }
    let fault = Fault::error(section.place("jwks"), "the key set is neither a file nor a URL");
    section.report(fault.hint("write `file:keys/jwks.json` or `https://…`"));
    None
}

fn key_file(section: &Section<'_>, key: &str, file: &str) -> KeyFile {
    let path = files::resolve(section, file);
    let read = std::fs::read(&path).map_err(|error| Fault::unreadable(section.place(key), &format!("`{file}`"), &error));
    let mut content = [0; 32];
    content.copy_from_slice(digest(&SHA256, read.as_deref().unwrap_or_default()).as_ref());
    let unusable = |fault| {
        let fault = Fault::error(section.place(key), format!("the key set cannot be used: {fault}"));
        fault.hint("such as PDND publishes it: `{ \"keys\": [{ \"kty\": \"RSA\", \"kid\": … }] }`")
    };
    if let Err(fault) = read.and_then(|bytes| trust::Jwks::parse(&bytes).map_err(unusable)) {
        section.report(fault);
    }
    KeyFile { path, digest: content }
}

fn preload(section: &Section<'_>, text: &str, keys: Option<&KeySource>) -> Option<KeyFile> {
    let fault = match (text.strip_prefix("file:"), keys) {
        (Some(_), Some(KeySource::File(_))) => {
            Fault::error(section.place("preload"), "keys from a file are there at once").hint("`preload` is for keys of a URL")
        }
        (Some(file), _) => return Some(key_file(section, "preload", file)),
        (None, _) => Fault::error(section.place("preload"), "what to begin with is no file").hint("write `file:keys/jwks.json`"),
    };
    section.report(fault);
    None
}
