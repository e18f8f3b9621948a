//! The files shipped for the invented e-service, held against one another and against what the sandbox knows.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use contract::{CompileOptions, Contract};
use document::{Faults, Tree};
use exchange::Tenant;
use policy::{Policies, PolicySource, PolicyTarget, cases};
use sandbox::Registry;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn contract(faults: &RefCell<Faults>) -> Option<Contract> {
    let tree = Tree::read(&file("specs/anagrafe/openapi.yaml")).expect("the contract can be read");
    Contract::compile(&tree.into(), &CompileOptions::default(), faults)
}

fn told(faults: RefCell<Faults>) -> Vec<String> {
    faults.into_inner().sorted().iter().map(ToString::to_string).collect()
}

#[test]
fn the_contract_has_its_operations() {
    let faults = RefCell::new(Faults::new());
    let contract = contract(&faults);
    assert_eq!(told(faults), Vec::<String>::new());
    let contract = contract.expect("a contract");
    let names: Vec<&str> = contract.operations().iter().map(|operation| &*operation.id).collect();
    assert_eq!(names, ["cercaResidenza", "leggiCittadino", "aggiornaIndirizzo", "stato"]);
    assert_eq!(contract.status_operation(), Some(3));
}

#[test]
fn the_policies_answer_their_cases() {
    let faults = RefCell::new(Faults::new());
    let contract = contract(&faults).expect("a contract");
    let tenants = [Tenant::new("pietrachiara")];
    let target = PolicyTarget { eservice: "anagrafe", tenants: &tenants, operations: contract.operations() };
    let text = std::fs::read_to_string(file("policies/anagrafe.cedar")).expect("the policies can be read");
    let policies = Policies::compile(&PolicySource::new("policies/anagrafe.cedar", &text), &target, &faults);
    let tree = Tree::read(&file("policies/anagrafe.cases.yaml")).expect("the cases can be read");
    let cases = cases::read(&tree, &target, &faults);
    if let Some(policies) = &policies {
        let required = |operation, pointer: &_| contract.required_in_answer(operation, pointer).map(ToString::to_string);
        policies.check_withheld(&required, &faults);
    }
    assert_eq!(told(faults), Vec::<String>::new());
    let policies = policies.expect("policies");
    let failed: Vec<String> = cases::run(&policies, &cases).into_iter().filter(|case| !case.passed).map(|case| case.message).collect();
    assert_eq!(failed, Vec::<String>::new());
    assert!(cases.len() > 10);
}

/// The policies name purposes by identifier; those of the sandbox's registry must be the ones they mean.
#[test]
fn the_policies_speak_of_the_registrys_purposes() {
    let text = std::fs::read_to_string(file("policies/anagrafe.cedar")).expect("the policies can be read");
    let registry = Registry::invented();
    let named = |name: &str| text.contains(&registry.purpose(name).expect("a purpose").id.to_string());
    assert_eq!(["assistenza", "tributi", "promozioni"].map(named), [true, true, false]);
    let audience = &registry.eservice("anagrafe").expect("the e-service").descriptors[0].audience;
    let contract = std::fs::read_to_string(file("specs/anagrafe/openapi.yaml")).expect("the contract can be read");
    assert!(contract.contains(&format!("url: {}\n", audience[0])), "the voucher's audience is the contract's server");
}
