//! Decisions: a table of questions to one set of policies, and what must hold for all sets and questions.

use std::collections::HashSet;
use std::time::Duration;

use cedar_policy::{Authorizer, Decision as Verdict, Entities, Entity, EntityUid, PolicySet, Request};
use exchange::{Caller, Timestamp};
use proptest::prelude::*;

use crate::trial::{OPERATIONS, TENANTS, Trial, consumer, decide};
use crate::uses::Uses;
use crate::{Effect, Facts, Policies, schema};

const POLICIES: &str = r#"
@id("tributi") @withhold("/indirizzo, /famiglia/*/cf") @max_cache_age("1h")
permit (principal, action == Action::"cercaResidenza", resource) when { principal.purpose == "tributi" };

@id("sportello") @withhold("/note /indirizzo") @max_cache_age("10m")
permit (principal, action, resource in Tenant::"comune-x") when { context has channel && context.channel == "counter" };

permit (principal == Consumer::"client-1", action in [Action::"leggiFamiglia"], resource == EService::"comune-y/anagrafe");

@id("prima-del-2030")
permit (principal, action, resource) when { context.time < datetime("2030-01-01") && principal.purpose == "studio" };

@id("mai-a-org-2")
forbid (principal, action, resource) when { principal has organisation && principal.organisation == "org-2" };

@id("senza-prove")
forbid (principal, action, resource) unless { context.evidence.contains("AUDIT_REST_02") };

@id("trabocca")
forbid (principal, action, resource) when { (if principal.purpose == "boom" then 9223372036854775807 else 0) + 1 > 5 };

@id("stato")
permit (principal == Consumer::"anonymous", action == Action::"GET /stato \"civile\"", resource);
"#;

#[test]
fn decides_by_the_policies() {
    let policies = Trial::new().policies(POLICIES);
    for (tenant, operation, purpose, expected, reasons, withheld, minutes) in [
        (1, 0, "tributi", "permit", "tributi", "/famiglia/*/cf /indirizzo", Some(60)),
        (0, 0, "tributi", "permit", "tributi sportello", "/famiglia/*/cf /indirizzo /note", Some(10)),
        (0, 1, "tributi", "permit", "sportello", "/indirizzo /note", Some(10)),
        (1, 1, "altro", "permit", "policy2:8", "", None),
        (1, 0, "studio", "permit", "prima-del-2030", "", None),
        (1, 0, "altro", "deny", "", "", None),
        (1, 2, "altro", "deny", "", "", None),
        (0, 0, "boom", "error", "trabocca", "", None),
        // Indices that do not exist, one of which would fall into the next tenant's.
        (0, 3, "tributi", "error", "", "", None),
        (2, 0, "tributi", "error", "", "", None),
        (usize::MAX, usize::MAX, "tributi", "error", "", "", None),
    ] {
        let decision = decide(&policies, tenant, operation, &consumer(purpose));
        let effect = if decision.error { "error" } else { decision.effect.as_str() };
        let texts: Vec<String> = decision.obligations.withhold.iter().map(ToString::to_string).collect();
        let got = (effect, decision.reasons.join(" "), texts.join(" "), decision.obligations.max_cache_age);
        let age = minutes.map(Duration::from_mins);
        assert_eq!(got, (expected, reasons.into(), withheld.into(), age), "{tenant} {operation} {purpose}");
        assert_eq!(decision.effect == Effect::Permit, expected == "permit");
    }
}

#[test]
fn a_forbid_outweighs_permits_and_obliges_to_nothing() {
    let policies = Trial::new().policies(POLICIES);
    let caller = Caller { consumer: Some("org-2".into()), ..consumer("tributi") };
    let facts =
        Facts { caller: &caller, subject_type: None, channel: Some("counter"), case: None, evidence: &[], now: Timestamp::from_seconds(0) };
    let decision = policies.decide(0, 0, &facts);
    assert_eq!((decision.effect, decision.error), (Effect::Deny, false));
    assert_eq!(decision.reasons.join(" "), "mai-a-org-2 senza-prove");
    assert!(decision.obligations.is_empty());
}

#[test]
fn an_anonymous_caller_is_nobody_else() {
    let policies = Trial::new().policies(POLICIES);
    let anonymous = Caller::default();
    assert_eq!(decide(&policies, 1, 2, &anonymous).reasons.join(" "), "stato");
    assert_eq!(decide(&policies, 1, 1, &anonymous).effect, Effect::Deny);
}

/// What a policy set is called in a record is what `sha256sum` says of its file.
#[test]
fn the_hash_is_the_files() {
    assert_eq!(hex::encode(Trial::new().policies("").hash()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/// A snapshot is shared by all workers.
#[test]
fn policies_are_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Policies>();
}

/// More obliging permits than unions are remembered for.
#[test]
fn many_permits_withhold_their_union() {
    let text =
        |n: usize| format!("@withhold(\"/a{n}\") permit (principal, action, resource) when {{ principal.purpose like \"*{n}*\" }};\n");
    let policies = Trial::new().policies(&(0..9).map(text).collect::<String>());
    for purpose in ["0", "876543210", "80", "13", ""] {
        for _again in 0..2 {
            let decision = decide(&policies, 0, 0, &consumer(purpose));
            let mut expected: Vec<String> = purpose.chars().map(|digit| format!("/a{digit}")).collect();
            expected.sort();
            assert_eq!(decision.obligations.withhold.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{purpose}");
        }
    }
}

/// A question, with few enough values that policies often meet it.
#[derive(Clone, Debug)]
struct Question {
    tenant: usize,
    operation: usize,
    caller: Caller,
    subject_type: Option<&'static str>,
    channel: Option<&'static str>,
    case: Option<&'static str>,
    evidence: Vec<&'static str>,
    seconds: i64,
}

fn question() -> impl Strategy<Value = Question> {
    let some = |words: &'static [&'static str]| proptest::option::of(proptest::sample::select(words));
    let caller = (some(&["c1", "c2"]), some(&["o1", "o2"]), some(&["p1", "boom", "\"'\\ è\0"])).prop_map(|(client, consumer, purpose)| {
        let text = |word: Option<&str>| word.map(Into::into);
        Caller { client: text(client), consumer: text(consumer), purpose: text(purpose), ..Caller::default() }
    });
    let evidence = proptest::sample::subsequence(vec!["AUDIT_REST_02", "INTEGRITY_REST_02"], 0..=2);
    let seconds = prop_oneof![0..4_000_000_000_i64, Just(i64::MAX), Just(i64::MIN)];
    let place = (0..TENANTS.len(), 0..OPERATIONS.len());
    (place, caller, some(&["codice_fiscale", "partita_iva"]), some(&["counter", "web"]), some(&["2026/1"]), evidence, seconds).prop_map(
        |((tenant, operation), caller, subject_type, channel, case, evidence, seconds)| Question {
            tenant,
            operation,
            caller,
            subject_type,
            channel,
            case,
            evidence,
            seconds,
        },
    )
}

fn policy() -> impl Strategy<Value = String> {
    let of = |words: &'static [&'static str]| proptest::sample::select(words);
    let principal = of(&["principal", "principal == Consumer::\"c1\"", "principal == Consumer::\"anonymous\"", "principal is Consumer"]);
    let action = of(&[
        "action",
        "action == Action::\"cercaResidenza\"",
        "action in Action::\"leggiFamiglia\"",
        "action in [Action::\"leggiFamiglia\", Action::\"GET /stato \\\"civile\\\"\"]",
    ]);
    let resource = of(&[
        "resource",
        "resource == EService::\"comune-x/anagrafe\"",
        "resource in EService::\"comune-y/anagrafe\"",
        "resource in Tenant::\"comune-x\"",
        "resource is EService",
        "resource is EService in Tenant::\"comune-y\"",
        "resource is EService in EService::\"comune-x/anagrafe\"",
    ]);
    let condition = of(&[
        "",
        "when { principal.purpose == \"p1\" }",
        "when { principal.client == \"c2\" }",
        "when { \"boom\" == principal.purpose && context.evidence.isEmpty() } when { 9223372036854775807 + 1 > 5 }",
        "when { context.evidence.isEmpty() && principal.purpose == \"p1\" }",
        "when { (9223372036854775807 + 1 > 5) && principal.purpose == \"p1\" }",
        "when { principal.purpose == \"p1\" || principal.client == \"c1\" }",
        "when { principal has organisation && principal.organisation == \"o2\" && principal.purpose == \"boom\" }",
        "unless { principal.purpose == \"p1\" }",
        "unless { principal has organisation && principal.organisation == \"o1\" }",
        "when { context has channel && context.channel == \"web\" }",
        "when { context has case && context.case like \"2026/*\" }",
        "unless { context has subject_type && context.subject_type == \"partita_iva\" }",
        "when { context.evidence.containsAll([\"AUDIT_REST_02\", \"INTEGRITY_REST_02\"]) }",
        "when { context has channel && context.channel == \"counter\" && 9223372036854775807 + 1 > 5 }",
        "when { context has subject_type && context has channel && \"codice_fiscale\" == context.subject_type }",
        "when { context.time > datetime(\"2030-01-01\") }",
        "when { context.time.offset(duration(\"9223372036854775807ms\")) > datetime(\"2030-01-01\") }",
        "when { resource.tenant == \"comune-x\" && resource.name == \"anagrafe\" }",
        "when { action == Action::\"cercaResidenza\" || resource in Tenant::\"comune-y\" }",
        "when { (if principal.purpose == \"boom\" then 9223372036854775807 else 0) + 1 > 5 }",
        "when { principal == Consumer::\"c2\" }",
        "when { [principal].contains(Consumer::\"c1\") }",
        "when { (if context has channel then principal else Consumer::\"c1\") == principal }",
        "when { context == context && {it: principal}.it.purpose == \"p1\" }",
    ]);
    (of(&["permit", "forbid"]), principal, action, resource, condition)
        .prop_map(|(effect, principal, action, resource, condition)| format!("{effect} ({principal}, {action}, {resource}) {condition};"))
}

/// The same question put to Cedar by its own road: the whole set, and everything held against the schema.
fn asked_of_cedar(trial: &Trial, text: &str, question: &Question) -> (bool, bool, Vec<String>) {
    let schema = schema::of(&trial.target()).expect("a schema");
    let set: PolicySet = text.parse().expect("policies");
    let uid = |kind: &str, id: &str| EntityUid::from_type_name_and_id(kind.parse().expect("a type"), cedar_policy::EntityId::new(id));
    let tenant = TENANTS[question.tenant];
    let facts = facts(question);
    let (owner, resource) = (uid("Tenant", tenant), uid("EService", &format!("{tenant}/anagrafe")));
    let attribute = |name: &str, value: &str| (name.to_owned(), cedar_policy::RestrictedExpression::new_string(value.to_owned()));
    let attributes = [attribute("name", "anagrafe"), attribute("tenant", tenant)].into_iter().collect();
    let service = Entity::new(resource.clone(), attributes, HashSet::from([owner.clone()])).expect("an entity");
    let consumer = facts.consumer(uid("Consumer", facts.client())).expect("a consumer");
    let principal = consumer.uid();
    let entities = Entities::from_entities([service, Entity::with_uid(owner), consumer], Some(&schema)).expect("what the schema says");
    let action = uid("Action", OPERATIONS[question.operation]);
    let context = facts.context(Uses::EVERYTHING).expect("a context");
    let request = Request::new(principal, action, resource, context, Some(&schema)).expect("what the schema says");
    let response = Authorizer::new().is_authorized(&request, &set, &entities);
    let mut reasons: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    reasons.sort_by_key(|id| id["policy".len()..].parse::<usize>().ok());
    (response.decision() == Verdict::Allow, response.diagnostics().errors().next().is_some(), reasons)
}

fn facts(question: &Question) -> Facts<'_> {
    Facts {
        caller: &question.caller,
        subject_type: question.subject_type,
        channel: question.channel,
        case: question.case,
        evidence: &question.evidence,
        now: Timestamp::from_seconds(question.seconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Neither the buckets nor the facts that skip the schema at run time change any answer.
    #[test]
    fn buckets_decide_as_the_whole_set(
        texts in proptest::collection::vec(policy(), 0..12),
        questions in proptest::collection::vec(question(), 1..8),
    ) {
        let text = texts.join("\n");
        let trial = Trial::new();
        let (policies, faults) = trial.compile(&text);
        let policies = policies.ok_or_else(|| TestCaseError::fail(faults.join("\n")))?;
        for question in &questions {
            let decision = policies.decide(question.tenant, question.operation, &facts(question));
            let (allowed, failed, reasons) = asked_of_cedar(&trial, &text, question);
            prop_assert_eq!(decision.error, failed, "{:?}", question);
            prop_assert_eq!(decision.effect == Effect::Permit, allowed && !failed, "{:?}", question);
            if !failed {
                let names = decision.reasons.iter().map(|name| name.split(':').next().unwrap_or_default());
                prop_assert_eq!(names.collect::<Vec<_>>(), reasons, "{:?}", question);
            }
        }
    }
}
