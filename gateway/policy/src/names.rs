use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use crate::PolicyTarget;

/// The entities that stand for the target's parts.
pub(crate) struct Names {
    pub(crate) tenant: EntityTypeName,
    pub(crate) eservice: EntityTypeName,
    pub(crate) consumer: EntityTypeName,
    pub(crate) actions: Vec<EntityUid>,
    pub(crate) tenants: Vec<TenantNames>,
}

pub(crate) struct TenantNames {
    pub(crate) tenant: EntityUid,
    pub(crate) eservice: EntityUid,
    pub(crate) entities: Entities,
}

impl Names {
    pub(crate) fn of(target: &PolicyTarget<'_>) -> Self {
        let kind = |name: &str| name.parse::<EntityTypeName>().expect("a name of the schema");
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        let (tenant, eservice, action) = (kind("Tenant"), kind("EService"), kind("Action"));
        let tenants = target.tenants.iter().map(|one| {
            let name = one.name();
            let owner = uid(&tenant, name);
            let service = uid(&eservice, &format!("{name}/{}", target.eservice));
            let entities = entities(&service, &owner, target.eservice, name);
            TenantNames { tenant: owner, eservice: service, entities }
        });
        let tenants = tenants.collect();
        let actions = target.operations.iter().map(|operation| uid(&action, &operation.id)).collect();
        Self { consumer: kind("Consumer"), tenant, eservice, actions, tenants }
    }
}

fn entities(service: &EntityUid, owner: &EntityUid, eservice: &str, tenant: &str) -> Entities {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let attributes = HashMap::from([("name".to_owned(), text(eservice)), ("tenant".to_owned(), text(tenant))]);
    let service = Entity::new(service.clone(), attributes, HashSet::from([owner.clone()])).expect("texts are values");
    Entities::from_entities([service, Entity::with_uid(owner.clone())], None).expect("two entities, one inside the other")
}

/// The first few of a list: a regional hub has hundreds of tenants.
pub(crate) fn some(known: &[impl Display]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = known.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match known.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
