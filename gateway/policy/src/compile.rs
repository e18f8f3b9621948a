use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use cedar_policy::{EntityUid, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use document::{Fault, Faults, Place, Severity};

use crate::names::{Names, some};
use crate::sort::sort;
use crate::statement::{Statement, statements};
use crate::{Policies, PolicySource, PolicyTarget, schema};

impl Policies {
    /// Compiles the policies of one e-service. Every fault is reported, not only the first; with an error among them there
    /// are no policies.
    pub fn compile(source: &PolicySource, target: &PolicyTarget<'_>, faults: &RefCell<Faults>) -> Option<Self> {
        let mut found = Vec::new();
        let policies = compile(source, target, &mut found);
        let broken = found.iter().any(|fault| fault.severity == Severity::Error);
        faults.borrow_mut().extend(found);
        policies.filter(|_| !broken)
    }

    /// Reports what is wrong with policies whatever the operations are: for when the contract that has them cannot be read.
    /// The target's operations are not looked at.
    pub fn check_alone(source: &PolicySource, target: &PolicyTarget<'_>, faults: &RefCell<Faults>) {
        let mut found = Vec::new();
        read(source, &Names::of(target), &mut found);
        faults.borrow_mut().extend(found);
    }
}

fn compile(source: &PolicySource, target: &PolicyTarget<'_>, faults: &mut Vec<Fault>) -> Option<Policies> {
    let names = Names::of(target);
    let schema = match schema::of(target) {
        Ok(schema) => schema,
        Err(error) => {
            faults.push(Fault::error(Place::file(&source.file), format!("the contract's operations make no schema: {error}")));
            return None;
        }
    };
    let statements = read(source, &names, faults);
    validate(source, schema, &statements, &names, faults);
    Some(sort(source, target, &names, &statements))
}

/// The statements of a file, and what is wrong with them by themselves.
fn read<'s>(source: &'s PolicySource, names: &Names, faults: &mut Vec<Fault>) -> Vec<Statement<'s>> {
    let statements = statements(source, faults);
    if statements.is_empty() && faults.is_empty() {
        faults.push(Fault::warning(Place::file(&source.file), "there is no policy here, so that everything is denied"));
    }
    check_whole(source, &statements, faults);
    check_ids(&statements, faults);
    for statement in &statements {
        check_literals(source, statement, names, faults);
    }
    statements
}

/// What Cedar reads in the file as a whole is what counts: a forbid that was lost between the policies would let pass what it
/// was to stop. Nothing is known to be lost; this is for the day that Cedar's syntax grows.
fn check_whole(source: &PolicySource, statements: &[Statement<'_>], faults: &mut Vec<Fault>) {
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        return;
    }
    match source.text.parse::<PolicySet>() {
        Ok(set) if set.num_of_policies() == statements.len() => {}
        Ok(_) => faults.push(Fault::error(Place::file(&source.file), "the policies cannot be told apart")),
        Err(errors) => faults.extend(errors.iter().map(|error| source.fault(0, error, error.to_string()))),
    }
}

/// A name that two policies bear would tell an auditor nothing.
fn check_ids(statements: &[Statement<'_>], faults: &mut Vec<Fault>) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (name, place) in statements.iter().filter_map(|statement| statement.annotations.id.as_ref()) {
        let line = place.position.map_or(0, |position| position.line);
        if let Some(first) = seen.get(name.as_str()) {
            let fault = Fault::error(place.clone(), format!("the id `{name}` stands twice"));
            faults.push(fault.hint(format!("it stands first in line {first}")));
        } else {
            seen.insert(name, line);
        }
    }
}

/// A tenant or e-service that does not exist makes a forbid that never applies. Cedar has no way to know which exist.
fn check_literals(source: &PolicySource, statement: &Statement<'_>, names: &Names, faults: &mut Vec<Fault>) {
    let literals: HashSet<EntityUid> = statement.policy.entity_literals().into_iter().collect();
    for literal in literals {
        let known = if *literal.type_name() == names.tenant {
            names.tenants.iter().map(|tenant| &tenant.tenant).collect::<Vec<_>>()
        } else if *literal.type_name() == names.eservice {
            names.tenants.iter().map(|tenant| &tenant.eservice).collect()
        } else {
            continue;
        };
        if known.contains(&&literal) {
            continue;
        }
        let at = statement.at + statement.text.find(&literal.to_string()).unwrap_or(0);
        let fault = Fault::error(source.place(at), format!("there is no `{literal}`"));
        faults.push(fault.hint(format!("there is {}", some(&known))));
    }
}

/// Holds the policies against the schema, strictly.
fn validate(source: &PolicySource, schema: Schema, statements: &[Statement<'_>], names: &Names, faults: &mut Vec<Fault>) {
    let policies = statements.iter().map(|statement| statement.policy.clone());
    let Ok(set) = PolicySet::from_policies(policies) else { return };
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    let by_id: HashMap<&PolicyId, &Statement<'_>> = statements.iter().map(|statement| (statement.policy.id(), statement)).collect();
    let mut broken = HashSet::new();
    for error in result.validation_errors() {
        let at = by_id.get(error.policy_id()).map_or(0, |statement| statement.at);
        faults.push(readable(source.fault(at, error, error.to_string()), error.policy_id(), names));
        broken.insert(error.policy_id());
    }
    // That a policy with an error never applies is no news.
    for warning in result.validation_warnings().filter(|warning| !broken.contains(warning.policy_id())) {
        let at = by_id.get(warning.policy_id()).map_or(0, |statement| statement.at);
        let fault = readable(source.fault(at, warning, warning.to_string()), warning.policy_id(), names);
        faults.push(Fault { severity: Severity::Warning, ..fault });
    }
}

/// Cedar's words without what only confuses: the number of a policy whose place is told, the operation for which a mistake was
/// found where it is the same mistake for all, and the `e` that stands for the one entity with optional attributes.
fn readable(fault: Fault, id: &PolicyId, names: &Names) -> Fault {
    let mut message = fault.message.trim_start_matches(&format!("for policy `{id}`")).trim_start_matches([',', ':', ' ']).to_owned();
    for action in &names.actions {
        message = message.replace(&format!(" for {action}"), "");
    }
    let hint = fault.hint.map(|hint| hint.replace("`e has ", "`principal has "));
    Fault { message, hint, ..fault }
}

#[cfg(test)]
mod tests;
