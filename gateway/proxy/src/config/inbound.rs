//! Who may call an inbound e-service: what a voucher must say to open an instance of it.

use document::{Fault, Section};
use exchange::Tenant;
use trust::{Acceptance, Identifiers, Instances, Times};

use super::eservice::{Access, Instance, Security};
use super::upstream::InstanceUrl;
use super::{Scope, TenantRules, identifier};

/// Reads `security` and `instances`.
pub(super) fn security(section: &Section<'_>, scope: &Scope<'_>) -> Access {
    let words = section.texts("security");
    let acknowledged: Vec<&str> = section.texts("acknowledge").into_iter().map(|(word, _)| word).collect();
    let listed = section.section_list("instances");
    let word = |wanted: &str| words.iter().any(|(word, _)| *word == wanted);
    for (word, place) in &words {
        if !["voucher", "open", "upstream"].contains(word) {
            let fault = Fault::error(place.clone(), format!("the security pattern `{word}` is not known here"));
            section.report(fault.hint("this version knows `voucher`, `open` and `upstream`"));
        }
    }
    if words.len() > 1 {
        section.report(Fault::error(section.place("security"), "choose one of `voucher`, `open` and `upstream`"));
    }
    for unprotected in ["open", "upstream"] {
        if word(unprotected) && !acknowledged.contains(&unprotected) {
            let message = match unprotected {
                "open" => format!("`{}` asks no proof of its callers", section.name()),
                _ => format!("`{}` leaves authentication to its upstream", section.name()),
            };
            section.report(
                Fault::warning(section.place("security"), message).hint(format!("write `acknowledge: [{unprotected}]` if that is meant")),
            );
        }
    }
    let implicit = |security| Access {
        security,
        instances: vec![Instance { tenant: scope.implicit.tenant.clone(), delegate: None, issuer: None }],
        own: vec![InstanceUrl::Common],
    };
    let read = listed.iter().filter_map(|section| {
        // Read whatever else is wrong, so that it is not said to be unknown.
        let own = InstanceUrl::read(section);
        Some((instance(section, scope)?, own))
    });
    if word("open") || word("upstream") {
        let (instances, own): (Vec<Instance>, Vec<_>) = read.map(|((instance, _), own)| (instance, own)).unzip();
        if instances.len() > 1 {
            let fault = Fault::error(section.place("instances"), "nothing in a request says which of these instances is meant");
            section.report(fault.hint("callers who prove nothing choose none: one e-service for each"));
        }
        let security = Some(if word("open") { Security::Open } else { Security::Upstream });
        return if instances.is_empty() { implicit(security) } else { Access { security, instances, own } };
    }
    if !word("voucher") {
        let fault = Fault::error(section.place("security"), format!("`{}` needs `security`", section.name()));
        section.report(fault.hint("`[voucher]` for a PDND e-service"));
        return implicit(None);
    }
    let ((instances, acceptances), own): ((Vec<Instance>, Vec<Option<Acceptance>>), Vec<_>) = read.unzip();
    if listed.is_empty() {
        let fault = Fault::error(section.here(), format!("`{}` needs `instances`", section.name()));
        section.report(fault.hint("one for each tenant: tenant, pdnd, eservice, descriptors, audience"));
    }
    let acceptances: Option<Vec<Acceptance>> = acceptances.into_iter().collect();
    let security = acceptances.filter(|list| !list.is_empty()).and_then(|list| match Instances::new(list) {
        Ok(instances) => Some(Security::Voucher(instances)),
        Err(overlap) => {
            let fault = Fault::error(
                section.place("instances"),
                format!("one voucher could choose both instance {} and {}", overlap.first + 1, overlap.second + 1),
            );
            section.report(fault.hint("give each its own `producer`, `eservice`, `descriptors` or `audience`"));
            None
        }
    });
    Access { security, instances, own }
}

/// One instance, and what a voucher must say to open it (absent without an environment).
fn instance(section: &Section<'_>, scope: &Scope<'_>) -> Option<(Instance, Option<Acceptance>)> {
    let tenant = scope.tenant(section);
    let delegate_name = section.text("delegate");
    let environment = section.text("pdnd");
    let producer = section.text("producer").and_then(|text| identifier(section, "producer", text));
    let eservice = section.text("eservice").and_then(|text| identifier(section, "eservice", text));
    let descriptors = section.texts("descriptors").into_iter().filter_map(|(text, _)| identifier(section, "descriptors", text)).collect();
    let audiences: Box<[Box<str>]> = section.texts("audience").into_iter().map(|(text, _)| text.into()).collect();
    let identifiers =
        section.choice("identifiers", &[("required", Identifiers::Required), ("optional", Identifiers::Optional)]).unwrap_or_default();
    let mut times = Times::default();
    if let Some(tolerance) = section.duration("expiry_tolerance") {
        times.after_expiry = tolerance;
    }
    times.longest_age = section.duration("longest_age");
    let owner = tenant?;
    if !owner.roles.provider {
        let fault = Fault::error(section.place("tenant"), format!("the tenant `{}` is no provider", owner.tenant.name()));
        section.report(fault.hint("it has `roles: [consumer]`"));
    }
    let delegate = delegate_name.and_then(|name| delegate(section, name, &owner));
    let tenant = owner.tenant.clone();
    let Some(environment) = environment else { return Some((Instance { tenant, delegate, issuer: None }, None)) };
    let at = super::issuer::environment(section, environment, scope.issuers)?;
    if audiences.is_empty() {
        let fault = Fault::error(section.here(), format!("`{}` needs `audience`", section.name()));
        section.report(fault.hint("the audience of the descriptor, as PDND's catalogue shows it"));
    }
    let producer = producer.or(owner.producer);
    let issuer = scope.issuers[at].rules.issuer().clone();
    let acceptance = Acceptance { issuer, audiences, producer, eservice, descriptors, identifiers, times };
    Some((Instance { tenant, delegate, issuer: Some(at) }, Some(acceptance)))
}

/// Who acts for a tenant, if the tenant says so too.
fn delegate(section: &Section<'_>, name: &str, owner: &TenantRules) -> Option<Tenant> {
    if owner.delegates.iter().any(|known| **known == *name) {
        return Some(Tenant::new(name));
    }
    let fault = Fault::error(section.place("delegate"), format!("`{name}` does not act for `{}`", owner.tenant.name()));
    section.report(fault.hint(format!("write `delegates: [{name}]` in the tenant if it does")));
    None
}
