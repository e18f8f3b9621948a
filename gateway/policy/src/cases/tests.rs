//! Goldens: a file of cases with everything that can be wrong in it, and one whose cases go right and wrong.

use std::cell::RefCell;

use document::{Faults, Tree};

use super::{Case, read, run};
use crate::trial::Trial;

fn cases(text: &str) -> (Vec<Case>, Vec<String>) {
    let tree = Tree::parse("p.cases.yaml", text).expect("a document");
    let faults = RefCell::new(Faults::new());
    let cases = read(&tree, &Trial::new().target(), &faults);
    (cases, faults.into_inner().sorted().iter().map(ToString::to_string).collect())
}

#[test]
fn every_fault_is_told_with_its_place() {
    let (cases, faults) = cases(
        "
- name: nothing else
- name: misspelt
  tenant: comune-z
  operation: cercaResidenzza
  consumer: { client: c, porpose: p }
  at: yesterday
  expect: allow
  withhold: [/a, b]
  max_cache_age: 10
  channels: web
- name: another operation
  tenant: paese
  operation: scrivi
  consumer: everybody
  expect: deny
- name: the only good one
  tenant: comune-y
  operation: leggiFamiglia
  consumer: anonymous
  expect: deny
- text
",
    );
    assert_eq!(cases.len(), 1);
    assert_eq!(
        faults.join("\n"),
        "\
p.cases.yaml:2:3: error: `cases[0]` needs `consumer`
p.cases.yaml:2:3: error: `cases[0]` needs `expect`
p.cases.yaml:2:3: error: `cases[0]` needs `operation`
p.cases.yaml:2:3: error: `cases[0]` needs `tenant`
p.cases.yaml:4:11: error: there is no tenant `comune-z`
    hint: did you mean `comune-x`?
p.cases.yaml:5:14: error: the contract has no operation `cercaResidenzza`
    hint: did you mean `cercaResidenza`?
p.cases.yaml:6:26: error: `cases[1].consumer` has no key `porpose`
    hint: did you mean `purpose`?
p.cases.yaml:7:7: error: `yesterday` is no instant
    hint: RFC 3339 with its offset: `2026-11-21T17:42:19Z`
p.cases.yaml:8:11: error: `cases[1].expect` should be one of `permit`, `deny`, but is text
p.cases.yaml:9:18: error: `b` is no JSON pointer: a JSON pointer begins with `/`
p.cases.yaml:10:18: error: `cases[1].max_cache_age` should be a duration with its unit, such as `250ms`, `10s`, `5m` or `1h`, but is a number
p.cases.yaml:11:3: error: `cases[1]` has no key `channels`
    hint: did you mean `channel`?
p.cases.yaml:13:11: error: there is no tenant `paese`
    hint: there is `comune-x`, `comune-y`
p.cases.yaml:14:14: error: the contract has no operation `scrivi`
    hint: there is `cercaResidenza`, `leggiFamiglia`, `GET /stato \"civile\"`
p.cases.yaml:15:13: error: `cases[2].consumer` should be a mapping, but is text
p.cases.yaml:22:3: error: `cases[4]` should be a mapping, but is text"
    );
}

#[test]
fn a_file_is_a_list() {
    let (cases, faults) = cases("cases: []");
    assert!(cases.is_empty());
    assert_eq!(
        faults,
        ["p.cases.yaml:1:1: error: policy cases should be a list, but are a mapping\n    hint: each begins with `- name: …`"]
    );
}

const POLICIES: &str = r#"
@id("tributi") @withhold("/indirizzo") @max_cache_age("1h")
permit (principal, action == Action::"cercaResidenza", resource)
when { principal.purpose == "tributi" && context.time < datetime("2027-01-01") };
@id("sportello") @withhold("/note")
permit (principal, action == Action::"cercaResidenza", resource)
when { context has channel && context.channel == "counter" && context.evidence.contains("AUDIT_REST_02") };
@id("trabocca")
forbid (principal, action, resource) when { (if principal.purpose == "boom" then 9223372036854775807 else 0) + 1 > 5 };
"#;

const CASES: &str = "
- name: tributi sees no address
  tenant: comune-x
  operation: cercaResidenza
  consumer: { organisation: org-1, client: c, purpose: tributi }
  subject_type: codice_fiscale
  at: 2026-11-21T17:42:19+01:00
  expect: permit
  reasons: [tributi]
  withhold: [/indirizzo]
  max_cache_age: 1h
- name: both apply, in any order
  tenant: comune-y
  operation: cercaResidenza
  consumer: { client: c, purpose: tributi }
  channel: counter
  evidence: [AUDIT_REST_02]
  expect: permit
  reasons: [sportello, tributi]
  withhold: [/note, /indirizzo]
- name: too late
  tenant: comune-x
  operation: cercaResidenza
  consumer: { client: c, purpose: tributi }
  at: 2027-01-01T00:00:00Z
  expect: permit
- name: wrong about everything
  tenant: comune-x
  operation: cercaResidenza
  consumer: { client: c, purpose: tributi }
  expect: permit
  reasons: [sportello]
  withhold: []
  max_cache_age: 90s
- name: wrong about the effect
  tenant: comune-x
  operation: cercaResidenza
  consumer: { client: c, purpose: tributi }
  expect: deny
- name: no age
  tenant: comune-x
  operation: cercaResidenza
  consumer: anonymous
  channel: counter
  evidence: AUDIT_REST_02
  expect: permit
  max_cache_age: 5m
- name: an evaluation that fails denies
  tenant: comune-x
  operation: cercaResidenza
  consumer: { client: c, purpose: boom }
  expect: deny
  reasons: [trabocca]
- name: an evaluation that fails permits nothing
  tenant: comune-x
  operation: cercaResidenza
  consumer: { client: c, purpose: boom }
  expect: permit
";

#[test]
fn cases_are_compared() {
    let (cases, faults) = cases(CASES);
    assert_eq!(faults, [""; 0]);
    let outcomes = run(&Trial::new().policies(POLICIES), &cases);
    let shown = outcomes.iter().map(|outcome| {
        let verdict = if outcome.passed { "passed".to_owned() } else { format!("failed: {}", outcome.message) };
        format!("{}: {}: {verdict}", outcome.place, outcome.name)
    });
    assert_eq!(
        shown.collect::<Vec<_>>().join("\n"),
        "\
p.cases.yaml:2:3: tributi sees no address: passed
p.cases.yaml:12:3: both apply, in any order: passed
p.cases.yaml:21:3: too late: failed: expected permit; got deny because no policy applies
p.cases.yaml:27:3: wrong about everything: failed: expected reasons [sportello] withhold [] max_cache_age 90s; \
got reasons [tributi] withhold [/indirizzo] max_cache_age 3600s
p.cases.yaml:35:3: wrong about the effect: failed: expected deny; got permit by tributi
p.cases.yaml:40:3: no age: failed: expected max_cache_age 300s; got max_cache_age none
p.cases.yaml:48:3: an evaluation that fails denies: passed
p.cases.yaml:54:3: an evaluation that fails permits nothing: failed: expected permit; got deny because the evaluation of trabocca failed"
    );
}
