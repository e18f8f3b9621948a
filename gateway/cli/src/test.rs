//! `varco test`: the cases that stand beside the policies.

use std::cell::RefCell;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use document::{Fault, Faults, Tree};
use exchange::Tenant;
use policy::cases::{self, Outcome};
use policy::{Policies, PolicyTarget};
use proxy::config::Definition;
use serde_json::json;

use crate::check::print_faults;
use crate::configured::Configured;

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configured: Configured,
    /// Print the outcomes as JSON.
    #[arg(long)]
    json: bool,
    /// Print passed cases too.
    #[arg(short, long)]
    verbose: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let configuration = arguments.configured.usable()?;
    let faults = RefCell::new(Faults::new());
    let mut outcomes = Vec::new();
    for service in &configuration.eservices {
        if let (Some(policies), Some(file)) = (&service.policies, &service.policy_file) {
            outcomes.extend(of_policy(service, policies, file, &faults));
        }
    }
    let faults = faults.into_inner();
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let passed = outcomes.len() - failed;
    let broken = faults.has_errors();
    let faults = faults.sorted();
    if arguments.json {
        let cases: Vec<_> = outcomes.iter().map(outcome_json).collect();
        println!(
            "{:#}",
            json!({ "passed": passed, "failed": failed, "cases": cases, "faults": faults.iter().map(ToString::to_string).collect::<Vec<_>>() })
        );
    } else {
        print_faults(&faults);
        outcomes.iter().filter(|outcome| !outcome.passed || arguments.verbose).for_each(print);
        println!("{passed} passed, {failed} failed");
    }
    Ok(if failed == 0 && !broken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cases of `anagrafe.cedar` stand in `anagrafe.cases.yaml`; a policy without cases is worth a warning.
fn of_policy(service: &Definition, policies: &Policies, file: &Path, faults: &RefCell<Faults>) -> Vec<Outcome> {
    let beside = file.with_extension("cases.yaml");
    if !beside.exists() {
        let fault = Fault::warning(service.place.clone(), format!("the policies of `{}` have no cases", service.name));
        faults.borrow_mut().push(fault.hint(format!("write them in {}", beside.display())));
        return Vec::new();
    }
    let Some(tree) = faults.borrow_mut().keep(Tree::read(&beside)) else { return Vec::new() };
    let tenants: Vec<Tenant> = service.instances.iter().map(|instance| instance.tenant.clone()).collect();
    let target = PolicyTarget { eservice: &service.name, tenants: &tenants, operations: service.contract.operations() };
    let cases = cases::read(&tree, &target, faults);
    cases::run(policies, &cases)
}

fn print(outcome: &Outcome) {
    if outcome.passed {
        println!("{}: passed: {}", outcome.place, outcome.name);
    } else {
        println!("{}: failed: {}\n    {}", outcome.place, outcome.name, outcome.message);
    }
}

fn outcome_json(outcome: &Outcome) -> serde_json::Value {
    json!({ "name": &*outcome.name, "place": outcome.place.to_string(), "passed": outcome.passed, "message": outcome.message })
}
