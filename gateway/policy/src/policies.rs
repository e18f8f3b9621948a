use std::sync::Arc;

use cedar_policy::{Entities, EntityTypeName, EntityUid, Request};
use document::Place;
use exchange::{OperationIndex, OperationSpec, Pointer, Tenant};

use crate::bucket::{Bucket, uses};
use crate::facts::Unusable;
use crate::uses::Uses;
use crate::{Decision, Effect, Facts, Obligations};

/// The e-service that policies are compiled for.
#[derive(Clone, Copy, Debug)]
pub struct PolicyTarget<'a> {
    /// Its configured name.
    pub eservice: &'a str,
    /// The tenants that offer or use it; decisions name them by their position here.
    pub tenants: &'a [Tenant],
    /// The operations of its contract; decisions name them by their position here.
    pub operations: &'a [OperationSpec],
}

/// The policies of one e-service, compiled.
#[derive(Debug)]
pub struct Policies {
    pub(crate) consumer: EntityTypeName,
    /// For each tenant in turn, each operation.
    pub(crate) scopes: Box<[Scope]>,
    pub(crate) operations: Box<[Operation]>,
    pub(crate) names: Arc<[Arc<str>]>,
    pub(crate) hash: [u8; 32],
}

/// All that is the same whenever one operation of one tenant is asked for.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    /// The e-service and its tenant.
    pub(crate) entities: Entities,
    pub(crate) bucket: Arc<Bucket>,
}

/// An operation and what some permit may withhold from its answers.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: Arc<str>,
    pub(crate) withheld: Vec<(Pointer, Place)>,
}

impl Policies {
    /// Whether one operation of one tenant may be performed. Indices that the target does not have are denied.
    pub fn decide(&self, tenant: usize, operation: OperationIndex, facts: &Facts<'_>) -> Decision {
        let Some(scope) = self.scope(tenant, operation) else { return denied() };
        let selection = scope.bucket.select(facts);
        // Where no policy can have a say, nothing needs to be asked.
        let Some(uses) = uses(&selection) else { return scope.bucket.denied(Vec::new(), false) };
        let decision = self.request(scope, facts, uses).and_then(|request| {
            if !uses.consumer {
                return Ok(scope.bucket.decide(&selection, &request, &scope.entities));
            }
            let consumer = facts.consumer(facts.principal(&self.consumer))?;
            let entities = scope.entities.clone().add_entities([consumer], None).map_err(|_| Unusable)?;
            Ok(scope.bucket.decide(&selection, &request, &entities))
        });
        decision.unwrap_or_else(|Unusable| scope.bucket.denied(Vec::new(), true))
    }

    fn scope(&self, tenant: usize, operation: OperationIndex) -> Option<&Scope> {
        let here = tenant.checked_mul(self.operations.len())?.checked_add(operation)?;
        if operation < self.operations.len() { self.scopes.get(here) } else { None }
    }

    fn request(&self, scope: &Scope, facts: &Facts<'_>, uses: Uses) -> Result<Request, Unusable> {
        let (principal, context) = (facts.principal(&self.consumer), facts.context(uses)?);
        Request::new(principal, scope.action.clone(), scope.resource.clone(), context, None).map_err(|_| Unusable)
    }

    /// SHA-256 of the policy file, which the record of every decision names: `sha256sum` finds the same.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The names of all policies, in the order of the file.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

fn denied() -> Decision {
    Decision { effect: Effect::Deny, reasons: Vec::new(), obligations: Arc::new(Obligations::default()), error: true }
}

#[cfg(test)]
mod tests;
