//! What a document promises of who may call, against what the configuration asks for (OpenAPI's security requirements).

use contract::{Contract, Promise, Proof};
use document::{Fault, Section};
use http::HeaderName;

use super::eservice::Security;

/// What is asked of callers here, or shown to a provider.
pub(super) struct Asked<'a> {
    pub(super) security: &'a Security,
    /// Whether every connection has a certificate of the caller's, or of ours.
    pub(super) has_certificate: bool,
    /// The headers with tokens of ours that providers are shown.
    pub(super) shown: Vec<HeaderName>,
}

impl Asked<'_> {
    fn has(&self, proof: &Proof) -> bool {
        // Whether it is there is the contract's to say, and whether it is true the upstream's.
        if *self.security == Security::Upstream {
            return true;
        }
        match (self.security, proof) {
            (_, Proof::Certificate) => self.has_certificate,
            (Security::Voucher(_) | Security::Department(_), Proof::Bearer) => true,
            (Security::Department(_), Proof::Header(name)) => self.shown.contains(name),
            _ => false,
        }
    }

    fn keeps(&self, promise: &Promise) -> bool {
        // An alternative of nothing is always shown.
        promise.alternatives.is_empty() || promise.alternatives.iter().any(|all| all.iter().all(|scheme| self.has(&scheme.proof)))
    }
}

/// Tells where the document promises more than is asked for. Of our own e-services that is an error: who reads the document believes it. Of
/// others' it is a warning, because their documents are often wrong, and what they ask for is theirs to enforce.
pub(super) fn compare(section: &Section<'_>, contract: &Contract, asked: &Asked<'_>) {
    let is_ours = !matches!(asked.security, Security::Department(_));
    let acknowledged = section.texts("acknowledge").iter().any(|(word, _)| *word == ACKNOWLEDGED);
    if acknowledged && !is_ours {
        return;
    }
    let mut told: Vec<String> = Vec::new();
    for (operation, spec) in contract.operations().iter().enumerate() {
        let Some(promise) = contract.promise(operation).filter(|promise| !asked.keeps(promise)) else { continue };
        let place = promise.place.to_string();
        // One line of the document may speak for all operations.
        if told.contains(&place) {
            continue;
        }
        told.push(place);
        let wanted = alternatives(promise);
        let fault = if is_ours {
            let message = format!("the document promises that `{}` needs {wanted}, and `{}` does not ask for it", spec.id, section.name());
            Fault::error(promise.place.clone(), message).hint("take the promise out of the document, or ask for it under `security`")
        } else {
            let message = format!("the document says that `{}` needs {wanted}, and `{}` does not show it", spec.id, section.name());
            Fault::warning(promise.place.clone(), message)
                .hint(format!("write `acknowledge: [{ACKNOWLEDGED}]` if the provider does not ask for it"))
        };
        section.report(fault);
    }
}

/// The word by which the configuration says that a provider's document asks for what the provider does not.
const ACKNOWLEDGED: &str = "document-security";

fn alternatives(promise: &Promise) -> String {
    let words = |all: &Vec<contract::SecurityScheme>| all.iter().map(|scheme| scheme.proof.to_string()).collect::<Vec<_>>().join(" and ");
    promise.alternatives.iter().map(words).collect::<Vec<_>>().join(", or ")
}
