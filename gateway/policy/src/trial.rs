//! What the tests of this crate share: an e-service with a few operations, offered by two tenants.

use std::cell::RefCell;

use document::Faults;
use exchange::{Caller, OperationSpec, Tenant, Timestamp};
use http::Method;

use crate::{Decision, Facts, Policies, PolicySource, PolicyTarget};

pub(crate) const OPERATIONS: [&str; 3] = ["cercaResidenza", "leggiFamiglia", "GET /stato \"civile\""];

pub(crate) const TENANTS: [&str; 2] = ["comune-x", "comune-y"];

/// Something to compile for, with the texts it borrows.
pub(crate) struct Trial {
    tenants: Vec<Tenant>,
    operations: Vec<OperationSpec>,
}

impl Trial {
    pub(crate) fn new() -> Self {
        let operation = |id: &str| OperationSpec {
            id: id.into(),
            method: Method::GET,
            route: "/".into(),
            path_parameters: Vec::new(),
            query_parameters: Vec::new(),
        };
        Self { tenants: TENANTS.map(Tenant::new).into(), operations: OPERATIONS.iter().map(|id| operation(id)).collect() }
    }

    pub(crate) fn target(&self) -> PolicyTarget<'_> {
        PolicyTarget { eservice: "anagrafe", tenants: &self.tenants, operations: &self.operations }
    }

    /// The policies, if there is no error, and every fault as it is shown.
    pub(crate) fn compile(&self, text: &str) -> (Option<Policies>, Vec<String>) {
        let faults = RefCell::new(Faults::new());
        let policies = Policies::compile(&PolicySource::new("p.cedar", text), &self.target(), &faults);
        (policies, faults.into_inner().sorted().iter().map(ToString::to_string).collect())
    }

    /// Policies without any fault.
    pub(crate) fn policies(&self, text: &str) -> Policies {
        let (policies, faults) = self.compile(text);
        policies.unwrap_or_else(|| panic!("no fault in:\n{text}\n{}", faults.join("\n")))
    }
}

pub(crate) fn consumer(purpose: &str) -> Caller {
    Caller { client: Some("client-1".into()), consumer: Some("org-1".into()), purpose: Some(purpose.into()), ..Caller::default() }
}

/// A question at 2026-11-21T17:42:19Z, through the counter.
pub(crate) fn decide(policies: &Policies, tenant: usize, operation: usize, caller: &Caller) -> Decision {
    let now = Timestamp::from_seconds(1_795_282_939);
    let evidence = &["AUDIT_REST_02"];
    let facts = Facts { caller, subject_type: None, channel: Some("counter"), case: Some("2026/17"), evidence, now };
    policies.decide(tenant, operation, &facts)
}
