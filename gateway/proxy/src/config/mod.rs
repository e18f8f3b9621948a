//! The configuration: what was written, read once with positions, and what it means, compiled.
//!
//! Each part is compiled on its own and reports its faults into one list, so that `varco check` shows all of them. A
//! configuration with one error is refused whole. Nothing here binds a port, starts a thread or asks a network.

mod adapter;
mod addresses;
mod admin;
mod audit;
mod contract;
mod cors;
mod credentials;
mod department;
mod eservice;
mod files;
mod headers;
mod inbound;
mod issuer;
mod limits;
mod listener;
mod modi;
mod network;
mod operation;
mod otlp;
mod portal;
mod promised;
mod proxies;
mod secret;
mod selector;
mod siem;
mod tenant;
mod tls;
mod upstream;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use document::{Fault, Faults, Key, Library, Place, Section, tidy};
use jiff::tz::TimeZone;
use trust::Uuid;

pub use self::audit::{AuditRules, Secret};
pub use self::contract::documents;
pub use ::audit::Direction;
pub use admin::{AdminAddress, AdminRules, Token};
pub use credentials::Credentials;
pub(crate) use credentials::fingerprint;
pub use department::{Department, Departments, PurposeChoice};
pub use eservice::{Definition, Durability, Instance, Security, StatusMode};
pub use files::Files;
pub use headers::API_KEY;
pub use issuer::{IssuerConfig, KeyFile, KeySource, TokenServer};
pub use limits::{LimitRules, PartyLimit};
pub use listener::{ListenerLimits, ListenerRules};
pub use modi::{Automated, EvidenceClaim, EvidenceRules, EvidenceSource, LONGEST_TOLD, ModiRules, is_plain};
pub(crate) use modi::{EVIDENCE, SIGNATURE};
pub use operation::{CacheRules, OperationRules};
pub use otlp::{OtlpRules, Sampling};
pub use portal::PortalConfig;
pub use proxies::{Nets, TrustedProxies};
pub use selector::{ChannelSource, LONGEST_CASE, LONGEST_CHANNEL, Selector, TextSource};
pub use siem::{SiemFormat, SiemRules};
pub use tenant::{ClientRules, Roles, TenantRules};
pub use tls::{Expiry, Tls, UpstreamTls};

/// What a configuration means.
#[derive(Debug)]
pub struct Configuration {
    /// The file it was read from.
    pub path: PathBuf,
    /// The name of the installation: also the implicit tenant.
    pub installation: Arc<str>,
    /// The name of this process among those of the installation, in its records.
    pub node: Arc<str>,
    /// What a problem's kind is appended to.
    pub problem_base: String,
    /// How many worker threads.
    pub workers: usize,
    /// Whether that was written, or is what the machine has.
    pub workers_written: bool,
    /// The most bytes of bodies held at a time.
    pub buffered_bytes: u64,
    /// The most bytes of answers kept.
    pub cache_bytes: u64,
    /// How many verified vouchers are remembered.
    pub vouchers: u64,
    /// How many threads do what would hold a worker up: RSA signatures, bodies over 64 KiB. One pool for all workers.
    pub pool_threads: usize,
    /// How long a shutdown may take.
    pub drain: Duration,
    /// Where a civil day begins.
    pub time_zone: TimeZone,
    /// The tenants, the implicit one if none is written.
    pub tenants: Vec<Arc<TenantRules>>,
    /// The environments of PDND.
    pub issuers: Vec<IssuerConfig>,
    /// Portals at which people of ours sign in.
    pub portals: Vec<PortalConfig>,
    /// The listeners.
    pub listeners: Vec<ListenerRules>,
    /// The e-services.
    pub eservices: Vec<Arc<Definition>>,
    /// The audit log.
    pub audit: AuditRules,
    /// The admin listener.
    pub admin: Option<AdminRules>,
    /// Where records are sent besides.
    pub siem: Option<SiemRules>,
    /// Where traces and metrics are told.
    pub otlp: Option<OtlpRules>,
    /// The files that contracts may lead to.
    pub library: Library,
    /// Folders that are watched.
    pub watch: WatchRules,
    /// SHA-256 over all files that were read.
    pub hash: [u8; 32],
}

/// Folders whose changes are put in force by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRules {
    /// The folders, with what is in them; none: nothing is watched.
    pub folders: Vec<PathBuf>,
    /// How often they are looked at.
    pub every: Duration,
}

/// What reading leaves behind: the configuration if it can be used, and all faults in the order of the files.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, if no fault is an error.
    pub configuration: Option<Configuration>,
    /// Errors and warnings.
    pub faults: Vec<Fault>,
}

/// Reads and compiles a configuration.
pub fn load(path: &Path) -> Loaded {
    let faults = RefCell::new(Faults::new());
    let files = Files::read(path, &faults);
    let configuration = if files.trees().is_empty() { None } else { compile(path, &files, &faults) };
    let faults = faults.into_inner();
    let configuration = configuration.filter(|_| !faults.has_errors());
    Loaded { configuration, faults: faults.sorted() }
}

impl Configuration {
    /// Every file that it is made of, read once more: what it names, and what its adapters were compiled from.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = Files::read(&self.path, &RefCell::default()).named();
        files.extend(self.eservices.iter().flat_map(|definition| definition.adapter.files()).map(|path| tidy(path)));
        files.extend(self.eservices.iter().flat_map(|definition| &definition.contract_files).map(|path| tidy(path)));
        files
    }
}

/// The parts of all files, gathered before any of them is compiled, because they may name each other across files.
#[derive(Default)]
struct Parts<'a> {
    tenants: Vec<(&'a Key, Section<'a>)>,
    issuers: Vec<(&'a Key, Section<'a>)>,
    portals: Vec<(&'a Key, Section<'a>)>,
    listeners: Vec<(&'a Key, Section<'a>)>,
    eservices: Vec<(&'a Key, Section<'a>)>,
}

/// What the parts of a configuration may refer to.
pub(crate) struct Scope<'a> {
    /// Whose each purpose is that departments call for.
    called_for: RefCell<HashMap<Uuid, Arc<str>>>,
    tenants: HashMap<&'a str, Arc<TenantRules>>,
    /// Whose each purpose is that has been given a name.
    purposes: HashMap<Uuid, Arc<TenantRules>>,
    network: &'a network::Network,
    issuers: &'a [IssuerConfig],
    portals: &'a [PortalConfig],
    listeners: &'a [ListenerRules],
    /// The files that contracts may lead to.
    library: &'a Library,
    /// In whose name exchanges happen where no tenant is named.
    implicit: Arc<TenantRules>,
    /// Whether records can commit to what they do not tell.
    has_commitments: bool,
}

fn compile(path: &Path, files: &Files, faults: &RefCell<Faults>) -> Option<Configuration> {
    let mut parts = Parts::default();
    let mut roots = Vec::new();
    let mut library = Library::default().with_folder(path.parent().unwrap_or(Path::new("")));
    for (at, tree) in files.trees().iter().enumerate() {
        let Some(root) = Section::open(&tree.file, &tree.root, "configuration", faults) else { continue };
        let _ = root.texts("include");
        gather(&mut parts.tenants, root.named_sections("tenants"), &root, "tenant");
        gather(&mut parts.issuers, root.named_sections("pdnd"), &root, "environment");
        gather(&mut parts.portals, root.named_sections("portals"), &root, "portal");
        gather(&mut parts.listeners, root.named_sections("listeners"), &root, "listener");
        gather(&mut parts.eservices, root.named_sections("eservices"), &root, "e-service");
        library = self::files::catalogue(&root, library);
        if at == 0 {
            roots.push(root);
        }
    }
    let main = roots.pop()?;
    let installation: Arc<str> = main.text("installation").unwrap_or("varco").into();
    let node = self::audit::node(&main).unwrap_or_else(|| installation.clone());
    let network = network::compile(main.section("network").as_ref());
    let issuers: Vec<IssuerConfig> = parts.issuers.iter().filter_map(|(key, section)| issuer::compile(key, section, &network)).collect();
    let portals: Vec<PortalConfig> =
        parts.portals.iter().filter_map(|(key, section)| portal::compile(key, section, &issuers, &network)).collect();
    let listeners: Vec<ListenerRules> = parts.listeners.iter().filter_map(|(key, section)| listener::compile(key, section)).collect();
    let tenants = tenants(&parts.tenants, &issuers);
    let implicit = Arc::new(TenantRules::implicit(&installation));
    let scope = Scope {
        called_for: RefCell::default(),
        tenants: parts.tenants.iter().map(|(key, _)| key.text.as_str()).zip(tenants.iter().cloned()).collect(),
        purposes: tenants.iter().flat_map(|tenant| tenant.purposes.iter().map(move |(_, id)| (*id, tenant.clone()))).collect(),
        network: &network,
        issuers: &issuers,
        portals: &portals,
        listeners: &listeners,
        library: &library,
        implicit: implicit.clone(),
        has_commitments: main.node("audit").is_some_and(|audit| audit.get("commitments").is_some()),
    };
    let eservices: Vec<Arc<Definition>> = std::mem::take(&mut parts.eservices)
        .into_iter()
        .filter_map(|(key, section)| eservice::compile(key, &section, &scope))
        .map(Arc::new)
        .collect();
    refuse_overlaps(&main, &eservices);
    if eservices.is_empty() && !faults.borrow().has_errors() {
        main.report(Fault::error(main.here(), "no e-service is configured").hint("add one under `eservices`"));
    }
    let limits = main.section("limits");
    let limit = |key: &'static str, default: u64| limits.as_ref().and_then(|limits| limits.bytes(key)).unwrap_or(default);
    let configuration = Configuration {
        path: path.to_owned(),
        problem_base: main
            .section("problems")
            .and_then(|problems| problems.text("base").map(str::to_owned))
            .unwrap_or_else(|| "urn:varco:problem:".into()),
        workers: main.count("workers").map_or_else(default_workers, |count| (count as usize).clamp(1, 256)),
        workers_written: main.node("workers").is_some(),
        buffered_bytes: limit("buffered_bytes", 256 << 20),
        cache_bytes: limit("cache_bytes", 64 << 20),
        vouchers: limits.as_ref().and_then(|limits| limits.count("remembered_vouchers")).unwrap_or(50_000),
        pool_threads: limits
            .as_ref()
            .and_then(|limits| limits.count("pool_threads"))
            .map_or_else(|| default_workers().max(2), |count| (count as usize).clamp(1, 256)),
        drain: main.duration("drain").unwrap_or(Duration::from_secs(30)),
        time_zone: time_zone(&main),
        audit: self::audit::compile(&main, &node),
        admin: admin::compile(&main),
        siem: siem::compile(&main, &network),
        otlp: otlp::compile(&main, &network),
        library,
        watch: watch(&main),
        hash: files.hash(),
        installation,
        node,
        tenants: if tenants.is_empty() { vec![implicit] } else { tenants },
        issuers: issuers.clone(),
        portals: portals.clone(),
        listeners: listeners.clone(),
        eservices,
    };
    Some(configuration)
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Adds the named parts of one file to those of the files before it; no name may stand twice.
fn gather<'a>(all: &mut Vec<(&'a Key, Section<'a>)>, found: Vec<(&'a Key, Section<'a>)>, root: &Section<'a>, what: &str) {
    for (key, section) in found {
        if let Some((_, first)) = all.iter().find(|(known, _)| known.text == key.text) {
            let place = Place::at(root.file(), key.position);
            root.report(
                Fault::error(place, format!("the {what} `{}` stands twice", key.text)).hint(format!("it stands first at {}", first.here())),
            );
            section.leave();
        } else {
            all.push((key, section));
        }
    }
}

fn tenants(parts: &[(&Key, Section<'_>)], issuers: &[IssuerConfig]) -> Vec<Arc<TenantRules>> {
    let compiled: Vec<_> = parts.iter().map(|(key, section)| (tenant::compile(key, section, issuers), section)).collect();
    tenant::check(&compiled);
    compiled.into_iter().map(|(rules, _)| Arc::new(rules)).collect()
}

/// A UUID as PDND writes it.
pub(crate) fn identifier(section: &Section<'_>, key: &str, text: &str) -> Option<Uuid> {
    let found = trust::uuid(text);
    if found.is_none() {
        let fault = Fault::error(section.place(key), format!("`{}.{key}` should be a UUID", section.name()));
        section.report(fault.hint("PDND writes 36 characters, such as 68b4aef7-3eaa-4e17-9d8a-4eace693ae2d"));
    }
    found
}

fn time_zone(main: &Section<'_>) -> TimeZone {
    let name = main.text("time_zone").unwrap_or("Europe/Rome");
    TimeZone::get(name).unwrap_or_else(|_| {
        let fault = Fault::error(main.place("time_zone"), format!("there is no time zone `{name}`"));
        main.report(fault.hint("as the IANA database names it, such as `Europe/Rome`"));
        TimeZone::UTC
    })
}

fn watch(main: &Section<'_>) -> WatchRules {
    let section = main.section("watch");
    let every = section.as_ref().and_then(|section| section.duration("every")).unwrap_or(Duration::from_secs(5));
    let every = every.max(Duration::from_millis(100));
    let Some(section) = section else { return WatchRules { folders: Vec::new(), every } };
    let mut folders = Vec::new();
    for (text, place) in section.texts("folders") {
        let folder = files::resolve(&section, text);
        if !folder.is_dir() {
            section.report(Fault::error(place, format!("`{text}` is no folder")));
        }
        folders.push(folder);
    }
    if folders.is_empty() {
        section.report(
            Fault::error(section.here(), "`watch` needs `folders`").hint("such as `folders: [.]`: where this file is, and what is below"),
        );
    }
    WatchRules { folders, every }
}

/// Two e-services of one listener may not have the same base path; a longer one inside a shorter one is served first.
fn refuse_overlaps(main: &Section<'_>, eservices: &[Arc<Definition>]) {
    for (at, service) in eservices.iter().enumerate() {
        let same = |other: &&Arc<Definition>| other.listener == service.listener && other.base_path == service.base_path;
        if let Some(other) = eservices[..at].iter().find(same) {
            let message = format!("the e-services `{}` and `{}` have the same listener and base path", other.name, service.name);
            main.report(
                Fault::error(service.place.clone(), message)
                    .hint("give each a `base_path` of its own; one e-service can have many instances"),
            );
        }
    }
}
