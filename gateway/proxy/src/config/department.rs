//! The departments that call through an outbound e-service: how each is known, in whose name it calls, and what for.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use document::{Fault, Key, Section};
use trust::Uuid;

use super::credentials::{self, Credentials};
use super::eservice::Instance;
use super::modi::{Automated, EvidenceRules};
use super::upstream::InstanceUrl;
use super::{ClientRules, Scope, TenantRules};

/// The departments of an outbound e-service.
#[derive(Debug, Default, PartialEq)]
pub struct Departments {
    /// In the configuration's order: that of the e-service's instances too.
    pub list: Vec<Department>,
    /// Whose key has this SHA-256.
    by_key: HashMap<[u8; 32], usize>,
    /// Whose certificate has this SHA-256, of those that show no key.
    by_certificate: HashMap<[u8; 32], usize>,
    /// Those that are known by their portal's token alone.
    by_token: Vec<usize>,
}

/// A department as configured.
#[derive(Debug, PartialEq)]
pub struct Department {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What it shows.
    pub credentials: Credentials,
    /// The client on PDND that asks for its vouchers.
    pub client: Arc<ClientRules>,
    /// What it may call for.
    pub purposes: Vec<PurposeChoice>,
    /// What it says of itself where it is no person but a process.
    pub automated: Option<Automated>,
}

/// A purpose that a department may call for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurposeChoice {
    /// The tenant's name for it, if it has one.
    pub name: Option<Box<str>>,
    /// Its id on PDND.
    pub id: Uuid,
}

impl PurposeChoice {
    /// Whether a caller means it by this.
    pub fn is_meant_by(&self, text: &str) -> bool {
        self.name.as_deref() == Some(text) || trust::uuid(text) == Some(self.id)
    }
}

impl Departments {
    /// Whose the key is that has this SHA-256, by its place. What is found by the digest is compared in a time that does not tell
    /// how much of it is right.
    pub fn by_key(&self, digest: &[u8; 32]) -> Option<usize> {
        let (known, &place) = self.by_key.get_key_value(digest)?;
        verify_slices_are_equal(known, digest).is_ok().then_some(place)
    }

    /// Whose the certificate is that has this SHA-256. It is public, and was proven by whoever has its key.
    pub fn by_certificate(&self, fingerprint: &[u8; 32]) -> Option<usize> {
        self.by_certificate.get(fingerprint).copied()
    }

    /// Those that a portal's token alone tells apart.
    pub fn by_token(&self) -> &[usize] {
        &self.by_token
    }

    /// Whether any shows a key.
    pub fn have_keys(&self) -> bool {
        !self.by_key.is_empty()
    }

    /// Adds one that is told apart from those that are here; else the first that is known in the same way.
    fn add(&mut self, department: Department) -> Result<(), Clash> {
        let place = self.list.len();
        let Credentials { key, certificates, token } = &department.credentials;
        let clash = if let Some(digest) = key {
            self.by_key.insert(*digest, place).map(|first| (first, "key"))
        } else if !certificates.is_empty() {
            certificates.iter().find_map(|one| self.by_certificate.insert(*one, place)).map(|first| (first, "certificate"))
        } else {
            let same = |&&other: &&usize| {
                let known = &self.list[other].credentials.token;
                // Unless a claim tells them apart, one token could mean both.
                !token.iter().any(|(claim, value)| known.iter().any(|(other, said)| other == claim && said != value))
            };
            let first = self.by_token.iter().find(same).copied();
            self.by_token.push(place);
            first.map(|first| (first, "token"))
        };
        self.list.push(department);
        clash.map_or(Ok(()), |(first, key)| Err(Clash { first: self.list[first].name.clone(), key }))
    }
}

/// Two departments that are known by the same thing.
struct Clash {
    first: Arc<str>,
    key: &'static str,
}

/// Reads `consumers`. Each is an instance too: the same place in both lists.
pub(super) fn compile(
    section: &Section<'_>,
    scope: &Scope<'_>,
    evidence: Option<&EvidenceRules>,
) -> (Departments, Vec<(Instance, InstanceUrl)>) {
    let mut departments = Departments::default();
    let mut instances = Vec::new();
    let found = section.named_sections("consumers");
    if found.is_empty() {
        let fault = Fault::error(section.here(), format!("`{}` needs `consumers`", section.name()));
        section.report(fault.hint("the departments that call through it, each with tenant, key, client and purpose"));
    }
    let has_portal = section.node("portal").is_some();
    for (key, section) in &found {
        let credentials = credentials::compile(section, has_portal);
        let own = InstanceUrl::read(section);
        let Some((department, instance)) = department(key, section, scope, evidence, credentials) else { continue };
        if let Err(Clash { first, key }) = departments.add(department) {
            let fault = Fault::error(section.place(key), format!("`{first}` has the same {key}"));
            section.report(fault.hint(format!("a {key} says who calls: each department needs its own")));
        }
        instances.push((instance, own));
    }
    (departments, instances)
}

fn department(
    key: &Key,
    section: &Section<'_>,
    scope: &Scope<'_>,
    evidence: Option<&EvidenceRules>,
    credentials: Option<Credentials>,
) -> Option<(Department, Instance)> {
    let automated = super::modi::automated(section, evidence);
    let tenant = scope.tenant(section);
    let client_name = section.required_text("client");
    let (one, many) = (section.texts("purpose"), section.texts("purposes"));
    let tenant = tenant?;
    if !tenant.roles.consumer {
        let fault = Fault::error(section.place("tenant"), format!("the tenant `{}` is no consumer", tenant.tenant.name()));
        section.report(fault.hint("it has `roles: [provider]`"));
    }
    if tenant.producer.is_none() {
        let fault =
            Fault::error(section.place("tenant"), format!("the tenant `{}` calls others and has no `producer`", tenant.tenant.name()));
        section.report(fault.hint("its id on PDND: as a consumer it is counted and recorded by it"));
    }
    super::tenant::check_name(section, &key.text);
    let client = client_name.and_then(|name| client(section, name, &tenant, scope));
    if one.is_empty() && many.is_empty() {
        let fault = Fault::error(section.here(), format!("`{}` needs `purpose` or `purposes`", section.name()));
        section.report(fault.hint("the purpose on PDND that it calls for: a UUID, or a name from the tenant's `purposes`"));
    }
    let listed = one.len() + many.len();
    let purposes: Vec<PurposeChoice> =
        one.into_iter().chain(many).filter_map(|(text, place)| purpose(section, text, place, &tenant, scope)).collect();
    let (client, owner) = client?;
    if purposes.len() < listed || purposes.is_empty() {
        return None;
    }
    let delegate = (owner.tenant != tenant.tenant).then(|| owner.tenant.clone());
    let instance = Instance { tenant: tenant.tenant.clone(), delegate, issuer: Some(client.environment) };
    Some((Department { name: key.text.as_str().into(), credentials: credentials?, client, purposes, automated }, instance))
}

/// A client of the tenant, or `other/name`: one of a tenant that acts for it.
fn client(section: &Section<'_>, text: &str, tenant: &Arc<TenantRules>, scope: &Scope<'_>) -> Option<(Arc<ClientRules>, Arc<TenantRules>)> {
    let fault = |message: String, hint: String| {
        section.report(Fault::error(section.place("client"), message).hint(hint));
        None
    };
    let (owner, name) = match text.split_once('/') {
        None => (tenant, text),
        Some((owner, name)) => {
            if !tenant.delegates.iter().any(|delegate| **delegate == *owner) {
                let message = format!("`{owner}` does not act for `{}`", tenant.tenant.name());
                return fault(message, format!("write `delegates: [{owner}]` in the tenant if it does"));
            }
            let owner = scope.tenants.get(owner)?;
            if !owner.roles.consumer {
                let message = format!("`{}` is no consumer, and cannot call for another", owner.tenant.name());
                return fault(message, "it has `roles: [provider]`".into());
            }
            (owner, name)
        }
    };
    let Some(client) = owner.client(name) else {
        let known: Vec<String> = owner.clients.iter().map(|client| format!("`{}`", client.name)).collect();
        let hint = if known.is_empty() { "its clients stand under `clients`".into() } else { format!("it has {}", known.join(", ")) };
        return fault(format!("`{}` has no client `{name}`", owner.tenant.name()), hint);
    };
    let environment = &scope.issuers[client.environment];
    if environment.token.is_none() {
        let message = format!("the environment `{}` of the client `{name}` gives no vouchers", environment.name);
        return fault(message, "it needs `token` and `assertion_audience`".into());
    }
    Some((client.clone(), owner.clone()))
}

/// A purpose by the tenant's name for it or by its id, unless it is known to be another's.
fn purpose(
    section: &Section<'_>,
    text: &str,
    place: document::Place,
    tenant: &Arc<TenantRules>,
    scope: &Scope<'_>,
) -> Option<PurposeChoice> {
    if let Some(id) = tenant.purpose(text) {
        return Some(PurposeChoice { name: Some(text.into()), id });
    }
    let Some(id) = trust::uuid(text) else {
        let fault = Fault::error(place, format!("`{}` has no purpose `{text}`", tenant.tenant.name()));
        section.report(fault.hint("write the UUID that PDND gave it, or name it in the tenant's `purposes`"));
        return None;
    };
    if let Some(owner) = scope.purposes.get(&id).filter(|owner| owner.tenant != tenant.tenant) {
        section.report(Fault::error(place, format!("this purpose is one of `{}`", owner.tenant.name())));
        return None;
    }
    let mut called_for = scope.called_for.borrow_mut();
    let owner = called_for.entry(id).or_insert_with(|| tenant.tenant.0.clone());
    if *owner != tenant.tenant.0 {
        section.report(Fault::error(place, format!("a department of `{owner}` calls for this purpose")).hint("a purpose is one tenant's"));
        return None;
    }
    let name = tenant.purposes.iter().find(|(_, known)| *known == id).map(|(name, _)| name.clone());
    Some(PurposeChoice { name, id })
}
