//! The registry as it is written in YAML.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use document::{Fault, Faults, Place, Section, Tree};
use trust::Key;
use uuid::Uuid;

use super::registry::{
    Agreement, AgreementState, Client, ClientKind, Descriptor, DescriptorState, EService, Keychain, Purpose, PurposeState, Registry, Tenant,
};

const DEFAULT: &str = include_str!("registry.yaml");

impl Registry {
    /// The registry that the sandbox has when nothing else is said: a provider, two consumers, three purposes.
    pub fn invented() -> Self {
        Self::read("registry.yaml", DEFAULT, Path::new("")).expect("the registry that is built in is right, as a test shows")
    }

    /// The text of [`Registry::invented`], as an example to write one's own by.
    pub fn example() -> &'static str {
        DEFAULT
    }

    /// Reads a registry; `file` names it in faults, and the paths of keys are relative to `folder`.
    pub fn read(file: &str, text: &str, folder: &Path) -> Result<Self, Vec<Fault>> {
        let tree = Tree::parse(file, text).map_err(|fault| vec![fault])?;
        let faults = RefCell::new(Faults::new());
        let mut registry = Self::default();
        if let Some(root) = Section::open(&tree.file, &tree.root, "registry", &faults) {
            registry.fill(&root, folder);
        }
        let faults = faults.into_inner();
        if faults.is_empty() { Ok(registry) } else { Err(faults.sorted()) }
    }

    fn fill(&mut self, root: &Section<'_>, folder: &Path) {
        for (name, section) in root.named_sections("tenants") {
            let text = |key| section.required_text(key).unwrap_or_default().to_owned();
            self.tenants.push(Tenant { name: name.text.clone(), id: identifier(&section), title: text("name"), ipa: text("ipa") });
        }
        let tenants = names(self.tenants.iter().map(|tenant| tenant.name.as_str()));
        for (name, section) in root.named_sections("eservices") {
            self.eservices.push(EService {
                name: name.text.clone(),
                id: identifier(&section),
                producer: one_of(&section, "producer", &tenants),
                title: section.required_text("name").unwrap_or_default().to_owned(),
                descriptors: section.section_list("descriptors").iter().filter_map(descriptor).collect(),
            });
            if self.eservices.last().is_some_and(|eservice| eservice.descriptors.is_empty()) {
                section.report(Fault::error(section.here(), "an e-service has at least one descriptor"));
            }
        }
        let eservices = names(self.eservices.iter().map(|eservice| eservice.name.as_str()));
        for (name, section) in root.named_sections("agreements") {
            self.agreements.push(Agreement {
                name: name.text.clone(),
                id: identifier(&section),
                eservice: one_of(&section, "eservice", &eservices),
                consumer: one_of(&section, "consumer", &tenants),
                state: section.choice("state", &AgreementState::NAMES).unwrap_or(AgreementState::Active),
            });
        }
        let agreements = names(self.agreements.iter().map(|agreement| agreement.name.as_str()));
        for (name, section) in root.named_sections("purposes") {
            self.purposes.push(Purpose {
                name: name.text.clone(),
                id: identifier(&section),
                agreement: one_of(&section, "agreement", &agreements),
                title: section.required_text("name").unwrap_or_default().to_owned(),
                state: section.choice("state", &PurposeState::NAMES).unwrap_or(PurposeState::Active),
                daily_calls: section.count("daily_calls").unwrap_or(1000),
            });
        }
        let purposes = names(self.purposes.iter().map(|purpose| purpose.name.as_str()));
        for (name, section) in root.named_sections("clients") {
            self.clients.push(Client {
                name: name.text.clone(),
                id: identifier(&section),
                tenant: one_of(&section, "tenant", &tenants),
                kind: section
                    .choice("kind", &[("consumer", ClientKind::Consumer), ("api", ClientKind::Api)])
                    .unwrap_or(ClientKind::Consumer),
                purposes: several_of(&section, "purposes", &purposes),
                keys: keys(&section, folder),
            });
        }
        for (name, section) in root.named_sections("keychains") {
            let tenant = one_of(&section, "tenant", &tenants);
            self.keychains.push(Keychain { name: name.text.clone(), id: identifier(&section), tenant, keys: keys(&section, folder) });
        }
    }
}

fn descriptor(section: &Section<'_>) -> Option<Descriptor> {
    let lifespan = section.duration("voucher_lifespan").unwrap_or(Duration::from_mins(10));
    // PDND takes a minute to a day.
    if !(60..=86_400).contains(&lifespan.as_secs()) {
        section.report(Fault::error(section.place("voucher_lifespan"), "a voucher lives between a minute and a day"));
    }
    let audience: Vec<String> = section.texts("audience").into_iter().map(|(text, _)| text.to_owned()).collect();
    if audience.is_empty() {
        section.report(Fault::error(section.here(), "a descriptor has at least one audience"));
        return None;
    }
    Some(Descriptor {
        id: identifier(section),
        version: section.count("version").unwrap_or(1),
        state: section.choice("state", &DescriptorState::NAMES).unwrap_or(DescriptorState::Published),
        audience,
        voucher_lifespan: lifespan,
        daily_calls_per_consumer: section.count("daily_calls_per_consumer").unwrap_or(1000),
        daily_calls_total: section.count("daily_calls_total").unwrap_or(10_000),
    })
}

fn identifier(section: &Section<'_>) -> Uuid {
    let text = section.required_text("id").unwrap_or_default();
    trust::uuid(text).unwrap_or_else(|| {
        section.report(Fault::error(section.place("id"), "an identifier is a UUID with hyphens"));
        Uuid::nil()
    })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(str::to_owned).collect()
}

/// A reference by name; one that nothing bears is a fault.
fn one_of(section: &Section<'_>, key: &'static str, known: &BTreeSet<String>) -> String {
    let text = section.required_text(key).unwrap_or_default();
    if !text.is_empty() && !known.contains(text) {
        section.report(unknown(section.place(key), key, text));
    }
    text.to_owned()
}

fn several_of(section: &Section<'_>, key: &'static str, known: &BTreeSet<String>) -> Vec<String> {
    let texts = section.texts(key);
    for (text, place) in texts.iter().filter(|(text, _)| !known.contains(*text)) {
        section.report(unknown(place.clone(), key, text));
    }
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}

fn unknown(place: Place, key: &str, text: &str) -> Fault {
    Fault::error(place, format!("`{key}` names `{text}`, which the registry does not have"))
}

/// Public keys in PEM files, as they are uploaded to PDND.
fn keys(section: &Section<'_>, folder: &Path) -> Vec<Arc<Key>> {
    let mut keys = Vec::new();
    for (path, place) in section.texts("keys") {
        let read = std::fs::read(folder.join(path)).map_err(|error| error.to_string());
        match read.and_then(|pem| Key::from_pem(&pem).map_err(|flaw| flaw.to_string())) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(why) => section.report(Fault::error(place, format!("the key `{path}` cannot be used: {why}"))),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invented_registry_holds_together() {
        let registry = Registry::invented();
        for purpose in &registry.purposes {
            assert!(registry.grant(purpose.id).is_some(), "{}", purpose.name);
        }
        for client in &registry.clients {
            assert_eq!(client.kind == ClientKind::Api, client.purposes.is_empty(), "{}", client.name);
        }
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = "tenants:\n  a: { id: no, name: A, ipa: c_a }\nclients:\n  c: { id: 2b7cbf2e-7a0e-4c1c-9a55-6f6f0c2f0a01, tenant: b, purposes: [p], keys: none.pem, king: api }\n";
        let faults = Registry::read("r.yaml", text, Path::new("/nowhere")).expect_err("four faults");
        let shown: Vec<String> = faults.iter().map(|fault| fault.to_string().lines().next().unwrap_or_default().to_owned()).collect();
        assert_eq!(
            shown,
            [
                "r.yaml:2:12: error: an identifier is a UUID with hyphens",
                "r.yaml:4:58: error: `tenant` names `b`, which the registry does not have",
                "r.yaml:4:72: error: `purposes` names `p`, which the registry does not have",
                "r.yaml:4:82: error: the key `none.pem` cannot be used: No such file or directory (os error 2)",
                "r.yaml:4:92: error: `registry.clients.c` has no key `king`",
            ]
        );
    }
}
