use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use cedar_policy::{EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use document::{Fault, Faults, Place, Severity};
use miette::Diagnostic;

use crate::annotations::Annotations;
use crate::names::Names;
use crate::sort::sort;
use crate::source::trivia;
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
    let set: PolicySet = match source.text.parse() {
        Ok(set) => set,
        Err(errors) => {
            faults.extend(source.syntax_faults(&errors));
            return None;
        }
    };
    let statements = statements(source, &set, faults);
    if statements.is_empty() {
        faults.push(Fault::warning(Place::file(&source.file), "there is no policy here, so that everything is denied"));
    }
    check_ids(&statements, faults);
    for statement in &statements {
        check_literals(source, statement, &names, faults);
    }
    validate(source, schema, &set, &statements, faults);
    sort(source, target, &names, &statements)
}

/// One policy of the file.
pub(crate) struct Statement {
    pub(crate) policy: Policy,
    /// The byte it begins at, and its text.
    pub(crate) at: usize,
    pub(crate) text: String,
    /// What records and cases call it.
    pub(crate) name: Arc<str>,
    pub(crate) annotations: Annotations,
}

/// The policies in the order of the file, with their places. Cedar numbers them in that order, and between them stand only
/// blanks and comments.
fn statements(source: &PolicySource, set: &PolicySet, faults: &mut Vec<Fault>) -> Vec<Statement> {
    let policies = set.policies().map(|policy| (policy.id().to_string(), policy.to_string(), Some(policy)));
    let templates = set.templates().map(|template| (template.id().to_string(), template.to_string(), None));
    let mut written: Vec<_> = policies.chain(templates).collect();
    written.sort_by_key(|(id, ..)| id.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap_or(usize::MAX));
    let mut statements = Vec::with_capacity(written.len());
    let mut cursor = 0;
    for (id, text, policy) in written {
        let at = cursor + trivia(&source.text[cursor..]);
        cursor = (at + text.len()).min(source.text.len());
        let Some(policy) = policy else {
            let fault = Fault::error(source.place(at), "a policy with slots (`?principal`, `?resource`) cannot be used here");
            faults.push(fault.hint("write the consumer or the resource out"));
            continue;
        };
        let annotations = Annotations::read(source, at, &text, policy, faults);
        let name = match &annotations.id {
            Some((name, _)) => name.as_str().into(),
            None => format!("{id}:{}", source.position(at).line).into(),
        };
        statements.push(Statement { policy: policy.clone(), at, text, name, annotations });
    }
    statements
}

/// A name that two policies bear would tell an auditor nothing.
fn check_ids(statements: &[Statement], faults: &mut Vec<Fault>) {
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
fn check_literals(source: &PolicySource, statement: &Statement, names: &Names, faults: &mut Vec<Fault>) {
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

/// The first few of a list: a regional hub has hundreds of tenants.
fn some(known: &[&EntityUid]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = known.iter().take(SHOWN).map(|uid| format!("`{uid}`")).collect();
    match known.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn validate(source: &PolicySource, schema: Schema, set: &PolicySet, statements: &[Statement], faults: &mut Vec<Fault>) {
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let mut push = |id: &PolicyId, diagnostic: &dyn Said, severity| {
        let at = statements.iter().find(|statement| statement.policy.id() == id).map_or(0, |statement| statement.at);
        let said = diagnostic.to_string();
        // The place says which policy it is; Cedar's own number would only confuse.
        let message =
            said.strip_prefix(&format!("for policy `{id}`")).map_or(said.as_str(), |rest| rest.trim_start_matches([',', ':', ' ']));
        faults.push(Fault { severity, ..source.fault(diagnostic, message, at) });
    };
    for error in result.validation_errors() {
        push(error.policy_id(), error, Severity::Error);
    }
    for warning in result.validation_warnings() {
        push(warning.policy_id(), warning, Severity::Warning);
    }
}

/// What Cedar's errors and warnings have in common.
trait Said: Diagnostic + fmt::Display {}

impl<T: Diagnostic + fmt::Display> Said for T {}
