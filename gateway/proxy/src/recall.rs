//! What was consumed of today's quotas before this process counted: out of the log, which knows every exchange.

use std::io;
use std::sync::Arc;

use audit::LeafView;
use serde::Deserialize;

use crate::admission::{Asking, Day};
use crate::clock;
use crate::config::{Direction, LimitRules};
use crate::exchange::Stage;
use crate::rejection::Scope;
use crate::service::EService;
use crate::snapshot::Snapshot;
use crate::state::State;

/// Counts today's exchanges of e-services whose quotas nobody counts now: at the start all, after a reload those that are new. What
/// was counted of them before, under a configuration that has gone since, is in the log too and is begun anew.
pub(crate) fn recall(snapshot: &Snapshot, before: Option<&Snapshot>, state: &State) -> io::Result<()> {
    let counted = |service: &EService| {
        let known = |snapshot: &Snapshot| snapshot.services().find(|known| known.definition.name == service.definition.name).cloned();
        before.and_then(known).map(|known| known.definition.limits).unwrap_or_default()
    };
    let services: Vec<Recalled> =
        snapshot.services().map(|service| Recalled { service: service.clone(), counted: counted(service) }).collect();
    let wanted = || {
        services.iter().flat_map(|recalled| Scope::ALL.map(|scope| (recalled, scope))).filter(|(recalled, scope)| recalled.is_new(*scope))
    };
    if wanted().next().is_none() {
        return Ok(());
    }
    for (recalled, scope) in wanted() {
        recalled.service.limits.daily(scope).clear();
    }
    let day = state.calendar.day(clock::now());
    let (starts, ends) = (day.starts.to_text(), day.ends.to_text());
    let mut recalled = 0_u64;
    store::read::each_since(&snapshot.configuration.audit.store, &starts, |leaf| {
        let is_todays = leaf.text("t0").is_some_and(|t0| t0.as_bytes() < &ends[..]);
        if is_todays && has_consumed(leaf) {
            recalled += u64::from(count(leaf, &services, &day));
        }
    })?;
    tracing::info!(exchanges = recalled, "today's quotas were recalled from the log");
    Ok(())
}

/// An e-service, and the limits under which its exchanges are counted already.
struct Recalled {
    service: Arc<EService>,
    counted: LimitRules,
}

impl Recalled {
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
    dir: Option<String>,
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

fn count(leaf: LeafView<'_>, services: &[Recalled], day: &Day) -> bool {
    let Ok(Consumed { dir, tenant: Some(tenant), op: Some(Op { route: Some(route), id }), pdnd }) = serde_json::from_slice(leaf.bytes())
    else {
        return false;
    };
    let direction = if dir.as_deref() == Some("outbound") { Direction::Outbound } else { Direction::Inbound };
    let is_of = |recalled: &&Recalled| {
        let definition = &recalled.service.definition;
        let below = route.strip_prefix(&definition.base_path);
        direction == definition.direction
            && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            && definition.instances.iter().any(|instance| instance.tenant.0 == tenant)
    };
    // As a request is routed: the longest base path, whether or not that e-service has quotas.
    let found = services.iter().filter(is_of).max_by_key(|recalled| recalled.service.definition.base_path.len());
    let Some(recalled) = found.filter(|recalled| !is_status(recalled, id.as_deref())) else { return false };
    let consumer = pdnd.consumer.as_ref().or(pdnd.client.as_ref());
    let asking = Asking { tenant: &tenant, consumer, purpose: pdnd.purpose.as_ref(), now: day.starts };
    recalled.service.limits.recall(asking, day, |scope| recalled.is_new(scope));
    Scope::ALL.iter().any(|&scope| recalled.is_new(scope))
}

/// A sign of life that the gateway serves is asked without being admitted.
fn is_status(recalled: &Recalled, id: Option<&str>) -> bool {
    let definition = &recalled.service.definition;
    definition.served().is_some_and(|operation| Some(&*definition.contract.operations()[operation].id) == id)
}
