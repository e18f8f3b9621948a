//! Portals at which people of ours sign in, and whose tokens say who they are.

use std::sync::Arc;

use document::{Fault, Key, Section};
use http::HeaderName;
use http::header::AUTHORIZATION;

use super::IssuerConfig;
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

pub(super) fn compile(key: &Key, section: &Section<'_>, network: &Network) -> Option<PortalConfig> {
    let audience = section.required_text("audience");
    let header = match section.text("header") {
        None => Some(AUTHORIZATION),
        Some(text) => HeaderName::from_bytes(text.as_bytes()).ok().or_else(|| {
            section.report(Fault::error(section.place("header"), format!("`{text}` is no header name")));
            None
        }),
    };
    let mut issuer = super::issuer::compile(key, section, network)?;
    // Beside the environments of PDND, whose names are their own.
    issuer.name = format!("portal {}", key.text).into();
    Some(PortalConfig { name: key.text.as_str().into(), issuer, audience: audience?.into(), header: header? })
}
