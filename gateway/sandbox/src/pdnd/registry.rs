//! What PDND knows: tenants, e-services, agreements, purposes, clients and their keys.

use std::sync::Arc;
use std::time::Duration;

use trust::Key;
use uuid::Uuid;

/// What PDND knows: who takes part, what is published, who may ask what and why, and with which keys.
///
/// Names are the sandbox's own, for people and configuration; on the wire only identifiers appear. Things refer to one
/// another by name, and [`Registry::read`] refuses a name that nothing bears.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// The administrations.
    pub tenants: Vec<Tenant>,
    /// The e-services.
    pub eservices: Vec<EService>,
    /// The agreements of consumers with e-services.
    pub agreements: Vec<Agreement>,
    /// The purposes.
    pub purposes: Vec<Purpose>,
    /// The clients.
    pub clients: Vec<Client>,
    /// The keychains with which providers sign their answers.
    pub keychains: Vec<Keychain>,
}

/// An administration.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name in the registry.
    pub name: String,
    /// Its identifier: `consumerId` or `producerId` of a voucher.
    pub id: Uuid,
    /// What people call it.
    pub title: String,
    /// Its code in the index of public administrations.
    pub ipa: String,
}

/// An e-service with its versions.
#[derive(Clone, Debug)]
pub struct EService {
    /// Its name in the registry.
    pub name: String,
    /// Its identifier.
    pub id: Uuid,
    /// The tenant that provides it.
    pub producer: String,
    /// What people call it.
    pub title: String,
    /// Its versions, oldest first; agreements are for the last.
    pub descriptors: Vec<Descriptor>,
}

/// A version of an e-service.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// Its identifier.
    pub id: Uuid,
    /// Its number.
    pub version: u64,
    /// Where it stands in its life.
    pub state: DescriptorState,
    /// The audiences of its vouchers.
    pub audience: Vec<String>,
    /// How long its vouchers live.
    pub voucher_lifespan: Duration,
    /// How many calls a consumer may make in a day.
    pub daily_calls_per_consumer: u64,
    /// How many calls all consumers may make in a day.
    pub daily_calls_total: u64,
}

/// A consumer's agreement with an e-service.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// Its name in the registry.
    pub name: String,
    /// Its identifier.
    pub id: Uuid,
    /// The e-service.
    pub eservice: String,
    /// The tenant that consumes it.
    pub consumer: String,
    /// Where it stands.
    pub state: AgreementState,
}

/// Why a consumer calls an e-service.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// Its name in the registry.
    pub name: String,
    /// Its identifier.
    pub id: Uuid,
    /// The agreement under which it calls.
    pub agreement: String,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub state: PurposeState,
    /// How many calls it declared for a day.
    pub daily_calls: u64,
}

/// A set of keys of one tenant.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name in the registry.
    pub name: String,
    /// Its identifier.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub tenant: String,
    /// What it may ask vouchers for.
    pub kind: ClientKind,
    /// The purposes it is bound to; none for an API client.
    pub purposes: Vec<String>,
    /// Its public keys, found by their thumbprint.
    pub keys: Vec<Arc<Key>>,
}

/// A provider's keys for signed answers.
#[derive(Clone, Debug)]
pub struct Keychain {
    /// Its name in the registry.
    pub name: String,
    /// Its identifier.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub tenant: String,
    /// Its public keys.
    pub keys: Vec<Arc<Key>>,
}

/// What a client may ask vouchers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// E-services, for its purposes.
    Consumer,
    /// PDND's own API.
    Api,
}

/// The life of a descriptor, by the names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are PDND's and have no other meaning here")]
pub enum DescriptorState {
    Draft,
    Published,
    Deprecated,
    Suspended,
    Archived,
}

/// The life of an agreement, by the names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are PDND's and have no other meaning here")]
pub enum AgreementState {
    Draft,
    Pending,
    Active,
    Suspended,
    Archived,
    Rejected,
}

/// The life of a purpose's version, by the names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are PDND's and have no other meaning here")]
pub enum PurposeState {
    Draft,
    WaitingForApproval,
    Active,
    Suspended,
    Archived,
    Rejected,
}

impl DescriptorState {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("DRAFT", Self::Draft),
        ("PUBLISHED", Self::Published),
        ("DEPRECATED", Self::Deprecated),
        ("SUSPENDED", Self::Suspended),
        ("ARCHIVED", Self::Archived),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        name(&Self::NAMES, &self)
    }

    /// A deprecated version serves whoever has an agreement for it, as a published one does.
    pub(crate) fn serves(self) -> bool {
        matches!(self, Self::Published | Self::Deprecated)
    }
}

impl AgreementState {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("DRAFT", Self::Draft),
        ("PENDING", Self::Pending),
        ("ACTIVE", Self::Active),
        ("SUSPENDED", Self::Suspended),
        ("ARCHIVED", Self::Archived),
        ("REJECTED", Self::Rejected),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        name(&Self::NAMES, &self)
    }
}

impl PurposeState {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("DRAFT", Self::Draft),
        ("WAITING_FOR_APPROVAL", Self::WaitingForApproval),
        ("ACTIVE", Self::Active),
        ("SUSPENDED", Self::Suspended),
        ("ARCHIVED", Self::Archived),
        ("REJECTED", Self::Rejected),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        name(&Self::NAMES, &self)
    }
}

fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, named)| named == value).map_or("", |(name, _)| name)
}

/// Looking up by name, for those who configure; `None` where nothing bears it.
impl Registry {
    /// The tenant of this name.
    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.name == name)
    }

    /// The e-service of this name.
    pub fn eservice(&self, name: &str) -> Option<&EService> {
        self.eservices.iter().find(|eservice| eservice.name == name)
    }

    /// The e-service of this name, to change it.
    pub fn eservice_mut(&mut self, name: &str) -> Option<&mut EService> {
        self.eservices.iter_mut().find(|eservice| eservice.name == name)
    }

    /// The agreement of this name.
    pub fn agreement(&self, name: &str) -> Option<&Agreement> {
        self.agreements.iter().find(|agreement| agreement.name == name)
    }

    /// The agreement of this name, to change it.
    pub fn agreement_mut(&mut self, name: &str) -> Option<&mut Agreement> {
        self.agreements.iter_mut().find(|agreement| agreement.name == name)
    }

    /// The purpose of this name.
    pub fn purpose(&self, name: &str) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.name == name)
    }

    /// The purpose of this name, to change it.
    pub fn purpose_mut(&mut self, name: &str) -> Option<&mut Purpose> {
        self.purposes.iter_mut().find(|purpose| purpose.name == name)
    }

    /// The client of this name.
    pub fn client(&self, name: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.name == name)
    }

    /// The client of this name, to change it.
    pub fn client_mut(&mut self, name: &str) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.name == name)
    }
}

/// What a voucher for a purpose is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) purpose: &'a Purpose,
    pub(crate) agreement: &'a Agreement,
    pub(crate) eservice: &'a EService,
    pub(crate) descriptor: &'a Descriptor,
    pub(crate) producer: &'a Tenant,
    pub(crate) consumer: &'a Tenant,
}

impl Registry {
    /// The client of this identifier.
    pub(crate) fn client_by_id(&self, id: Uuid) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The purpose of this identifier with all that hangs on it.
    pub(crate) fn grant(&self, purpose: Uuid) -> Option<Grant<'_>> {
        let purpose = self.purposes.iter().find(|found| found.id == purpose)?;
        let agreement = self.agreement(&purpose.agreement)?;
        let eservice = self.eservice(&agreement.eservice)?;
        let descriptor = eservice.descriptors.last()?;
        let (producer, consumer) = (self.tenant(&eservice.producer)?, self.tenant(&agreement.consumer)?);
        Some(Grant { purpose, agreement, eservice, descriptor, producer, consumer })
    }
}
