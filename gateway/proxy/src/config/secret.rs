//! Secrets: `env:NAME` or `file:path`, read at load and never printed.

use document::{Fault, Section};

use super::files::resolve;

/// The bytes that a value names. `bare` says whether a value without a prefix is a path, as for certificates and keys.
pub(super) fn read(section: &Section<'_>, key: &'static str, text: &str, bare: bool) -> Option<Vec<u8>> {
    let fault = |message: String, hint: &str| {
        section.report(Fault::error(section.place(key), message).hint(hint));
        None
    };
    if let Some(name) = text.strip_prefix("env:") {
        return match std::env::var(name) {
            Ok(value) => Some(value.into_bytes()),
            Err(_) => {
                fault(format!("the environment variable `{name}` is not set"), "set it where varco is started, or name a file: `file:path`")
            }
        };
    }
    let path = match text.strip_prefix("file:") {
        Some(path) => path,
        None if bare => text,
        None => {
            let message = format!("`{}.{key}` should be `env:NAME` or `file:path`, never the secret itself", section.name());
            return fault(message, "a secret that stood in a configuration is to be replaced");
        }
    };
    // Pasted where its path belongs, the secret itself would stand in the message.
    if path.contains("-----BEGIN") || path.contains('\n') {
        let message = format!("`{}.{key}` should be a path or `env:NAME`, never the secret itself", section.name());
        return fault(message, "a secret that stood in a configuration is to be replaced");
    }
    match std::fs::read(resolve(section, path)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            section.report(Fault::unreadable(section.place(key), &format!("`{path}`"), &error));
            None
        }
    }
}
