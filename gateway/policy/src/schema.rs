use std::collections::BTreeSet;
use std::fmt::Write;

use cedar_policy::{EntityId, Schema};

use crate::PolicyTarget;

/// What a policy may speak of, as `policies/varco.cedarschema` explains it; the actions are added at load.
pub const SCHEMA: &str = include_str!("../../../policies/varco.cedarschema");

/// The schema of one e-service: the fixed part and an action for each operation, so that a policy that names an operation
/// which the contract does not have is a fault.
pub(crate) fn of(target: &PolicyTarget<'_>) -> Result<Schema, String> {
    let mut text = SCHEMA.to_owned();
    for id in target.operations.iter().map(|operation| &operation.id).collect::<BTreeSet<_>>() {
        let _ = writeln!(
            text,
            "action \"{}\" appliesTo {{ principal: Consumer, resource: EService, context: Exchange }};",
            EntityId::new(id).escaped()
        );
    }
    // The warnings speak of the schema, which is ours, never of what a user wrote.
    Schema::from_cedarschema_str(&text).map(|(schema, _warnings)| schema).map_err(|error| error.to_string())
}
