use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use cedar_policy::{ActionConstraint, EntityUid, Policy, ResourceConstraint};
use document::Place;
use exchange::{OperationSpec, Pointer};

use crate::bucket::Bucket;
use crate::names::{Names, TenantNames};
use crate::policies::{Operation, Scope};
use crate::statement::Statement;
use crate::{Obligations, Policies, PolicySource, PolicyTarget};

/// Sorts the policies into buckets: one for each different selection, shared by all that select the same.
pub(crate) fn sort(source: &PolicySource, target: &PolicyTarget<'_>, names: &Names, statements: &[Statement<'_>]) -> Policies {
    let policy_names: Arc<[Arc<str>]> = statements.iter().map(|statement| statement.name.clone()).collect();
    let obligations: Vec<Arc<Obligations>> = statements.iter().map(obligations).collect();
    let bucket = |selected: &[usize]| {
        let policies = selected.iter().map(|at| (*at, &statements[*at].policy));
        let obliging = selected.iter().map(|at| (*at, obligations[*at].clone())).filter(|(_, one)| !one.is_empty());
        Bucket::new(policies, &policy_names, obliging.collect())
    };
    let mut buckets: HashMap<Vec<usize>, Arc<Bucket>> = HashMap::new();
    let mut scopes = Vec::with_capacity(names.tenants.len() * names.actions.len());
    let mut withheld = vec![Vec::<(Pointer, Place)>::new(); names.actions.len()];
    for tenant in &names.tenants {
        for (operation, action) in names.actions.iter().enumerate() {
            let selected: Vec<usize> =
                (0..statements.len()).filter(|at| may_apply(&statements[*at].policy, action, tenant, names)).collect();
            for at in &selected {
                let new = statements[*at].annotations.withhold.iter().filter(|one| !withheld[operation].contains(one)).cloned();
                let new: Vec<_> = new.collect();
                withheld[operation].extend(new);
            }
            let bucket = if let Some(bucket) = buckets.get(&selected) {
                bucket.clone()
            } else {
                let bucket = Arc::new(bucket(&selected));
                buckets.insert(selected, bucket.clone());
                bucket
            };
            let (action, resource) = (action.clone(), tenant.eservice.clone());
            scopes.push(Scope { action, resource, entities: tenant.entities.clone(), bucket });
        }
    }
    let operation = |(operation, withheld): (&OperationSpec, _)| Operation { id: operation.id.clone(), withheld };
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, source.text.as_bytes()).as_ref());
    Policies {
        consumer: names.consumer.clone(),
        scopes: scopes.into(),
        operations: target.operations.iter().zip(withheld).map(operation).collect(),
        names: policy_names,
        hash,
    }
}

fn obligations(statement: &Statement<'_>) -> Arc<Obligations> {
    let withhold = statement.annotations.withhold.iter().map(|(pointer, _)| pointer.clone()).collect();
    let written = Obligations { withhold, max_cache_age: statement.annotations.max_cache_age };
    // Alone, too, it is in order and names nothing twice.
    Arc::new(Obligations::union([&written]))
}

/// Whether a policy's scope leaves it a chance here. What its conditions say is left to the evaluation.
fn may_apply(policy: &Policy, action: &EntityUid, tenant: &TenantNames, names: &Names) -> bool {
    let acts = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *action,
        // There are no groups of actions in the schema.
        ActionConstraint::In(several) => several.contains(action),
    };
    let within = |one: &EntityUid| *one == tenant.eservice || *one == tenant.tenant;
    let concerns = match policy.resource_constraint() {
        ResourceConstraint::Any => true,
        ResourceConstraint::Eq(one) => one == tenant.eservice,
        ResourceConstraint::In(one) => within(&one),
        ResourceConstraint::Is(kind) => kind == names.eservice,
        ResourceConstraint::IsIn(kind, one) => kind == names.eservice && within(&one),
    };
    acts && concerns
}
