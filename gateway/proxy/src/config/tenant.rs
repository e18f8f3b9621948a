//! Tenants: the administrations in whose name exchanges happen, with what is theirs alone.

use std::sync::Arc;

use document::{Fault, Key, Section};
use exchange::Tenant;
use trust::{Fingerprint, SigningKey, Uuid, Zeroizing};

use super::issuer::environment;
use super::limits::{PartyLimit, party};
use super::modi::is_plain;
use super::{IssuerConfig, Scope, identifier, secret};

/// A tenant as configured.
#[derive(Debug, PartialEq)]
pub struct TenantRules {
    /// Its name in the configuration.
    pub tenant: Tenant,
    /// Its id on PDND.
    pub producer: Option<Uuid>,
    /// What it may be.
    pub roles: Roles,
    /// Its clients on PDND.
    pub clients: Vec<Arc<ClientRules>>,
    /// Its purposes, by its own names for them.
    pub purposes: Vec<(Box<str>, Uuid)>,
    /// Who may act for it.
    pub delegates: Vec<Box<str>>,
    /// What it may take of the installation, all its e-services together.
    pub limits: PartyLimit,
}

/// What a tenant may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Others may call its e-services.
    pub provider: bool,
    /// It may call others'.
    pub consumer: bool,
}

/// A client that a tenant has registered on PDND.
#[derive(Debug)]
pub struct ClientRules {
    /// Its name among the tenant's.
    pub name: Box<str>,
    /// Its id on PDND.
    pub id: Uuid,
    /// The key that it signs with.
    pub key: SigningKey,
    /// The environment that it is registered in, by its place in the configuration.
    pub environment: usize,
    /// The same by its name, which is what tells environments of two configurations apart.
    pub environment_name: Arc<str>,
}

impl PartialEq for ClientRules {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.id, self.fingerprint(), &self.environment_name)
            == (&other.name, other.id, other.fingerprint(), &other.environment_name)
    }
}

impl ClientRules {
    /// The thumbprint of its key, which tells keys apart.
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }
}

impl TenantRules {
    /// The tenant that is meant where none is configured.
    pub(super) fn implicit(name: &str) -> Self {
        Self {
            tenant: Tenant::new(name),
            producer: None,
            roles: Roles { provider: true, consumer: true },
            clients: Vec::new(),
            purposes: Vec::new(),
            delegates: Vec::new(),
            limits: PartyLimit::default(),
        }
    }

    /// A client by its name.
    pub fn client(&self, name: &str) -> Option<&Arc<ClientRules>> {
        self.clients.iter().find(|client| *client.name == *name)
    }

    /// A purpose by its name.
    pub fn purpose(&self, name: &str) -> Option<Uuid> {
        self.purposes.iter().find(|(known, _)| **known == *name).map(|(_, id)| *id)
    }
}

pub(super) fn compile(key: &Key, section: &Section<'_>, issuers: &[IssuerConfig]) -> TenantRules {
    let _ = section.text("name");
    check_name(section, &key.text);
    let limits = section.section("limits").map(|section| party(&section)).unwrap_or_default();
    if limits.daily.is_some() {
        let fault = Fault::error(section.place("limits"), "a tenant has no quota of the day");
        section.report(fault.hint("quotas are each e-service's, and are counted for each tenant by itself"));
    }
    TenantRules {
        tenant: Tenant::new(&key.text),
        producer: section.text("producer").and_then(|text| identifier(section, "producer", text)),
        roles: roles(section),
        clients: section
            .named_sections("clients")
            .iter()
            .filter_map(|(key, section)| client(key, section, issuers))
            .map(Arc::new)
            .collect(),
        purposes: purposes(section),
        delegates: section.texts("delegates").into_iter().map(|(text, _)| text.into()).collect(),
        limits,
    }
}

/// A name stands in records, metrics and headers: no control characters, and not longer than anybody reads.
pub(super) fn check_name(section: &Section<'_>, name: &str) {
    if !is_plain(name, 100) {
        let fault =
            Fault::error(section.here(), format!("the name of `{}` should be 1 to 100 characters of ASCII", section.name().escape_debug()));
        section.report(fault.hint("it stands in records, metrics and headers; `name` holds what people call it"));
    }
}

fn roles(section: &Section<'_>) -> Roles {
    let words = section.texts("roles");
    for (word, place) in &words {
        if !["provider", "consumer"].contains(word) {
            section.report(
                Fault::error(place.clone(), format!("there is no role `{word}`")).hint("a tenant is `provider`, `consumer` or both"),
            );
        }
    }
    let is = |role: &str| words.is_empty() || words.iter().any(|(word, _)| *word == role);
    Roles { provider: is("provider"), consumer: is("consumer") }
}

fn client(key: &Key, section: &Section<'_>, issuers: &[IssuerConfig]) -> Option<ClientRules> {
    let id = section.required_text("id").and_then(|text| identifier(section, "id", text));
    let environment = section.required_text("pdnd").and_then(|text| environment(section, text, issuers));
    let signing = section.required_text("key").and_then(|text| secret::read(section, "key", text, true)).and_then(|pem| {
        let read = SigningKey::from_pem(Zeroizing::new(pem));
        read.map_err(|flaw| section.report(Fault::error(section.place("key"), format!("the key cannot be used: {flaw}")))).ok()
    });
    Some(ClientRules {
        name: key.text.as_str().into(),
        id: id?,
        key: signing?,
        environment: environment?,
        environment_name: issuers[environment?].name.clone(),
    })
}

fn purposes(section: &Section<'_>) -> Vec<(Box<str>, Uuid)> {
    section
        .named_texts("purposes")
        .into_iter()
        .filter_map(|(key, text, place)| {
            let id = trust::uuid(text);
            if id.is_none() {
                let fault = Fault::error(place, format!("the purpose `{}` should be a UUID", key.text));
                section.report(fault.hint("PDND writes 36 characters, such as 9ed89edd-d684-4325-b600-e6129ec04ece"));
            }
            Some((key.text.as_str().into(), id?))
        })
        .collect()
}

impl Scope<'_> {
    /// The tenant that a section names, or the implicit one.
    pub(super) fn tenant(&self, section: &Section<'_>) -> Option<Arc<TenantRules>> {
        let Some(name) = section.text("tenant") else { return Some(self.implicit.clone()) };
        let found = self.tenants.get(name);
        if found.is_none() {
            let fault = Fault::error(section.place("tenant"), format!("there is no tenant `{name}`"));
            let near = document::nearest(name, self.tenants.keys().copied());
            section
                .report(fault.hint(near.map_or_else(|| "tenants stand under `tenants`".into(), |near| format!("did you mean `{near}`?"))));
        }
        found.cloned()
    }
}

/// What no tenant can see by itself: who is named as a delegate, and what belongs to one alone.
pub(super) fn check(tenants: &[(TenantRules, &Section<'_>)]) {
    for (at, (tenant, section)) in tenants.iter().enumerate() {
        for delegate in tenant.delegates.iter().filter(|name| !tenants.iter().any(|(known, _)| *known.tenant.0 == ***name)) {
            let fault =
                Fault::error(section.place("delegates"), format!("there is no tenant `{delegate}` to act for `{}`", tenant.tenant.name()));
            section.report(fault.hint("a delegate is a tenant of this installation"));
        }
        for (other, first) in &tenants[..at] {
            let twice = |what: &str| {
                let message = format!("{what} of `{}` is one of `{}`", tenant.tenant.name(), other.tenant.name());
                section.report(Fault::error(section.here(), message).hint(format!("it stands first at {}", first.here())));
            };
            if tenant
                .clients
                .iter()
                .any(|client| other.clients.iter().any(|known| known.id == client.id && known.environment == client.environment))
            {
                twice("a client");
            }
            if tenant.producer.is_some() && tenant.producer == other.producer {
                twice("the `producer`");
            }
            if let Some(client) =
                tenant.clients.iter().find(|client| other.clients.iter().any(|known| known.fingerprint() == client.fingerprint()))
            {
                let message = format!(
                    "the key of the client `{}` of `{}` is also one of `{}`",
                    client.name,
                    tenant.tenant.name(),
                    other.tenant.name()
                );
                section.report(Fault::warning(section.here(), message).hint("whoever holds it can sign for both"));
            }
            if tenant.purposes.iter().any(|(_, id)| other.purposes.iter().any(|(_, known)| known == id)) {
                twice("a purpose");
            }
        }
    }
}
