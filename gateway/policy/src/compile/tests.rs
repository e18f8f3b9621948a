//! Goldens: what an administrator reads about policies that cannot be used, or hardly can.

use std::cell::RefCell;

use document::Faults;
use exchange::Tenant;

use crate::trial::Trial;
use crate::{Policies, PolicySource, PolicyTarget};

/// Several policies, and all that is said of them.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "attributes that do not exist, or may not",
        r#"permit (principal, action, resource) when { principal.porpose == "x" };
permit (principal, action, resource)
  when { principal.organisation == "x" };
// à: columns are characters
permit (principal, action, resource) when { "à" == "à" && context.channel == "x" };"#,
        "p.cedar:1:45: error: attribute `porpose` on entity type `Consumer` not found
    hint: did you mean `purpose`?
p.cedar:3:10: error: unable to guarantee safety of access to optional attribute `organisation` on entity type `Consumer`
    hint: try testing for the attribute's presence with `principal has organisation && ..`
p.cedar:5:59: error: unable to guarantee safety of access to optional attribute `channel` in context
    hint: try testing for the attribute's presence with `context has channel && ..`",
    ),
    (
        "names that do not exist",
        r#"permit (principal, action == Action::"cercaResidenze", resource);
permit (principal, action, resource in Tenant::"comune-z");
permit (principal, action, resource == EService::"comune-x");
permit (principal == User::"x", action, resource is EServices);
forbid (principal, action, resource) unless { resource in Tenant::"comune-X" };"#,
        r#"p.cedar:1:30: error: unrecognized action `Action::"cercaResidenze"`
    hint: did you mean `Action::"cercaResidenza"`?
p.cedar:2:40: error: there is no `Tenant::"comune-z"`
    hint: there is `Tenant::"comune-x"`, `Tenant::"comune-y"`
p.cedar:3:40: error: there is no `EService::"comune-x"`
    hint: there is `EService::"comune-x/anagrafe"`, `EService::"comune-y/anagrafe"`
p.cedar:4:22: error: unrecognized entity type `User`
    hint: did you mean `Consumer`?
p.cedar:4:53: error: unrecognized entity type `EServices`
    hint: did you mean `EService`?
p.cedar:5:59: error: there is no `Tenant::"comune-X"`
    hint: there is `Tenant::"comune-x"`, `Tenant::"comune-y"`"#,
    ),
    (
        "types",
        r#"permit (principal, action, resource) when { context.time > "2026" };
permit (principal, action, resource) when { context.time > datetime("2026-13-01") };
permit (principal, action, resource) when { if 1 then true else false };"#,
        r#"p.cedar:1:60: error: unexpected type: expected datetime but saw String
p.cedar:2:60: error: error during extension function argument validation: failed to parse as a datetime value: `"2026-13-01"`
    hint: valid datetime strings start with `YYYY-MM-DD` and may optionally include `THH:MM:SS` plus `Z`, `.SSSZ`, or an offset like `+0700`
p.cedar:3:48: error: unexpected type: expected Bool but saw Long"#,
    ),
    (
        "syntax, every policy on its own, beside what is wrong in a readable one",
        r#"permit (principal, action resource);
forbid (principal, action, resource) when { };
permit (principle, action, resource);
permit (principal == ?principal, action, resource);
@withhold("x") permit (principal, action, resource);
permit (principal, action, resource)"#,
        "p.cedar:1:27: error: unexpected token `resource`
    hint: expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`
p.cedar:2:38: error: `when` condition clause cannot be empty
p.cedar:3:9: error: found an invalid variable in the policy scope: principle
    hint: policy scopes must contain a `principal`, `action`, and `resource` element in that order
p.cedar:4:22: error: expected a static policy, got a template containing the slot ?principal
    hint: try removing the template slot(s) from this policy
p.cedar:5:12: error: `x` is no JSON pointer: a JSON pointer begins with `/`
p.cedar:6:37: error: unexpected end of input
    hint: expected `;` or identifier",
    ),
    (
        "annotations",
        r#"@id("a")
@withhold("/a/b, c
 /d~2") @max_cache_age("10 minutes") @note("x") @withold("/x") permit (principal, action, resource);
@withhold("") permit (principal, action, resource); @id @withhold permit (principal, action, resource);
@id("a") // the name of the first
forbid (principal, action, resource);
@withhold("/a") @max_cache_age("1h") forbid (principal, action, resource);
@withhold("/ok \" bad") permit (principal, action, resource);"#,
        r#"p.cedar:2:18: error: `c` is no JSON pointer: a JSON pointer begins with `/`
p.cedar:3:2: error: `/d~2` is no JSON pointer: in a JSON pointer `~` is written `~0` and `/` in a name `~1`
p.cedar:3:25: error: `10 minutes` is no duration
    hint: a duration has its unit: `30s`, `10m`, `1h`
p.cedar:3:38: warning: nothing reads the annotation `@note`
    hint: the annotations are `@id`, `@withhold` and `@max_cache_age`
p.cedar:3:49: error: nothing reads the annotation `@withold`
    hint: did you mean `@withhold`?
p.cedar:4:12: error: `@withhold` names nothing
    hint: JSON pointers, separated by commas or blanks: `/a/b, /list/*/c`
p.cedar:4:53: error: `@id` needs a value
p.cedar:4:57: error: `@withhold` needs a value
p.cedar:5:6: error: the id `a` stands twice
    hint: it stands first in line 1
p.cedar:7:1: error: `@withhold` has no effect on a forbid
    hint: obligations stand on the permits that they bind
p.cedar:7:17: error: `@max_cache_age` has no effect on a forbid
    hint: obligations stand on the permits that they bind
p.cedar:8:12: error: `"` is no JSON pointer: a JSON pointer begins with `/`
p.cedar:8:12: error: `bad` is no JSON pointer: a JSON pointer begins with `/`"#,
    ),
];

const SUSPECT: &[(&str, &str)] = &[
    ("", "p.cedar: warning: there is no policy here, so that everything is denied"),
    (
        "// permit (principal, action, resource);
",
        "p.cedar: warning: there is no policy here, so that everything is denied",
    ),
    (
        "
  forbid (principal, action, resource) when { 1 == 2 };",
        "p.cedar:2:3: warning: policy is impossible: the policy expression evaluates to false for all valid requests",
    ),
    (
        r#"@ID("x") permit (principal, action, resource);"#,
        "p.cedar:1:1: warning: nothing reads the annotation `@ID`
    hint: did you mean `@id`?",
    ),
];

#[test]
fn every_fault_is_told_with_its_place() {
    for (what, text, expected) in REFUSED {
        let (policies, faults) = Trial::new().compile(text);
        assert_eq!(faults.join("\n"), *expected, "{what}");
        assert!(policies.is_none(), "{what}");
    }
}

#[test]
fn what_is_suspect_is_told_and_used() {
    for (text, expected) in SUSPECT {
        let (policies, faults) = Trial::new().compile(text);
        assert_eq!(faults.join("\n"), *expected, "{text}");
        assert!(policies.is_some(), "{text}");
    }
}

/// The example that the schema's file gives is one that it accepts.
#[test]
fn the_schema_documents_a_policy_that_it_accepts() {
    let example: String = crate::SCHEMA
        .lines()
        .filter_map(|line| line.strip_prefix("//     "))
        .take_while(|line| !line.contains("\u{2026}"))
        .collect::<Vec<_>>()
        .join("\n");
    let text = example.split_inclusive(';').next().expect("a policy");
    let policies = Trial::new().policies(text);
    assert_eq!(policies.names(), ["tributi-senza-indirizzo".into()]);
}

/// A regional hub's list of tenants is not poured into a hint.
#[test]
fn a_hint_names_a_few() {
    let trial = Trial::new();
    let tenants: Vec<Tenant> = (0..300).map(|n| Tenant::new(&format!("comune-{n}"))).collect();
    let faults = RefCell::new(Faults::new());
    let source = PolicySource::new("p.cedar", "permit (principal, action, resource in Tenant::\"x\");");
    Policies::compile(&source, &PolicyTarget { tenants: &tenants, ..trial.target() }, &faults);
    let hint = faults.into_inner().sorted()[0].hint.clone().expect("a hint");
    assert!(hint.ends_with("`Tenant::\"comune-7\"` and 292 more"), "{hint}");
}
