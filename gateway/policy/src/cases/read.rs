use std::cell::RefCell;
use std::sync::Arc;

use document::{Fault, Faults, Section, Tree, Value, nearest};
use exchange::{Caller, Pointer, Tenant, Timestamp};

use super::{Case, Expected};
use crate::facts::ANONYMOUS;
use crate::names::some;
use crate::{Effect, PolicyTarget};

/// When a case happens that does not say so: no policy should turn on the day its test is run.
const SOME_DAY: Timestamp = Timestamp::from_seconds(1_767_261_600);

/// Reads the cases of one file. A case with a fault is left out; every fault is reported.
pub fn read(tree: &Tree, target: &PolicyTarget<'_>, faults: &RefCell<Faults>) -> Vec<Case> {
    let Value::Sequence(items) = &tree.root.value else {
        let fault = Fault::error(tree.place(&tree.root), format!("policy cases should be a list, but are {}", tree.root.kind()));
        faults.borrow_mut().push(fault.hint("each begins with `- name: …`"));
        return Vec::new();
    };
    let case = |(at, item)| one(&Section::open(&tree.file, item, format!("cases[{at}]"), faults)?, target);
    items.iter().enumerate().filter_map(case).collect()
}

/// Everything is asked for before anything is given up, so that all faults of a case are found at once.
fn one(section: &Section<'_>, target: &PolicyTarget<'_>) -> Option<Case> {
    let before = section.faults().borrow().len();
    let name = section.required_text("name");
    let tenant = tenant(section, target);
    let operation = operation(section, target);
    let caller = caller(section);
    let at = at(section);
    section.required("expect");
    let effect = section.choice("expect", &[("permit", Effect::Permit), ("deny", Effect::Deny)]);
    let reasons = section.node("reasons").map(|_| texts(section, "reasons"));
    let withhold = section.node("withhold").map(|_| withhold(section));
    let max_cache_age = section.duration("max_cache_age");
    let subject_type = section.text("subject_type").map(Into::into);
    let channel = section.text("channel").map(Into::into);
    let number = section.text("case").map(Into::into);
    let evidence = texts(section, "evidence");
    if section.faults().borrow().len() > before {
        return None;
    }
    let (name, place) = (name?.into(), section.here());
    let expect = Expected { effect: effect?, reasons, withhold, max_cache_age };
    let (tenant, operation, caller) = (tenant?, operation?, caller?);
    Some(Case { name, place, tenant, operation, caller, subject_type, channel, number, evidence, at: at?, expect })
}

fn texts(section: &Section<'_>, key: &'static str) -> Vec<Arc<str>> {
    section.texts(key).into_iter().map(|(text, _)| text.into()).collect()
}

fn tenant(section: &Section<'_>, target: &PolicyTarget<'_>) -> Option<usize> {
    let known: Vec<&str> = target.tenants.iter().map(Tenant::name).collect();
    if section.node("tenant").is_none() && known.len() == 1 {
        return Some(0);
    }
    named(section, "tenant", "there is no tenant", &known)
}

fn operation(section: &Section<'_>, target: &PolicyTarget<'_>) -> Option<usize> {
    let known: Vec<&str> = target.operations.iter().map(|operation| &*operation.id).collect();
    named(section, "operation", "the contract has no operation", &known)
}

/// Which of the known names stands there.
fn named(section: &Section<'_>, key: &'static str, missing: &str, known: &[&str]) -> Option<usize> {
    let name = section.required_text(key)?;
    let found = known.iter().position(|known| *known == name);
    if found.is_none() {
        let fault = Fault::error(section.place(key), format!("{missing} `{name}`"));
        section.report(match nearest(name, known.iter().copied()) {
            Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
            None => fault.hint(format!("there is {}", some(known))),
        });
    }
    found
}

/// `anonymous`, or what is proven of the consumer.
fn caller(section: &Section<'_>) -> Option<Caller> {
    let node = section.required("consumer")?;
    if node.as_str() == Some(ANONYMOUS) {
        return Some(Caller::default());
    }
    let consumer = section.section("consumer")?;
    let text = |key| consumer.text(key).map(Into::into);
    let (organisation, purpose, department) = (text("organisation"), text("purpose"), text("department"));
    let client = consumer.required_text("client")?.into();
    Some(Caller { client: Some(client), consumer: organisation, purpose, department, ..Caller::default() })
}

fn at(section: &Section<'_>) -> Option<Timestamp> {
    let Some(text) = section.text("at") else { return section.node("at").is_none().then_some(SOME_DAY) };
    let read = Timestamp::parse(text);
    if read.is_none() {
        let fault = Fault::error(section.place("at"), format!("`{text}` is no instant"));
        section.report(fault.hint("RFC 3339 with its offset: `2026-11-21T17:42:19Z`"));
    }
    read
}

fn withhold(section: &Section<'_>) -> Vec<Pointer> {
    let mut pointers = Vec::new();
    for (text, place) in section.texts("withhold") {
        match Pointer::parse(text) {
            Ok(pointer) => pointers.push(pointer),
            Err(error) => section.report(Fault::error(place, format!("`{text}` is no JSON pointer: {error}"))),
        }
    }
    pointers.sort();
    pointers.dedup();
    pointers
}
