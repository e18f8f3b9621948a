use std::cell::RefCell;

use document::{Fault, Faults, Section, Tree, Value};
use exchange::{Caller, Pointer, Timestamp};

use super::{Case, Expected};
use crate::facts::ANONYMOUS;
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
    let name = section.required_text("name");
    let tenant = tenant(section, target);
    let operation = operation(section, target);
    let caller = caller(section);
    let at = at(section);
    let effect = section.required("expect").and_then(|_| section.choice("expect", &[("permit", Effect::Permit), ("deny", Effect::Deny)]));
    let withhold = withhold(section);
    let reasons = section.node("reasons").map(|_| texts(section, "reasons"));
    let max_cache_age = section.duration("max_cache_age");
    let subject_type = section.text("subject_type").map(Into::into);
    let channel = section.text("channel").map(Into::into);
    let evidence = texts(section, "evidence");
    let expect = Expected { effect: effect?, reasons, withhold: withhold?, max_cache_age };
    Some(Case {
        name: name?.into(),
        place: section.here(),
        tenant: tenant?,
        operation: operation?,
        caller: caller?,
        subject_type,
        channel,
        evidence,
        at: at?,
        expect,
    })
}

fn texts(section: &Section<'_>, key: &'static str) -> Vec<std::sync::Arc<str>> {
    section.texts(key).into_iter().map(|(text, _)| text.into()).collect()
}

fn tenant(section: &Section<'_>, target: &PolicyTarget<'_>) -> Option<usize> {
    let known = || target.tenants.iter().map(|tenant| tenant.name());
    let Some(name) = section.text("tenant") else {
        if target.tenants.len() == 1 || section.node("tenant").is_some() {
            return (target.tenants.len() == 1).then_some(0);
        }
        let fault = Fault::error(section.here(), format!("`{}` needs `tenant`, because there are several", section.name()));
        section.report(fault.hint(one_of(known())));
        return None;
    };
    let found = known().position(|tenant| tenant == name);
    if found.is_none() {
        section.report(Fault::error(section.place("tenant"), format!("there is no tenant `{name}`")).hint(one_of(known())));
    }
    found
}

fn operation(section: &Section<'_>, target: &PolicyTarget<'_>) -> Option<usize> {
    let name = section.required_text("operation")?;
    let known = || target.operations.iter().map(|operation| &*operation.id);
    let found = known().position(|operation| operation == name);
    if found.is_none() {
        let fault = Fault::error(section.place("operation"), format!("the contract has no operation `{name}`"));
        section.report(fault.hint(one_of(known())));
    }
    found
}

fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut names: Vec<String> = known.take(SHOWN + 1).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        names[SHOWN] = "…".to_owned();
    }
    format!("there is {}", names.join(", "))
}

/// `anonymous`, or what is proven of the consumer.
fn caller(section: &Section<'_>) -> Option<Caller> {
    let node = section.required("consumer")?;
    if node.as_str() == Some(ANONYMOUS) {
        return Some(Caller::default());
    }
    let consumer = section.section("consumer")?;
    let text = |key| consumer.text(key).map(Into::into);
    let (organisation, purpose) = (text("organisation"), text("purpose"));
    let client = consumer.required_text("client")?.into();
    Some(Caller { client: Some(client), consumer: organisation, purpose, ..Caller::default() })
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

/// What should be withheld, where the case says so; nothing where a pointer cannot be read.
fn withhold(section: &Section<'_>) -> Option<Option<Vec<Pointer>>> {
    if section.node("withhold").is_none() {
        return Some(None);
    }
    let mut pointers = Vec::new();
    let mut broken = false;
    for (text, place) in section.texts("withhold") {
        match Pointer::parse(text) {
            Ok(pointer) => pointers.push(pointer),
            Err(error) => {
                section.report(Fault::error(place, format!("`{text}` is no JSON pointer: {error}")));
                broken = true;
            }
        }
    }
    pointers.sort();
    pointers.dedup();
    (!broken).then_some(Some(pointers))
}
