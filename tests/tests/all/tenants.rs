//! Three hundred towns of one region, each a provider and a consumer, written as three tables (proof a).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use sandbox::VoucherSpec;
use sandbox::pdnd::registry::{Agreement, AgreementState, Client, ClientKind, Purpose, PurposeState, Tenant};
use serde_json::{Value, json};
use tests::{Answer, Gateway, Load, Rest, Scene, Site, assert_problem, curl, hashed, varco};
use uuid::Uuid;

/// How many towns, and how many e-services each offers.
const TOWNS: usize = 300;
const ESERVICES: usize = 5;

/// The identifier on PDND of something of a town: the same each time.
fn id(what: &str, town: usize) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..what.len().min(8)].copy_from_slice(&what.as_bytes()[..what.len().min(8)]);
    bytes[8..].copy_from_slice(&(town as u64).to_be_bytes());
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The towns behind one gateway: their providers' department, the sandbox's PDND.
struct Region {
    scene: Scene,
    site: Site,
    department: Rest,
    gateway: Gateway,
}

impl Region {
    fn open() -> Self {
        Self::with_admin("address: \"127.0.0.1:0\"")
    }

    fn with_admin(admin: &str) -> Self {
        let (scene, site, department) = (Scene::new(), Site::new(), Rest::start("{}"));
        register(&scene);
        let key = scene.sandbox.pdnd.key("valdombra-sociale").expect("the sandbox made it").to_pem().expect("a key");
        write(&site, "chiave.pem", &key);
        write(&site, "jwks.json", &scene.sandbox.pdnd.jwks().to_string());
        write(&site, "tutto.cedar", "permit (principal, action, resource);");
        tables(&site, "");
        let yaml = configuration(&scene, &department, admin);
        let gateway = Gateway::start(site.path(), &yaml);
        Self { scene, site, department, gateway }
    }

    /// A voucher for the e-service of this number of one town, written for the producer of another or the same.
    fn voucher(&self, eservice: usize, town: usize, producer: usize) -> String {
        let of = |what: &str| id(&format!("{what}{eservice}"), town).to_string();
        let spec = VoucherSpec::new("valdombra-sociale", "assistenza").with_claim("aud", format!("https://regione.example/{eservice}"));
        let spec = spec.with_claim("producerId", id("ente", producer).to_string());
        self.scene.made_voucher(&spec.with_claim("eserviceId", of("e")).with_claim("descriptorId", of("d")))
    }

    fn ask(&self, eservice: usize, voucher: &str) -> Answer {
        let url = self.gateway.url("web", &format!("/s{eservice}/cose"));
        curl(&["-H", &format!("authorization: Bearer {voucher}"), &url])
    }

    /// Asks outside, as the department of this town.
    fn ask_outside(&self, town: usize, more: &[&str]) -> Answer {
        let (url, key) = (self.gateway.url("web", "/fuori/cose"), format!("X-Api-Key: chiave-{town}"));
        let mut arguments = vec!["-H", &key];
        arguments.extend(more.iter().flat_map(|header| ["-H", header]));
        arguments.push(&url);
        curl(&arguments)
    }

    fn record_of(&self, answer: &Answer) -> Value {
        let id = answer.header("varco-exchange").expect("an exchange").to_owned();
        self.site.record(|record| record["id"] == id)
    }

    fn reload(&self) -> String {
        let output = varco(self.site.path(), &["reload", "-c", "varco.yaml"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

fn write(site: &Site, name: &str, text: &str) {
    std::fs::write(site.path().join(name), text).expect("a folder can be written to");
}

/// Each town has a client and a purpose at PDND; all clients have the same key, which takes less time to make.
fn register(scene: &Scene) {
    scene.sandbox.pdnd.change(|registry| {
        let keys = registry.clients[0].keys.clone();
        for town in 0..TOWNS {
            let name = format!("comune-{town}");
            let (purpose, agreement) = (format!("finalita-{town}"), format!("accordo-{town}"));
            registry.tenants.push(Tenant { name: name.clone(), id: id("ente", town), title: name.clone(), ipa: name.clone() });
            registry.agreements.push(Agreement {
                name: agreement.clone(),
                id: id("accordo", town),
                eservice: "anagrafe".into(),
                consumer: name.clone(),
                state: AgreementState::Active,
            });
            registry.purposes.push(Purpose {
                name: purpose.clone(),
                id: id("scopo", town),
                agreement,
                title: purpose.clone(),
                state: PurposeState::Active,
                daily_calls: 100,
            });
            registry.clients.push(Client {
                name: format!("client-{town}"),
                id: id("client", town),
                tenant: name,
                kind: ClientKind::Consumer,
                purposes: vec![purpose],
                keys: keys.clone(),
            });
        }
    });
}

/// The tables, as a spreadsheet would write them; `more` is a further audience of the first town's instances.
fn tables(site: &Site, more: &str) {
    let mut tenants = String::from("\u{feff}id;name;producer;clients.pdnd.id;clients.pdnd.key;clients.pdnd.pdnd;purposes.demografici\r\n");
    let mut consumers = String::from("id,tenant,client,purpose,key\n");
    for town in 0..TOWNS {
        let (ente, client, purpose) = (id("ente", town), id("client", town), id("scopo", town));
        let _ = write!(tenants, "comune-{town};\"Comune; di {town}\";{ente};{client};chiave.pem;collaudo;{purpose}\r\n");
        let _ = writeln!(consumers, "demografici-{town},comune-{town},pdnd,demografici,{}", hashed(&format!("chiave-{town}")));
    }
    write(site, "enti.csv", &tenants);
    write(site, "reparti.csv", &consumers);
    for eservice in 0..ESERVICES {
        let mut instances = String::from("tenant,pdnd,eservice,descriptors,audience\n");
        for town in 0..TOWNS {
            let of = |what: &str| id(&format!("{what}{eservice}"), town);
            let more = if town == 0 { more } else { "" };
            for environment in ["collaudo", "produzione"] {
                let (e, d, old) = (of("e"), of("d"), of("v"));
                let _ = writeln!(instances, "comune-{town},{environment},{e},{d}|{old},https://regione.example/{eservice}{more}");
            }
        }
        write(site, &format!("istanze-{eservice}.csv"), &instances);
    }
}

fn configuration(scene: &Scene, department: &Rest, admin: &str) -> String {
    let pdnd = &scene.sandbox.pdnd;
    let mut yaml = format!(
        "installation: regione\nworkers: 2\ndrain: 10s\naudit: {{ store: audit, origin: regione.example/log }}\nadmin: {{ {admin} }}\n\
         listeners: {{ web: {{ address: \"127.0.0.1:0\" }} }}\ntenants: {{ csv: enti.csv }}\npdnd:\n\
         \x20 collaudo: {{ issuer: {}, jwks: \"file:jwks.json\", token: \"{}\", assertion_audience: {} }}\n\
         \x20 produzione: {{ issuer: pdnd.example, jwks: \"file:jwks.json\" }}\neservices:\n",
        pdnd.environment().issuer,
        pdnd.token_url(),
        pdnd.environment().assertion_audience,
    );
    let address = department.address;
    for eservice in 0..ESERVICES {
        let _ = write!(
            yaml,
            "  s{eservice}:\n    direction: inbound\n    listener: web\n    base_path: /s{eservice}\n    contract: cose.yaml\n\
             \x20   instances: {{ csv: istanze-{eservice}.csv }}\n    security: [voucher]\n    policy: tutto.cedar\n\
             \x20   limits: {{ per_purpose: {{ daily: 2 }} }}\n    operations: {{ elenca: {{ safe: true, cache: {{ ttl: 10m }} }} }}\n\
             \x20   adapter: {{ http: {{ url: \"http://{address}\", identity: {{ tenant: X-Ente }} }} }}\n",
        );
    }
    let _ = write!(
        yaml,
        "  fuori:\n    direction: outbound\n    listener: web\n    base_path: /fuori\n    contract: cose.yaml\n    consumers: {{ csv: reparti.csv }}\n\
         \x20   security: [voucher]\n    adapter: {{ http: {{ url: \"http://{address}\" }} }}\n",
    );
    yaml
}

#[test]
fn one_url_serves_three_hundred_towns_and_mixes_none_of_them() {
    let region = Region::open();
    let asked = || region.department.asked().len();
    // Each town is itself, in each of its e-services; what is kept for one is not another's.
    for (eservice, town) in [(0, 0), (0, 7), (4, 7), (2, 299)] {
        let before = asked();
        let answer = region.ask(eservice, &region.voucher(eservice, town, town));
        assert_eq!((answer.status, asked() - before), (200, 1), "{answer:?}");
        let record = region.record_of(&answer);
        assert_eq!((&record["tenant"], &record["env"]), (&json!(format!("comune-{town}")), &json!("collaudo")));
        assert_eq!(region.department.asked().pop().expect("it was asked").headers["x-ente"], format!("comune-{town}"));
        let again = region.ask(eservice, &region.voucher(eservice, town, town));
        assert_eq!((again.status, asked() - before), (200, 1), "the second is answered from the cache: {again:?}");
        // The purpose's quota is spent in this town's name, and in no other's.
        assert_problem(&region.ask(eservice, &region.voucher(eservice, town, town)), 429, "quota-exhausted");
    }
    // A voucher for one town's e-service opens nobody else's.
    assert_problem(&region.ask(0, &region.voucher(0, 7, 8)), 403, "voucher-wrong-producer");
    assert_problem(&region.ask(0, &region.voucher(1, 7, 7)), 403, "voucher-wrong-e-service");
    let (_, metrics) = region.gateway.admin("/metrics");
    for line in [
        r#"varco_tenant_exchanges_total{tenant="comune-7",outcome="success"} 4"#,
        r#"varco_tenant_exchanges_total{tenant="comune-299",outcome="success"} 2"#,
        r#"varco_tenant_exchanges_total{tenant="comune-8",outcome="success"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[test]
fn a_department_of_one_town_cannot_use_what_is_anothers() {
    let region = Region::open();
    let tokens = || region.scene.sandbox.pdnd.accesses().count("token");
    for (town, other) in [(5, 6), (6, 5), (299, 0)] {
        let purpose = format!("Varco-Purpose: {}", id("scopo", other));
        assert_problem(&region.ask_outside(town, &[&purpose]), 403, "purpose-not-yours");
    }
    assert_problem(&region.ask_outside(TOWNS, &[]), 401, "key-unknown");
    assert_eq!((tokens(), region.department.asked().len()), (0, 0), "nobody was asked anything");
    for (count, town) in [(1, 5), (2, 6), (2, 5)] {
        let answer = region.ask_outside(town, &[]);
        assert_eq!((answer.status, tokens()), (200, count), "{answer:?}");
        let record = region.record_of(&answer);
        assert_eq!(
            (&record["tenant"], &record["pdnd"]["client"]),
            (&json!(format!("comune-{town}")), &json!(id("client", town).to_string()))
        );
        assert_eq!(record["pdnd"]["purpose"], json!(id("scopo", town).to_string()));
        assert_eq!(record["pdnd"]["consumer"], json!(id("ente", town).to_string()));
    }
}

/// The whole region is read again while one town is asked without a pause: nobody notices, and a changed table is told.
#[test]
fn the_region_is_reloaded_under_load() {
    let region = Region::with_admin("socket: varco.sock");
    let request = "GET /fuori/cose HTTP/1.1\r\nhost: x\r\nx-api-key: chiave-11\r\n\r\n";
    let load = Load::start(2, region.gateway.address("web"), request.as_bytes());
    load.wait_for_more(20);
    for (round, more) in ["|https://nuovo.example/a", "", "|https://nuovo.example/b"].into_iter().enumerate() {
        tables(&region.site, more);
        let began = Instant::now();
        let said = region.reload();
        assert!((0..ESERVICES).all(|eservice| said.contains(&format!("~ e-service s{eservice}: security"))), "{round}: {said}");
        // Not a measure: a reload that is quadratic in towns takes minutes.
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
        load.wait_for_more(20);
    }
    let seen = load.end();
    assert!(seen.iter().all(|seen| seen.status == 200), "{:?}", seen.iter().find(|seen| seen.status != 200));
    assert_eq!(region.scene.sandbox.pdnd.accesses().count("token"), 1, "a reload takes no voucher away");
}

/// A fault in a table has the table's place.
#[test]
fn a_fault_in_a_table_has_its_line_and_column() {
    let region = Region::open();
    let path = region.site.path().join("istanze-3.csv");
    let text = std::fs::read_to_string(&path).expect("the table");
    for (from, to, expected) in [
        ("comune-4,collaudo", "comune-400,collaudo", "istanze-3.csv:10:1: error: there is no tenant `comune-400`"),
        ("comune-4,collaudo", "comune-4,prova", "istanze-3.csv:10:10: error: there is no environment `prova`"),
        ("tenant,pdnd,eservice", "tenant,pdnd,e-service", "istanze-3.csv:1:13: error: `configuration.eservices.s3.instances"),
        ("comune-4,collaudo", "collaudo", "istanze-3.csv:10:1: error: this line has 4 fields, and the first has 5"),
    ] {
        std::fs::write(&path, text.replacen(from, to, 1)).expect("it can be written");
        let output = varco(region.site.path(), &["check", "-c", "varco.yaml"]);
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(said.contains(expected), "{from} → {to}: {}", &said[..said.len().min(2000)]);
        assert_eq!(said.matches("has no key `e-service`").count(), usize::from(to.contains("e-service")), "once, not in each row");
    }
}
