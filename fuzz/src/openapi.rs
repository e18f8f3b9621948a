//! A document that somebody else wrote, compiled: it is refused with places, or it is a contract that can be asked.

use std::cell::RefCell;

use adapter_api::document::{Faults, Tree};
use contract::{CompileOptions, Contract};
use http::Method;

/// The input is a document, in YAML or JSON.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(tree) = Tree::parse("openapi.yaml", text) else { return };
    let faults = RefCell::new(Faults::new());
    let contract = Contract::compile(&tree.into(), &CompileOptions::default(), &faults);
    assert_eq!(contract.is_none(), faults.borrow().has_errors(), "a document is refused for its faults");
    if let Some(contract) = contract {
        for spec in contract.operations() {
            let _ = contract.route(&spec.method, &spec.route);
        }
        let _ = contract.route(&Method::GET, "/");
    }
}
