//! The number of the department's case: policy reads it, records commit to it, and it stays in the house.

use serde_json::json;
use tests::{Gateway, Rest, Scene, Site, assert_problem, varco};

use crate::outbound::{Outbound, SOCIALE, configuration};
use crate::portals::Portal;

const POLICY: &str = r#"
@id("solo-per-una-pratica")
permit (principal, action, resource) when { context has case && context.case like "2026/*" };
"#;

fn yaml(scene: &Scene, site: &Site, provider: &Rest, case: &str) -> String {
    std::fs::write(site.path().join("pratica.cedar"), POLICY).expect("a folder can be written to");
    std::fs::write(site.path().join("commitments.key"), "0123456789abcdef0123456789abcdef\n").expect("likewise");
    configuration(scene, site, "cose.yaml", &format!("http://{}", provider.address), "")
        .replace("    consumers:", &format!("    policy: pratica.cedar\n    case: \"{case}\"\n    consumers:"))
        .replace("origin: regione.example/log", "origin: regione.example/log, commitments: \"file:commitments.key\"")
}

#[test]
fn the_case_reaches_policy_and_the_record_commits_to_it() {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let good = yaml(&scene, &site, &provider, "header:X-Pratica");
    let gateway = Gateway::start(site.path(), &good);
    let outbound = Outbound::of(scene, site, gateway);
    for headers in [&[][..], &["X-Pratica: 2025/99"], &["X-Pratica: 2026/17", "X-Pratica: 2026/18"], &["X-Pratica: 2026/è"]] {
        assert_problem(&outbound.ask(&[&[SOCIALE][..], headers].concat()), 403, "forbidden-by-policy");
    }
    assert_eq!(provider.asked().len(), 0);
    let answers: Vec<_> = ["2026/17", "2026/17", "2026/18"].map(|case| outbound.ask(&[SOCIALE, &format!("X-Pratica: {case}")])).into();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(provider.asked().iter().all(|asked| !asked.headers.contains_key("x-pratica")), "it stays in the house");
    let records: Vec<_> = answers.iter().map(|answer| outbound.record_of(answer)).collect();
    let commitments: Vec<&str> = records.iter().filter_map(|record| record["case"].as_str()).collect();
    assert!(commitments.len() == 3 && commitments[0] != commitments[1], "nobody sees which are of one case: {commitments:?}");
    assert!(!format!("{records:?}{}", outbound.gateway.stderr()).contains("2026/17"));

    // Whoever has the secret finds them.
    let list = |case: &str, key: &str| {
        let found = varco(outbound.site.path(), &["audit", "list", "--json", "--store", "audit", "--case", case, "--commitments", key]);
        String::from_utf8(found.stdout).expect("text").lines().count()
    };
    std::fs::write(outbound.site.path().join("other.key"), "f123456789abcdef0123456789abcdef").expect("a folder can be written to");
    assert_eq!((list("2026/17", "commitments.key"), list("2026/18", "commitments.key")), (2, 1));
    assert_eq!((list("2026/19", "commitments.key"), list("2026/17", "other.key")), (0, 0));

    outbound.site.assert_faults(
        &good,
        &[
            ("header:X-Pratica", "2026/17", "would be the case of every request"),
            ("header:X-Pratica", "header:X_Pratica", "`X_Pratica` is no header for this"),
            ("header:X-Pratica", "claim:pratica", "is told by a portal, and the e-service has none"),
            ("file:commitments.key", "file:pratica.cedar.txt", "cannot read"),
        ],
    );
    std::fs::write(outbound.site.path().join("short.key"), "segreto").expect("a folder can be written to");
    outbound.site.assert_faults(&good, &[("commitments.key", "short.key", "a secret of less than 32 bytes can be guessed")]);
    let without = outbound.site.check(&good.replace(", commitments: \"file:commitments.key\"", ""));
    assert!(without.contains("warning: the number of the case reaches policy, and no record"), "{without}");
}

/// A portal's token may say for which case somebody works.
#[test]
fn the_portals_token_may_tell_the_case() {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let portal = Portal::beside(&site, &json!({ "with": { "pratica": "2026/17", "azp": "casa" }, "without": { "azp": "casa" } }));
    let yaml = Portal::known_to(&yaml(&scene, &site, &provider, "claim:pratica"))
        + "      casa: { tenant: valdombra, client: sociale, purpose: assistenza, token: { azp: casa } }\n";
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let answer = outbound.ask(&[&portal.token("with")]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(outbound.record_of(&answer)["case"].is_string());
    assert_problem(&outbound.ask(&[&portal.token("without")]), 403, "forbidden-by-policy");
}
