//! What was consumed of today's quotas before this process counted: out of the log, which knows every exchange.

use std::io;
use std::sync::Arc;

use audit::LeafView;
use serde::Deserialize;

use crate::admission::{Asking, Day};
use crate::clock;
use crate::config::{LimitRules, StatusMode};
use crate::exchange::Stage;
use crate::rejection::Scope;
use crate::snapshot::{EService, Snapshot};
use crate::state::State;

/// Counts today's exchanges of e-services whose quotas nobody counted so far: at the start all, after a reload those that are new.
/// Only what is recorded can be recalled; who is refused before or at admission has consumed nothing.
pub(crate) fn recall(snapshot: &Snapshot, before: Option<&Snapshot>, state: &State) -> io::Result<()> {
    let counted = |service: &EService| {
        let known = |snapshot: &Snapshot| snapshot.services().find(|known| known.definition.name == service.definition.name).cloned();
        before.and_then(known).map(|known| known.definition.limits).unwrap_or_default()
    };
    let wanted: Vec<Wanted> = snapshot
        .services()
        .map(|service| Wanted { service: service.clone(), counted: counted(service) })
        .filter(|wanted| Scope::ALL.iter().any(|&scope| wanted.is_new(scope)))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let day = state.calendar.day(clock::now());
    let (starts, ends) = (day.starts.to_text(), day.ends.to_text());
    let mut recalled = 0_u64;
    store::read::each_since(&snapshot.configuration.audit.store, &starts, |leaf| {
        let is_todays = leaf.text("t0").is_some_and(|t0| t0.as_bytes() < &ends[..]);
        if is_todays && has_consumed(leaf) && count(leaf, &wanted, &day) {
            recalled += 1;
        }
    })?;
    tracing::info!(exchanges = recalled, "today's quotas were recalled from the log");
    Ok(())
}

/// An e-service with quotas, and the limits under which its exchanges were counted already.
struct Wanted {
    service: Arc<EService>,
    counted: LimitRules,
}

impl Wanted {
    fn is_new(&self, scope: Scope) -> bool {
        scope.of(&self.service.definition.limits).daily.is_some() && scope.of(&self.counted).daily.is_none()
    }
}

fn has_consumed(leaf: LeafView<'_>) -> bool {
    let is_exchange = matches!(leaf.text("ev"), Some("exchange" | "exchange.orphaned"));
    let unadmitted = [Stage::Route, Stage::Authenticate, Stage::Admit].map(Stage::name);
    is_exchange && leaf.text("stage").is_none_or(|stage| !unadmitted.contains(&stage))
}

/// What of a record tells whose quotas it consumed.
#[derive(Deserialize)]
struct Consumed {
    tenant: Option<Arc<str>>,
    op: Option<Op>,
    #[serde(default)]
    pdnd: Pdnd,
}

#[derive(Deserialize)]
struct Op {
    route: Option<String>,
    id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Pdnd {
    client: Option<Arc<str>>,
    consumer: Option<Arc<str>>,
    purpose: Option<Arc<str>>,
}

fn count(leaf: LeafView<'_>, wanted: &[Wanted], day: &Day) -> bool {
    let Ok(Consumed { tenant: Some(tenant), op: Some(Op { route: Some(route), id }), pdnd }) = serde_json::from_slice(leaf.bytes()) else {
        return false;
    };
    let is_of = |wanted: &&Wanted| {
        let definition = &wanted.service.definition;
        let below = route.strip_prefix(&definition.base_path);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            && definition.instances.iter().any(|instance| instance.tenant.0 == tenant)
            && !(definition.status == StatusMode::Served && is_status(wanted, id.as_deref()))
    };
    // As a request is routed: the longest base path.
    let Some(wanted) = wanted.iter().filter(is_of).max_by_key(|wanted| wanted.service.definition.base_path.len()) else { return false };
    let consumer = pdnd.consumer.as_ref().or(pdnd.client.as_ref());
    let asking = Asking { tenant: &tenant, consumer, purpose: pdnd.purpose.as_ref(), now: day.starts };
    wanted.service.limits.recall(asking, day, |scope| wanted.is_new(scope));
    true
}

/// A sign of life is asked without being admitted.
fn is_status(wanted: &Wanted, id: Option<&str>) -> bool {
    let contract = &wanted.service.definition.contract;
    contract.status_operation().is_some_and(|operation| Some(&*contract.operations()[operation].id) == id)
}
