//! E-services: contract, instances, security, policy, limits, adapter and upstream, compiled.

use std::path::PathBuf;
use std::sync::Arc;

use adapter_api::{Adapter, OperationIndex};
use audit::Direction;
use aws_lc_rs::digest::{Context, SHA256};
use contract::{AnswerMode, AnswerModes, Contract};
use document::{Fault, Key, Place, Section};
use exchange::Tenant;
use http::HeaderName;
use policy::{Policies, PolicySource, PolicyTarget};
use trust::Instances;

use super::adapter::{Adapted, Standing};
use super::cors::Cors;
use super::modi::{EvidenceRules, EvidenceSource, ModiRules, Patterns};
use super::operation::{self, OperationRules};
use super::promised::Asked;
use super::selector::{ChannelSource, Selector, TextSource};
use super::upstream::{InstanceUrl, Upstreams};
use super::{Departments, LimitRules, Scope, files, inbound, limits};
use crate::upstream::UpstreamRules;

/// An e-service, compiled.
#[derive(Debug)]
pub struct Definition {
    /// Its configured name.
    pub name: Arc<str>,
    /// Where it is configured.
    pub place: Place,
    /// Whether others call us or we call others.
    pub direction: Direction,
    /// The listener it is served by.
    pub listener: Arc<str>,
    /// The path it is served under, without a slash at the end.
    pub base_path: String,
    /// Its contract.
    pub contract: Contract,
    /// The files that the contract was compiled from.
    pub contract_files: Vec<PathBuf>,
    /// The rules of its operations, in the contract's order.
    pub operations: Vec<OperationRules>,
    /// Its instances.
    pub instances: Vec<Instance>,
    /// How callers are authenticated.
    pub security: Security,
    /// Its policies; `None` only where nobody is authenticated and none is configured.
    pub policies: Option<Policies>,
    /// The file that the policies stand in.
    pub policy_file: Option<PathBuf>,
    /// Where in a call the subject of the data stands.
    pub subject: Vec<Selector>,
    /// Where the channel is told.
    pub channel: Option<ChannelSource>,
    /// Where the number of the department's case is told.
    pub case: Option<TextSource>,
    /// Its limits.
    pub limits: LimitRules,
    /// What is signed for the provider: of outbound ones.
    pub modi: Option<ModiRules>,
    /// The portal whose tokens say who asks, by its place in the configuration: likewise.
    pub portal: Option<usize>,
    /// What turns its calls into upstream requests.
    pub adapter: Arc<dyn Adapter>,
    /// The headers that its document lists whose names have more than letters, digits and hyphens: no others of that kind are let in.
    pub unusual_headers: Box<[HeaderName]>,
    /// Headers in which the upstream is told the verified identity, for the adapter's documentation in `varco check`.
    pub identity_headers: Vec<HeaderName>,
    /// Which pages of other origins may call.
    pub cors: Option<Cors>,
    /// Whether the adapter tells from where a request came.
    pub tells_origin: bool,
    /// The upstreams: of most e-services one, and of an instance that has one of its own that.
    pub upstreams: Vec<Arc<UpstreamRules>>,
    /// The upstream of each instance, by its place among them.
    pub instance_upstreams: Vec<usize>,
    /// What happens to answers that break the contract.
    pub answers: AnswerModes,
    /// How durable its records are.
    pub durability: Durability,
    /// Who answers `/status`.
    pub status: StatusMode,
    /// Whether `/status` leaves records.
    pub record_status: bool,
    /// Whether answers that are held carry a `Digest`.
    pub digest_answers: bool,
    /// The most bytes of a request's body, if less than the listener's.
    pub body_bytes: Option<u64>,
    /// Of each upstream, SHA-256 over contract, base path, adapter, that upstream and answer mode: part of every cache key.
    pub hashes: Vec<[u8; 32]>,
}

impl Definition {
    /// The operation that the gateway answers itself: a sign of life.
    pub fn served(&self) -> Option<OperationIndex> {
        served(self.status, &self.contract)
    }

    /// What makes answers that are kept for an instance another's, were it not the same.
    pub fn hash_for(&self, instance: usize) -> [u8; 32] {
        self.instance_upstreams.get(instance).and_then(|&upstream| self.hashes.get(upstream)).copied().unwrap_or_default()
    }

    /// The upstream of an instance.
    pub fn upstream_of(&self, instance: usize) -> Option<&UpstreamRules> {
        self.upstreams.get(*self.instance_upstreams.get(instance)?).map(|rules| &**rules)
    }
}

/// An instance: an e-service of one tenant, offered by it or called by one of its departments.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// In whose name it is offered or called.
    pub tenant: Tenant,
    /// Who acts for that tenant.
    pub delegate: Option<Tenant>,
    /// The environment of PDND, by its place in the configuration; `None` without vouchers.
    pub issuer: Option<usize>,
}

/// Who may call, in whose names, and where the upstreams of those are that have one of their own.
pub(super) struct Access {
    pub(super) security: Option<Security>,
    pub(super) instances: Vec<Instance>,
    /// One for each instance.
    pub(super) own: Vec<InstanceUrl>,
}

/// How callers are authenticated.
#[derive(Debug, PartialEq)]
pub enum Security {
    /// By a PDND voucher, which also chooses the instance.
    Voucher(Instances),
    /// Not at all: `security: [open]`.
    Open,
    /// By the upstream: `security: [upstream]`. Its credentials pass.
    Upstream,
    /// By a department's own key; whom they call is shown a voucher of their tenant.
    Department(Departments),
}

/// How durable records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No answer leaves before its record is on disk.
    Strict,
    /// Records are written without waiting: for e-services without personal data only.
    Relaxed,
}

/// Who answers `/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusMode {
    /// The gateway.
    Served,
    /// The upstream.
    Proxied,
}

pub(super) fn compile(key: &Key, section: &Section<'_>, scope: &Scope<'_>) -> Option<Definition> {
    let name: Arc<str> = key.text.as_str().into();
    let direction =
        section.choice("direction", &[("inbound", Direction::Inbound), ("outbound", Direction::Outbound)]).unwrap_or(Direction::Inbound);
    let listener = listener(section, scope);
    let base_path = base_path(section);
    let status = status(section, direction);
    let (contract, contract_files) = super::contract::compile(section, status, scope.library).unzip();
    let patterns = (direction == Direction::Outbound).then(|| Patterns::read(section));
    let portal = if direction == Direction::Outbound { portal(section, scope) } else { None };
    let evidence = patterns.as_ref().and_then(|patterns| patterns.evidence(section, portal.and_then(|at| scope.portals.get(at))));
    let Access { security, instances, own } = match direction {
        Direction::Inbound => inbound::security(section, scope),
        Direction::Outbound => outbound(section, scope, evidence.as_ref()),
    };
    certificates_are_asked(section, scope, security.as_ref(), listener.as_deref());
    let operations = contract.as_ref().map(|contract| operation::compile(section, contract.operations()));
    if contract.is_none() {
        let _ = section.named_sections("operations");
    }
    let served = contract.as_ref().and_then(|contract| served(status, contract));
    let policy_file = section.text("policy").map(|text| files::resolve(section, text));
    // Whom an outbound e-service lists may call through it: a policy may say less.
    let needs_policy = direction == Direction::Inbound && !matches!(security, Some(Security::Open | Security::Upstream));
    let policies = policies(section, &name, contract.as_ref(), served, &instances, needs_policy);
    let subject = super::selector::list(section, "subject");
    let channel = ChannelSource::read(section, portal.is_some());
    let case = TextSource::case(section, portal.is_some());
    if case.is_some() && !scope.has_commitments {
        let fault = Fault::warning(section.place("case"), "the number of the case reaches policy, and no record");
        section.report(fault.hint("`audit.commitments: \"file:commitments.key\"` has records commit to it"));
    }
    let limits = limits::limits(section.section("limits"));
    // Our own documents are kept to; those of others are often wrong.
    let usual = if direction == Direction::Inbound { AnswerMode::Enforce } else { AnswerMode::Report };
    let answers = super::contract::answers(section, usual);
    let durability = section.choice("audit", &[("strict", Durability::Strict), ("relaxed", Durability::Relaxed)]);
    if durability == Some(Durability::Relaxed) && !subject.is_empty() {
        let fault = Fault::error(section.place("audit"), "what is told about somebody is recorded before it is told");
        section.report(fault.hint("`audit: relaxed` is for e-services without personal data: they have no `subject`"));
    }
    let cors = super::cors::compile(section);
    let record_status = section.flag("record_status").unwrap_or(false);
    let digest_answers = section.flag("digest_answers").unwrap_or(false);
    let body_bytes = section.bytes("body_bytes");
    let standing = Standing {
        base_path: &base_path,
        direction,
        cookies: matches!(security, Some(Security::Upstream)),
        has_cors: cors.is_some(),
        contract: contract.as_ref(),
        served,
        own: &own,
        network: scope.network,
    };
    let Adapted { adapter, identity_headers, tells_origin, upstreams, audience } = super::adapter::compile(section, &standing)?;
    // Our own departments' systems are in the house; others are outside.
    let reached = |upstream| if direction == Direction::Outbound { scope.network.out(upstream) } else { upstream };
    let Upstreams { list, of_instances: instance_upstreams } = upstreams;
    let upstreams: Vec<_> = list.into_iter().map(reached).map(Arc::new).collect();
    let modi = match patterns {
        Some(patterns) => patterns.rules(section, audience.as_deref(), evidence),
        None => {
            super::modi::refuse_audience(section, audience.as_deref());
            None
        }
    };
    let contract = contract?;
    let listened = scope.listeners.iter().find(|known| Some(&known.name) == listener.as_ref());
    if direction == Direction::Inbound {
        super::contract::compare_paths(section, &contract, &base_path);
    }
    if let Some(security) = &security {
        let has_certificate = match direction {
            Direction::Inbound => listened.is_some_and(|listener| listener.requires_certificates),
            Direction::Outbound => upstreams.iter().all(|upstream| upstream.shows_certificate()),
        };
        super::promised::compare(
            section,
            &contract,
            &Asked { security, has_certificate, shown: modi.as_ref().map(ModiRules::headers).unwrap_or_default() },
        );
    }
    let told: Vec<&HeaderName> = case.iter().chain(channel.iter().filter_map(ChannelSource::told)).filter_map(TextSource::header).collect();
    let unusual_headers = super::headers::unusual(section, &contract, |name| {
        identity_headers.contains(name)
            || told.contains(&name)
            || portal.and_then(|at| scope.portals.get(at)).is_some_and(|portal| portal.header == name)
            || modi.as_ref().and_then(|rules| rules.evidence.as_ref()).is_some_and(|rules| rules.headers().any(|header| header == name))
            || listened.is_some_and(|listener| listener.trusted.certificate.as_ref() == Some(name))
    });
    let hashes = hashes(&contract, &base_path, &*adapter, &answers, &upstreams);
    Some(Definition {
        place: Place::at(section.file(), key.position),
        direction,
        listener: listener?,
        operations: operations?,
        security: security?,
        policies: policies?,
        answers,
        durability: durability.unwrap_or(Durability::Strict),
        status,
        name,
        base_path,
        contract,
        contract_files: contract_files.unwrap_or_default(),
        instances,
        policy_file,
        subject,
        channel,
        case,
        limits,
        modi,
        portal,
        adapter,
        identity_headers,
        unusual_headers,
        tells_origin,
        cors,
        upstreams,
        instance_upstreams,
        record_status,
        digest_answers,
        body_bytes,
        hashes,
    })
}

fn listener(section: &Section<'_>, scope: &Scope<'_>) -> Option<Arc<str>> {
    let name = section.required_text("listener")?;
    let found = scope.listeners.iter().find(|listener| *listener.name == *name);
    if found.is_none() {
        let known = scope.listeners.iter().map(|listener| format!("`{}`", listener.name)).collect::<Vec<_>>().join(", ");
        section.report(Fault::error(section.place("listener"), format!("there is no listener `{name}`")).hint(format!("there is {known}")));
    }
    found.map(|listener| listener.name.clone())
}

fn base_path(section: &Section<'_>) -> String {
    let text = section.required_text("base_path").unwrap_or("/");
    if !text.starts_with('/')
        || text.contains("//")
        || text.split('/').any(|part| part == "." || part == "..")
        || text.contains(['?', '#', '%'])
    {
        section.report(
            Fault::error(section.place("base_path"), "a base path begins with `/` and is made of plain segments")
                .hint("such as `/anagrafe/v1`"),
        );
    }
    text.trim_end_matches('/').to_owned()
}

/// The portal that an e-service names.
fn portal(section: &Section<'_>, scope: &Scope<'_>) -> Option<usize> {
    let name = section.text("portal")?;
    let found = scope.portals.iter().position(|portal| *portal.name == *name);
    if found.is_none() {
        let fault = Fault::error(section.place("portal"), format!("there is no portal `{name}`"));
        section.report(fault.hint("portals stand under `portals`"));
    }
    found
}

/// Who calls through an outbound e-service.
fn outbound(section: &Section<'_>, scope: &Scope<'_>, evidence: Option<&EvidenceRules>) -> Access {
    let before = section.faults().borrow().len();
    let (departments, instances) = super::department::compile(section, scope, evidence);
    let told = evidence.is_some_and(|rules| rules.claims.iter().any(|claim| matches!(claim.from, EvidenceSource::Claim(_))));
    let shown = departments.list.iter().any(|department| !department.credentials.token.is_empty());
    if section.node("portal").is_some() && !told && !shown {
        let fault = Fault::error(section.place("portal"), "nothing is asked of this portal: nobody would have to sign in");
        section.report(fault.hint("take a claim from its token, `userID: \"claim:sub\"`, or know a department by it, `token: { azp: … }`"));
    }
    let is_whole = section.faults().borrow().len() == before;
    let (instances, own) = instances.into_iter().unzip();
    Access { security: is_whole.then_some(Security::Department(departments)), instances, own }
}

/// A department that is known by its certificate has to be asked for one, by us or by a proxy before us.
fn certificates_are_asked(section: &Section<'_>, scope: &Scope<'_>, security: Option<&Security>, listener: Option<&str>) {
    let Some(Security::Department(departments)) = security else { return };
    let listener = scope.listeners.iter().find(|known| Some(&*known.name) == listener);
    let asked = listener.is_none_or(|known| known.asks_certificates || known.trusted.certificate.is_some());
    let shown = departments.list.iter().find(|department| !department.credentials.certificates.is_empty());
    if let Some(department) = shown.filter(|_| !asked) {
        let message = format!("nobody is asked for the certificate that `{}` is known by", department.name);
        let hint = "write `client_certificates` in the listener, or `trusted_proxies.certificate` where a proxy ends TLS";
        section.report(Fault::error(section.place("consumers"), message).hint(hint));
    }
}

fn served(status: StatusMode, contract: &Contract) -> Option<OperationIndex> {
    contract.status_operation().filter(|_| status == StatusMode::Served)
}

/// Who says whether the e-service lives.
fn status(section: &Section<'_>, direction: Direction) -> StatusMode {
    let status = section.choice("status", &[("served", StatusMode::Served), ("proxied", StatusMode::Proxied)]);
    if direction == Direction::Outbound && status == Some(StatusMode::Served) {
        let fault = Fault::error(section.place("status"), "the gateway cannot say of others that they are well");
        section.report(fault.hint("leave it out: whether the provider lives is for the provider to say"));
    }
    let usual = if direction == Direction::Inbound { StatusMode::Served } else { StatusMode::Proxied };
    status.unwrap_or(usual)
}

/// `Some(None)` where there is rightly no policy; `None` where there is a fault.
#[expect(clippy::option_option, reason = "no policy and a faulty policy are different things")]
fn policies(
    section: &Section<'_>,
    name: &str,
    contract: Option<&Contract>,
    served: Option<OperationIndex>,
    instances: &[Instance],
    needed: bool,
) -> Option<Option<Policies>> {
    let Some(text) = section.text("policy") else {
        if !needed {
            return Some(None);
        }
        let fault = Fault::error(section.here(), format!("`{}` needs `policy`", section.name()));
        section.report(fault.hint("without a policy nothing is permitted; name a .cedar file"));
        return None;
    };
    let path = files::resolve(section, text);
    let source = match std::fs::read_to_string(&path) {
        Ok(text) => PolicySource::new(&path.display().to_string(), &text),
        Err(error) => {
            section.report(Fault::unreadable(section.place("policy"), &format!("`{}`", path.display()), &error));
            return None;
        }
    };
    let tenants: Vec<Tenant> = instances.iter().map(|instance| instance.tenant.clone()).collect();
    let operations = contract.map(Contract::operations).unwrap_or_default();
    let target = PolicyTarget { eservice: name, tenants: &tenants, operations };
    let Some(contract) = contract else {
        Policies::check_alone(&source, &target, section.faults());
        return None;
    };
    let policies = Policies::compile(&source, &target, section.faults())?;
    let required =
        |operation, pointer: &exchange::Pointer| contract.required_in_answer(operation, pointer).map(std::string::ToString::to_string);
    policies.check_withheld(&required, section.faults());
    // What the gateway answers itself has nothing that could be withheld, whatever it may hold by the document.
    let known = |operation, pointer: &exchange::Pointer| Some(operation) != served && contract.knows_in_answer(operation, pointer);
    policies.check_known(&known, section.faults());
    Some(Some(policies))
}

/// Who is asked, for what, and how its answer is read and checked: whatever makes a kept answer another's. One for each upstream.
fn hashes(
    contract: &Contract,
    base_path: &str,
    adapter: &dyn Adapter,
    answers: &AnswerModes,
    upstreams: &[Arc<UpstreamRules>],
) -> Vec<[u8; 32]> {
    let mut common = Context::new(&SHA256);
    common.update(&contract.hash());
    common.update(format!("{base_path}\n{adapter:?}\n{answers:?}\n").as_bytes());
    let of = |upstream: &Arc<UpstreamRules>| {
        let mut addresses: Vec<String> = upstream.endpoints.iter().map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port)).collect();
        addresses.sort_unstable();
        let mut context = common.clone();
        context.update(format!("{}\n{addresses:?}\n", upstream.url).as_bytes());
        if let Some(tls) = &upstream.tls {
            context.update(tls.tls.identity());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    };
    upstreams.iter().map(of).collect()
}
