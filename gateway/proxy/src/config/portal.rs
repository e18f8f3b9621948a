//! Portals at which people of ours sign in, and whose tokens say who they are.

use std::sync::Arc;

use document::{Fault, Key, Section};
use http::HeaderName;
use http::header::AUTHORIZATION;

use super::IssuerConfig;
use super::headers::is_reserved;
use super::network::Network;

/// A portal as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct PortalConfig {
    /// Its configured name.
    pub name: Arc<str>,
    /// Who it is, and where its keys are.
    pub issuer: IssuerConfig,
    /// What it calls us: `aud` of its tokens.
    pub audience: Arc<str>,
    /// The header in which its token is sent: after `Bearer` where it is `Authorization`.
    pub header: HeaderName,
}

pub(super) fn compile(key: &Key, section: &Section<'_>, issuers: &[IssuerConfig], network: &Network) -> Option<PortalConfig> {
    let audience = section.required_text("audience");
    let header = match section.text("header") {
        None => Some(AUTHORIZATION),
        Some(text) => {
            let name = HeaderName::from_bytes(text.as_bytes()).ok().filter(|name| *name == AUTHORIZATION || !is_reserved(name));
            if name.is_none() {
                let fault = Fault::error(section.place("header"), format!("`{text}` is no header that a token can be sent in"));
                section.report(fault.hint("`Authorization`, or one of its own such as `X-Token`"));
            }
            name
        }
    };
    let mut issuer = super::issuer::compile(key, section, network)?;
    if issuer.token.is_some() {
        section.report(Fault::error(section.place("token"), "a portal gives no vouchers"));
    }
    if audience.is_some_and(str::is_empty) || issuer.rules.issuer().is_empty() {
        section
            .report(Fault::error(section.here(), format!("`{}` needs an `issuer` and an `audience` that say something", section.name())));
    }
    if let Some(environment) = issuers.iter().find(|known| known.rules.issuer() == issuer.rules.issuer() || known.keys == issuer.keys) {
        let fault = Fault::error(section.here(), format!("the environment `{}` has the same issuer or keys", environment.name));
        section.report(fault.hint("a voucher of PDND says which client calls, and nothing of who signed in"));
    }
    // Beside the environments of PDND, whose names are their own.
    issuer.name = format!("portal {}", key.text).into();
    Some(PortalConfig { name: key.text.as_str().into(), issuer, audience: audience?.into(), header: header? })
}
