//! What one configuration changes of another.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use exchange::Tenant;
use serde::{Deserialize, Serialize};

use crate::config::{Configuration, Definition, ListenerRules, OtlpRules, SiemRules, TenantRules};
use crate::upstream::UpstreamRules;

/// What would change, part by part, in the order of the new configuration; what is gone comes last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What a reload changes.
    pub changes: Vec<Change>,
    /// What only a restart can change, by its names in the configuration: with any, nothing is changed.
    pub needs_restart: Vec<Word>,
}

/// One part that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happens to it.
    pub action: Action,
    /// What it is.
    pub part: Part,
    /// Its name in the configuration.
    pub name: String,
    /// What of it changes, by the configuration's words; empty for what is added or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<Word>,
}

/// A word of the configuration.
pub type Word = Cow<'static, str>;

/// What happens to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It comes.
    Add,
    /// It stays and is another.
    Change,
    /// It goes.
    Remove,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A tenant.
    Tenant,
    /// An environment of PDND.
    Environment,
    /// A portal.
    Portal,
    /// A listener.
    Listener,
    /// An e-service.
    #[serde(rename = "e-service")]
    EService,
    /// What is no part's own.
    Configuration,
}

impl Plan {
    /// What the second changes of the first.
    pub fn between(old: &Configuration, new: &Configuration) -> Self {
        let mut plan = Self { changes: Vec::new(), needs_restart: needs_restart(old, new) };
        if old.problem_base != new.problem_base {
            plan.push(Action::Change, Part::Configuration, "problems", vec!["base".into()]);
        }
        if old.admin != new.admin {
            plan.push(Action::Change, Part::Configuration, "admin", vec!["token".into()]);
        }
        if old.otlp != new.otlp {
            plan.push(Action::Change, Part::Configuration, "otlp", Vec::new());
        }
        if old.siem != new.siem {
            plan.push(Action::Change, Part::Configuration, "siem", Vec::new());
        }
        if old.watch != new.watch {
            plan.push(Action::Change, Part::Configuration, "watch", Vec::new());
        }
        plan.compare(
            Part::Environment,
            &old.issuers,
            &new.issuers,
            |issuer| &issuer.name,
            |old, new| {
                named([
                    ("issuer", old.rules == new.rules),
                    ("jwks", old.keys == new.keys),
                    ("refresh", old.refresh == new.refresh),
                    ("token", old.token == new.token),
                ])
            },
        );
        plan.compare(
            Part::Portal,
            &old.portals,
            &new.portals,
            |portal| &portal.name,
            |old, new| {
                named([
                    ("issuer", old.issuer.rules == new.issuer.rules),
                    ("jwks", old.issuer.keys == new.issuer.keys),
                    ("refresh", old.issuer.refresh == new.issuer.refresh),
                    ("audience", old.audience == new.audience),
                    ("header", old.header == new.header),
                ])
            },
        );
        plan.compare(Part::Tenant, &old.tenants, &new.tenants, |tenant| tenant.tenant.name(), |old, new| tenant(old, new));
        plan.compare(Part::Listener, &old.listeners, &new.listeners, |listener| &listener.name, listener);
        plan.compare(
            Part::EService,
            &old.eservices,
            &new.eservices,
            |service| &service.name,
            |one, other| eservice((old, one), (new, other)),
        );
        plan
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.needs_restart.is_empty()
    }

    /// How many parts are added, changed and removed, for a log line.
    pub fn summary(&self) -> String {
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        format!("{} added, {} changed, {} removed", count(Action::Add), count(Action::Change), count(Action::Remove))
    }

    fn push(&mut self, action: Action, part: Part, name: &str, what: Vec<Word>) {
        self.changes.push(Change { action, part, name: name.to_owned(), what });
    }

    fn compare<T>(&mut self, part: Part, old: &[T], new: &[T], name: impl Fn(&T) -> &str, differ: impl Fn(&T, &T) -> Vec<Word>) {
        for item in new {
            match old.iter().find(|known| name(known) == name(item)) {
                None => self.push(Action::Add, part, name(item), Vec::new()),
                Some(known) => {
                    let what = differ(known, item);
                    if !what.is_empty() {
                        self.push(Action::Change, part, name(item), what);
                    }
                }
            }
        }
        for gone in old.iter().filter(|known| !new.iter().any(|item| name(item) == name(known))) {
            self.push(Action::Remove, part, name(gone), Vec::new());
        }
    }
}

/// The names of what is not the same.
fn named<const N: usize>(same: [(&'static str, bool); N]) -> Vec<Word> {
    same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name.into()).collect()
}

/// What is made once a process: the log, the threads, what bounds them together.
fn needs_restart(old: &Configuration, new: &Configuration) -> Vec<Word> {
    let address = |configuration: &Configuration| configuration.admin.as_ref().map(|admin| (admin.address.clone(), admin.metrics));
    named([
        ("installation", old.installation == new.installation),
        ("node", old.node == new.node),
        ("workers", old.workers == new.workers || !new.workers_written),
        ("limits.buffered_bytes", old.buffered_bytes == new.buffered_bytes),
        ("limits.cache_bytes", old.cache_bytes == new.cache_bytes),
        ("limits.remembered_vouchers", old.vouchers == new.vouchers),
        ("limits.pool_threads", old.pool_threads == new.pool_threads),
        ("drain", old.drain == new.drain),
        ("time_zone", old.time_zone == new.time_zone),
        ("audit", old.audit == new.audit),
        ("siem", old.siem.as_ref().map(SiemRules::fixed) == new.siem.as_ref().map(SiemRules::fixed)),
        ("otlp", old.otlp.as_ref().map(OtlpRules::fixed) == new.otlp.as_ref().map(OtlpRules::fixed)),
        ("admin", address(old) == address(new)),
    ])
}

fn tenant(old: &TenantRules, new: &TenantRules) -> Vec<Word> {
    named([
        ("producer", old.producer == new.producer),
        ("roles", old.roles == new.roles),
        ("clients", old.clients == new.clients),
        ("purposes", old.purposes == new.purposes),
        ("delegates", old.delegates == new.delegates),
        ("limits", old.limits == new.limits),
    ])
}

fn listener(old: &ListenerRules, new: &ListenerRules) -> Vec<Word> {
    named([
        ("proxy_protocol", old.proxy_protocol == new.proxy_protocol),
        ("trusted_proxies", old.trusted == new.trusted),
        ("address", old.addresses == new.addresses),
        ("tls", old.tls == new.tls),
        ("http2", old.http2 == new.http2),
        ("limits", old.limits == new.limits),
    ])
}

/// An e-service within its configuration: what is named there by its place has a name.
type Within<'a> = (&'a Configuration, &'a Definition);

/// The instances, each with the name of its environment and, of several upstreams, the place of its own.
fn instances((configuration, definition): Within<'_>) -> impl Iterator<Item = (&Tenant, Option<&Tenant>, Option<&str>, Option<String>)> {
    definition.instances.iter().enumerate().map(|(at, instance)| {
        let environment = instance.issuer.and_then(|at| configuration.issuers.get(at)).map(|issuer| &*issuer.name);
        let several = definition.upstream_of(at).filter(|_| definition.upstreams.len() > 1);
        let place = several.map(|rules| rules.url.to_string());
        (&instance.tenant, instance.delegate.as_ref(), environment, place)
    })
}

/// The upstreams by their places: in which order the instances name them changes nothing.
fn upstreams(definition: &Definition) -> BTreeMap<String, &UpstreamRules> {
    definition.upstreams.iter().map(|rules| (rules.url.to_string(), &**rules)).collect()
}

fn portal((configuration, definition): Within<'_>) -> Option<&str> {
    definition.portal.and_then(|at| configuration.portals.get(at)).map(|portal| &*portal.name)
}

fn eservice(before: Within<'_>, after: Within<'_>) -> Vec<Word> {
    let ((_, old), (_, new)) = (before, after);
    let policies = |definition: &Definition| definition.policies.as_ref().map(|policies| *policies.hash());
    named([
        ("direction", old.direction == new.direction),
        ("listener", old.listener == new.listener),
        ("base_path", old.base_path == new.base_path),
        ("contract", old.contract.hash() == new.contract.hash()),
        ("adapter", format!("{:?}", old.adapter) == format!("{:?}", new.adapter)),
        ("security", old.security == new.security),
        ("instances", instances(before).eq(instances(after))),
        ("evidence", old.modi == new.modi),
        ("portal", portal(before) == portal(after)),
        ("policy", policies(old) == policies(new)),
        ("subject", old.subject == new.subject),
        ("channel", old.channel == new.channel),
        ("limits", old.limits == new.limits),
        ("operations", old.operations == new.operations),
        ("upstream", upstreams(old) == upstreams(new)),
        ("answers", old.answers == new.answers),
        ("audit", old.durability == new.durability),
        ("cors", old.cors == new.cors),
        ("status", (old.status, old.record_status) == (new.status, new.record_status)),
        ("digest_answers", old.digest_answers == new.digest_answers),
        ("body_bytes", old.body_bytes == new.body_bytes),
    ])
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing changes");
        }
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        self.needs_restart.iter().try_for_each(|name| writeln!(f, "! {name} needs a restart: as long as it differs, nothing is reloaded"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.action {
            Action::Add => '+',
            Action::Change => '~',
            Action::Remove => '-',
        };
        let part = match self.part {
            Part::Tenant => "tenant",
            Part::Environment => "environment",
            Part::Portal => "portal",
            Part::Listener => "listener",
            Part::EService => "e-service",
            Part::Configuration => "configuration",
        };
        write!(f, "{sign} {part} {}", self.name)?;
        if self.what.is_empty() { Ok(()) } else { write!(f, ": {}", self.what.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    /// A configuration of one open e-service, with this in the places that tests change.
    fn configuration(top: &str, listener: &str, eservice: &str) -> Configuration {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(
            folder.path().join("openapi.yaml"),
            "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get: {operationId: a, responses: {'200': {description: ok}}}\n",
        )
        .expect("it can be written");
        let yaml = format!(
            "{top}\nlisteners:\n  out: {{ address: '127.0.0.1:0' {listener} }}\naudit: {{ store: data }}\neservices:\n  uno:\n    direction: inbound\n    \
             listener: out\n    contract: openapi.yaml\n    security: [open]\n    acknowledge: [open]\n    adapter: {{ http: {{ url: 'http://127.0.0.1:1' }} }}\n{eservice}"
        );
        let file = folder.path().join("varco.yaml");
        std::fs::write(&file, yaml).expect("it can be written");
        let loaded = load(&file);
        let mut configuration = loaded.configuration.unwrap_or_else(|| panic!("{:?}", loaded.faults));
        // Each is read from a folder of its own.
        configuration.audit.store = "data".into();
        configuration
    }

    const BASE: &str = "    base_path: /uno\n";

    #[test]
    fn names_what_changes_and_nothing_else() {
        let old = configuration("", "", BASE);
        let cases: [(&str, &str, &str, &str); 11] = [
            ("", "", BASE, "nothing changes\n"),
            ("", "", "    base_path: /due\n", "~ e-service uno: base_path\n"),
            ("", "", "    base_path: /uno\n    limits: { rate: 5/s }\n", "~ e-service uno: limits\n"),
            ("", "", "    base_path: /uno\n    upstream: { attempts: 1 }\n", "~ e-service uno: upstream\n"),
            ("", "", "    base_path: /uno\n    unknown_query: allow\n", "~ e-service uno: contract\n"),
            ("", ", limits: { connections: 5 }", BASE, "~ listener out: limits\n"),
            ("problems: { base: 'https://x.example/' }", "", BASE, "~ configuration problems: base\n"),
            (
                "workers: 77\nlimits: { pool_threads: 99 }\ndrain: 3s",
                "",
                BASE,
                "! workers needs a restart: as long as it differs, nothing is reloaded\n! limits.pool_threads needs a restart: as long as it differs, nothing is reloaded\n! drain needs a restart: as long as it differs, nothing is reloaded\n",
            ),
            ("tenants: { varco: { limits: { rate: 5/s } } }", "", BASE, "~ tenant varco: limits\n"),
            ("tenants: { altro: {} }", "", BASE, "+ tenant altro\n- tenant varco\n"),
            ("", "}\n  in: { address: '127.0.0.1:0'", BASE, "+ listener in\n"),
        ];
        for (top, listener, eservice, expected) in cases {
            let new = configuration(top, listener, eservice);
            assert_eq!(Plan::between(&old, &new).to_string(), expected, "{top} {listener} {eservice}");
        }
        // What is told by its place is told by its name: the order of environments is nothing.
        let environments = |first: &str, second: &str| {
            let of = |name: &str| format!("  {name}: {{ issuer: {name}, jwks: 'http://127.0.0.1:1/{name}' }}\n");
            format!("pdnd:\n{}{}tenants: {{ x: {{ }} }}", of(first), of(second))
        };
        let instance = |environment: &str| format!("{BASE}    instances: [{{ tenant: x, pdnd: {environment}, audience: [a] }}]\n");
        let first = configuration(&environments("a", "b"), "", &instance("a"));
        let same = configuration(&environments("b", "a"), "", &instance("a"));
        assert_eq!(Plan::between(&first, &same).to_string(), "nothing changes\n");
        let other = configuration(&environments("b", "a"), "", &instance("b"));
        assert_eq!(Plan::between(&first, &other).to_string(), "~ e-service uno: instances\n");
        let more = configuration("", "}\n  in: { address: '127.0.0.1:0'", BASE);
        assert_eq!(Plan::between(&more, &old).to_string(), "- listener in\n");
    }
}
