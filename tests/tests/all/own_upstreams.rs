//! Towns that share an e-service's URL, contract and policy, each with a department of its own behind it.

use std::fmt::Write as _;

use rustix::process::Signal;
use sandbox::VoucherSpec;
use serde_json::json;
use tests::{Answer, Gateway, Rest, Scene, Site, assert_problem, curl, eventually};

use crate::outbound::{Outbound, SOCIALE, TRIBUTI, configuration};

/// The identifiers on PDND of a town's own things.
fn id(what: char, town: usize) -> String {
    format!("00000000-0000-4000-8000-0000000000{}{town}", u32::from(what) % 10)
}

const AUDIENCE: &str = "https://regione.example/cose";

struct Towns {
    scene: Scene,
    site: Site,
    departments: Vec<Rest>,
    gateway: Gateway,
}

impl Towns {
    /// So many towns; the last one's department is that of the adapter's own URL.
    fn open(towns: usize) -> Self {
        let (scene, site) = (Scene::new(), Site::new());
        let departments: Vec<Rest> = (0..towns).map(|town| Rest::start(&format!("{{\"ente\":{town}}}"))).collect();
        std::fs::write(site.path().join("jwks.json"), scene.sandbox.pdnd.jwks().to_string()).expect("a file");
        std::fs::write(site.path().join("tutto.cedar"), "permit (principal, action, resource);").expect("a file");
        tables(&site, &departments, "/api");
        let gateway = Gateway::start(site.path(), &yaml(&scene, &departments));
        Self { scene, site, departments, gateway }
    }

    fn ask(&self, town: usize, path: &str) -> Answer {
        let spec = VoucherSpec::new("valdombra-sociale", "assistenza").with_claim("aud", AUDIENCE).with_claim("producerId", id('p', town));
        let voucher = self.scene.made_voucher(&spec.with_claim("eserviceId", id('e', town)).with_claim("descriptorId", id('d', town)));
        curl(&["-H", &format!("authorization: Bearer {voucher}"), &self.gateway.url("web", &format!("/c/v1{path}"))])
    }

    fn asked(&self) -> Vec<usize> {
        self.departments.iter().map(|department| department.asked().len()).collect()
    }
}

/// The instances, as a spreadsheet has them: the last town's cell for its URL is empty.
fn tables(site: &Site, departments: &[Rest], path: &str) {
    let mut instances = String::from("tenant,pdnd,eservice,descriptors,audience,url\n");
    for (town, department) in departments.iter().enumerate() {
        let url = if town + 1 < departments.len() { format!("http://{}{path}", department.address) } else { String::new() };
        let _ = writeln!(instances, "comune-{town},collaudo,{},{},{AUDIENCE},{url}", id('e', town), id('d', town));
    }
    std::fs::write(site.path().join("istanze.csv"), instances).expect("a file");
}

fn yaml(scene: &Scene, departments: &[Rest]) -> String {
    let mut yaml = format!(
        "installation: regione\nworkers: 2\ndrain: 10s\naudit: {{ store: audit, origin: regione.example/log }}\nadmin: {{ address: \"127.0.0.1:0\" }}\n\
         listeners: {{ web: {{ address: \"127.0.0.1:0\" }} }}\npdnd: {{ collaudo: {{ issuer: {}, jwks: \"file:jwks.json\" }} }}\ntenants:\n",
        scene.sandbox.pdnd.environment().issuer
    );
    for town in 0..departments.len() {
        let _ = writeln!(yaml, "  comune-{town}: {{ producer: {} }}", id('p', town));
    }
    let last = departments.last().expect("a department").address;
    yaml + &format!(
        "eservices:\n  cose:\n    direction: inbound\n    listener: web\n    base_path: /c/v1\n    contract: cose.yaml\n    security: [voucher]\n\
         \x20   policy: tutto.cedar\n    instances: {{ csv: istanze.csv }}\n    upstream: {{ breaker: {{ failures: 2, open_for: 1h }}, attempts: 1 }}\n\
         \x20   operations: {{ elenca: {{ safe: true, cache: {{ ttl: 10m }} }} }}\n\
         \x20   adapter: {{ http: {{ url: \"http://{last}/api\" }} }}\n"
    )
}

#[test]
fn each_town_is_answered_by_its_own_department() {
    let towns = Towns::open(3);
    for town in 0..3 {
        let (before, answer) = (towns.asked(), towns.ask(town, "/cose"));
        assert_eq!((answer.status, answer.json()), (200, json!({ "ente": town })));
        let more: Vec<usize> = towns.asked().iter().zip(before).map(|(now, before)| now - before).collect();
        assert_eq!(more, (0..3).map(|other| usize::from(other == town)).collect::<Vec<_>>());
        assert_eq!(towns.departments[town].asked()[0].target, "GET /api/cose");
        assert_eq!(towns.departments[town].asked()[0].headers["host"], towns.departments[town].address.to_string());
        // Kept for this town alone, and answered from there.
        assert_eq!(towns.ask(town, "/cose").json(), json!({ "ente": town }));
    }
    assert_eq!(towns.asked(), [1, 1, 1]);
    // What it says of its places is said of ours, whosever it is.
    for town in [0, 2] {
        let own = towns.departments[town].address;
        towns.departments[town].answer(200, &format!("location: http://{own}/api/cose/a\r\n"), "{}");
        assert_eq!(towns.ask(town, "/cose/a").header("location"), Some("/c/v1/cose/a"));
    }
}

#[test]
fn a_town_whose_department_is_dead_takes_no_other_with_it() {
    let mut towns = Towns::open(2);
    drop(towns.departments.remove(0));
    eventually("its breaker opens", || (towns.ask(0, "/cose/a").header("retry-after") == Some("3600")).then_some(()));
    assert_eq!(towns.ask(1, "/cose/a").status, 200, "the other's is closed");
    assert_problem(&towns.ask(0, "/cose/a"), 503, "upstream-unavailable");
    // Whoever looks sees the worst of them, and the addresses of all.
    assert!((towns.gateway.metric("varco_breaker_level{eservice=\"cose\"}") - 2.0).abs() < 0.1);
    assert!((towns.gateway.metric("varco_upstream_addresses{eservice=\"cose\",state=\"up\"}") - 2.0).abs() < 0.1);
    assert!(towns.gateway.metric("varco_upstream_connections_opened{eservice=\"cose\"}") > 0.5);
}

/// One line of the table changes: from the reload on this town is answered from elsewhere, and the cache does not know better.
#[test]
fn a_department_moves_with_a_reload() {
    let towns = Towns::open(3);
    assert_eq!(towns.ask(0, "/cose").json(), json!({ "ente": 0 }));
    let table = std::fs::read_to_string(towns.site.path().join("istanze.csv")).expect("the table");
    let [old, new] = [0, 1].map(|town: usize| format!("http://{}/api", towns.departments[town].address));
    std::fs::write(towns.site.path().join("istanze.csv"), table.replace(&old, &new)).expect("a file");
    towns.gateway.signal(Signal::HUP);
    eventually("it is asked elsewhere", || (towns.ask(0, "/cose").json() == json!({ "ente": 1 })).then_some(()));
    assert_eq!(towns.ask(2, "/cose").json(), json!({ "ente": 2 }));
}

/// Places that others have already, and one row that goes from one of them to another: the list of places is the same as before.
#[test]
fn a_department_moves_to_where_another_is() {
    let towns = Towns::open(3);
    let places = |order: [usize; 3]| {
        let table = std::fs::read_to_string(towns.site.path().join("istanze.csv")).expect("the table");
        let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
        for (town, place) in order.into_iter().enumerate() {
            let (before, _) = lines[town + 1].rsplit_once(',').expect("a cell");
            lines[town + 1] = format!("{before},http://{}/api", towns.departments[place].address);
        }
        std::fs::write(towns.site.path().join("istanze.csv"), lines.join("\n") + "\n").expect("a file");
        towns.gateway.signal(Signal::HUP);
    };
    places([0, 1, 0]);
    eventually("it is asked there", || (towns.ask(2, "/cose").json() == json!({ "ente": 0 })).then_some(()));
    places([0, 1, 1]);
    eventually("it is asked elsewhere", || (towns.ask(2, "/cose").json() == json!({ "ente": 1 })).then_some(()));
    assert_eq!((towns.ask(0, "/cose").json(), towns.ask(1, "/cose").json()), (json!({ "ente": 0 }), json!({ "ente": 1 })));
}

/// One town twice, for tests and for the real thing: what is kept of the one is not the other's.
#[test]
fn two_instances_of_one_town_are_two() {
    let towns = Towns::open(3);
    let table = std::fs::read_to_string(towns.site.path().join("istanze.csv")).expect("the table").replace("comune-1,", "comune-0,");
    let producer = |(at, line): (usize, &str)| if at == 0 { format!("{line},producer\n") } else { format!("{line},{}\n", id('p', at - 1)) };
    std::fs::write(towns.site.path().join("istanze.csv"), table.lines().enumerate().map(producer).collect::<String>()).expect("a file");
    towns.gateway.signal(Signal::HUP);
    eventually("it is the same town", || (towns.ask(1, "/cose").json() == json!({ "ente": 1 })).then_some(()));
    assert_eq!(towns.ask(0, "/cose").json(), json!({ "ente": 0 }));
    assert_eq!(towns.ask(1, "/cose").json(), json!({ "ente": 1 }));
}

#[test]
fn what_cannot_be_reached_is_said_before() {
    let towns = Towns::open(2);
    let good = yaml(&towns.scene, &towns.departments);
    let own = format!("http: {{ url: \"http://{}/api\" }}", towns.departments[1].address);
    let http = "http://";
    towns.site.assert_faults(
        &good,
        &[
            (own.as_str(), "http: {}", "needs `url`"),
            ("attempts: 1", "addresses: [\"10.0.0.6:80\"]", "instances have others"),
            ("/api\" }", "/altro\" }", "has another path than"),
        ],
    );
    let table = std::fs::read_to_string(towns.site.path().join("istanze.csv")).expect("the table");
    std::fs::write(towns.site.path().join("istanze.csv"), table.replace(http, "ftp://")).expect("a file");
    let said = towns.site.check(&good);
    assert!(said.contains("istanze.csv:2") && said.contains("neither http nor https"), "{said}");
    assert!(!said.contains("needs `url`") && !said.contains("has no key"), "and nothing else: {said}");
    std::fs::write(towns.site.path().join("istanze.csv"), table.replace("comune-0,", "comune-9,")).expect("a file");
    let said = towns.site.check(&good);
    assert!(said.contains("comune-9") && !said.contains("has no key"), "{said}");
    let open = good.replace("    security: [voucher]\n    policy: tutto.cedar\n", "    security: [open]\n    acknowledge: [open]\n");
    assert!(open != good);
    std::fs::write(towns.site.path().join("istanze.csv"), "tenant\ncomune-0\ncomune-1\n").expect("a file");
    let said = towns.site.check(&open);
    assert!(said.contains("which of these instances is meant"), "{said}");
    // Where each has one of its own, the adapter needs none.
    let last = format!(",{AUDIENCE},\n");
    let all = table.replace(&last, &format!(",{AUDIENCE},https://ente.example/api\n"));
    std::fs::write(towns.site.path().join("istanze.csv"), all).expect("a file");
    let said = towns.site.check(&good.replace(&own, "http: {}"));
    assert!(said.contains("the configuration can be used"), "{said}");
}

/// A registry has another address for tests than for the real thing.
#[test]
fn a_department_outside_may_have_another_provider_than_the_others() {
    let (usual, other, scene, site) = (Rest::start("{\"da\":1}"), Rest::start("{\"da\":2}"), Scene::new(), Site::new());
    let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://{}", usual.address), "");
    let yaml =
        yaml.replace("tributi: { tenant: borgoselva,", &format!("tributi: {{ url: \"http://{}\", tenant: borgoselva,", other.address));
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let ask = |key: &str| curl(&["-H", key, &outbound.gateway.url("reparti", "/r/cose")]);
    assert_eq!((ask(SOCIALE).json(), ask(TRIBUTI).json()), (json!({ "da": 1 }), json!({ "da": 2 })));
    assert_eq!((usual.asked().len(), other.asked().len()), (1, 1));
    assert_problem(&ask("X-Api-Key: nessuna"), 401, "key-unknown");
}
