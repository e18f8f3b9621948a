//! A department that hangs, breaks, lies or talks too much: its callers get a clear error that tells nothing of it, its
//! record says what happened, and nobody else notices.

use std::time::Duration;

use http::StatusCode;
use sandbox::Misbehaviour;
use serde_json::json;
use tests::{
    Answer, Gateway, LUCIA, Reply, Scene, Stub, assert_problem, assert_says_nothing_internal, curl, eventually, lookup, open, things,
    unprotected,
};

const UPSTREAM: &str =
    "    upstream: { first_byte_timeout: 400ms, total_timeout: 800ms, answer_bytes: 64KiB, breaker: { failures: 1000 } }\n";

/// The sandbox's department, behind an open e-service so that only the upstream can go wrong, and a stub that behaves.
struct Town {
    scene: Scene,
    gateway: Gateway,
    healthy: Stub,
}

impl Town {
    fn open(more: &str) -> Self {
        let scene = Scene::new();
        let healthy = Stub::start(&scene.runtime, |number| Reply::json(&json!({ "n": number }).to_string()));
        let adapter = format!(
            "{{ soap: {{ wsdl: {{root}}/specs/anagrafe/legacy.wsdl, url: \"{}\", mapping: {{root}}/adapters/anagrafe/mapping.yaml }} }}",
            scene.sandbox.department.url()
        );
        let anagrafe = open("anagrafe", &unprotected(scene.path()), &adapter, &format!("{UPSTREAM}{more}"));
        let gateway = scene.gateway_of(2, &[anagrafe, things("cose", &healthy.url(), "{}", "")]);
        Self { scene, gateway, healthy }
    }

    fn search(&self) -> Answer {
        search(&self.gateway.url("pdnd", "/anagrafe/residenze/ricerca"))
    }

    fn misbehave(&self, how: Misbehaviour) {
        self.scene.sandbox.department.accesses().clear();
        self.scene.sandbox.department.switch().misbehave(how);
    }

    fn asked(&self) -> u64 {
        self.scene.sandbox.department.accesses().total()
    }
}

fn search(url: &str) -> Answer {
    curl(&["-H", "content-type: application/json", "-d", &lookup("1", LUCIA).to_string(), url])
}

#[test]
fn each_way_of_going_wrong_is_a_clear_error() {
    let town = Town::open("");
    let replaced = |from: &str, to: &str| Misbehaviour::Replace(from.into(), to.into());
    let bad = (502, "bad-upstream-answer");
    let late = (504, "upstream-timeout");
    for (how, (status, kind)) in [
        (Misbehaviour::Delay(Duration::from_millis(600)), late),
        (Misbehaviour::Hang, late),
        (Misbehaviour::Drip(Duration::from_millis(20)), late),
        (Misbehaviour::Reset, bad),
        (Misbehaviour::Cut, bad),
        (Misbehaviour::NotHttp, bad),
        (Misbehaviour::Garbage, bad),
        (Misbehaviour::Oversized(64 << 10), bad),
        (Misbehaviour::Html, bad),
        (Misbehaviour::Status(StatusCode::TOO_MANY_REQUESTS), (503, "upstream-busy")),
        (Misbehaviour::Status(StatusCode::SERVICE_UNAVAILABLE), (503, "upstream-busy")),
        (Misbehaviour::Status(StatusCode::OK), bad),
        (Misbehaviour::Status(StatusCode::UNAUTHORIZED), bad),
        (Misbehaviour::Redirect(town.healthy.url()), bad),
        (Misbehaviour::Doctype, bad),
        (Misbehaviour::WrongElement, bad),
        // An entity that a document type would have to define, a broken end, and values that the WSDL or the contract forbid.
        (replaced("FONTANA", "&lol;"), bad),
        (replaced(":Envelope>", ""), bad),
        (replaced("1985-03-12", "12 marzo 1985"), bad),
        (replaced("99010", "CAP"), bad),
    ] {
        town.misbehave(how.clone());
        let answer = town.search();
        assert_eq!(answer.status, status, "{how:?}: {answer:?}");
        assert_problem(&answer, status, kind);
        assert!(answer.json().get("detail").is_none(), "the cause is for the record: {how:?}: {answer:?}");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        for word in ["FONTANA", LUCIA, "12 marzo", "CAP", "lol"] {
            assert!(!said.contains(word), "{how:?} lets `{word}` through: {said}");
        }
        assert_eq!(town.asked(), 1, "{how:?}: a POST that nobody declared safe is sent once");
        let record = town.scene.record_of(&answer);
        assert_eq!((record["out"].as_str(), record["err"].as_str()), (Some("failed"), Some(kind)), "{how:?}: {record}");
        assert_eq!(record["res"]["status"], status, "{how:?}: {record}");
    }
    assert_eq!(town.healthy.requests(), 0, "no redirect is followed");
    town.scene.sandbox.department.switch().behave();
    assert_eq!(town.search().status, 200, "and all is well again");
    let (whole, said) = town.scene.verify();
    assert!(whole, "{said}");
}

#[test]
fn what_is_more_than_asked_for_stays_behind() {
    let town = Town::open("");
    let name = "x-powered-by".parse().expect("a name");
    town.misbehave(Misbehaviour::Header(name, "Servlet 2.5; JBoss-4.0.2".parse().expect("a value")));
    let answer = town.search();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_says_nothing_internal(&answer);
    town.misbehave(Misbehaviour::Oversized(1000));
    assert_eq!(town.search().status, 200, "white space after an envelope is allowed within the limit");
}

#[test]
fn a_busy_department_says_when_to_come_back() {
    let scene = Scene::new();
    let busy = Stub::start(&scene.runtime, |number| {
        let status = if number % 2 == 1 { "429 Too Many Requests" } else { "503 Service Unavailable" };
        Reply::text(&format!("HTTP/1.1 {status}\r\nretry-after: 17\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nsorry"))
    });
    let adapter = format!(
        "{{ soap: {{ wsdl: {{root}}/specs/anagrafe/legacy.wsdl, url: \"{}\", mapping: {{root}}/adapters/anagrafe/mapping.yaml }} }}",
        busy.url()
    );
    let gateway = scene.gateway_of(1, &[open("anagrafe", &unprotected(scene.path()), &adapter, ""), things("cose", &busy.url(), "{}", "")]);
    for (path, statuses, kind) in
        [("/anagrafe/cittadini/FNTLCU85C52X999H", [503, 503], "upstream-busy"), ("/cose/cosa", [429, 503], "upstream-refused")]
    {
        for status in statuses {
            let answer = curl(&[&gateway.url("pdnd", path)]);
            assert_problem(&answer, status, kind);
            assert_eq!(answer.header("retry-after"), Some("17"), "{path} {answer:?}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("sorry"), "{answer:?}");
        }
    }
}

#[test]
fn a_reset_is_mended_where_asking_twice_does_no_harm() {
    let town = Town::open("    operations: { cercaResidenza: { safe: true }, aggiornaIndirizzo: { idempotent: false } }\n");
    let department = &town.scene.sandbox.department;
    let body = json!({ "comune": "VALDOMBRA", "via": "VIA DELL'ORTO", "cap": "99011" }).to_string();
    let citizen = town.gateway.url("pdnd", "/anagrafe/cittadini/FNTLCU85C52X999H");
    let address = format!("{citizen}/indirizzi/DOMICILIO");
    for (what, arguments, status, asked) in [
        ("a GET", vec![citizen.as_str()], 200, 2),
        ("a PUT declared not idempotent", vec!["-X", "PUT", "-H", "content-type: application/json", "-d", &body, &address], 502, 1),
    ] {
        department.accesses().clear();
        department.switch().misbehave_times(1, Misbehaviour::Reset);
        let answer = curl(&arguments);
        assert_eq!((answer.status, department.accesses().total()), (status, asked), "{what}: {answer:?}");
        assert_eq!(town.scene.record_of(&answer)["ad"]["attempts"], asked, "{what}");
        department.switch().behave();
    }
    department.accesses().clear();
    department.switch().misbehave_times(1, Misbehaviour::Reset);
    assert_eq!((town.search().status, department.accesses().total()), (200, 2), "a POST declared safe");
    // A slow department is not asked again: that would only make it slower.
    department.accesses().clear();
    department.switch().misbehave_times(1, Misbehaviour::Hang);
    assert_eq!((town.search().status, department.accesses().total()), (504, 1));
}

/// Promise 5: thirty callers wait for a department that hangs, and meanwhile those of another are served.
#[test]
fn others_do_not_wait_for_a_department_that_hangs() {
    let scene = Scene::new();
    let dead = Stub::start(&scene.runtime, |_| Reply::json("{\"n\":1}").gated(3));
    let healthy = Stub::start(&scene.runtime, |number| Reply::json(&json!({ "n": number }).to_string()));
    let gateway = scene.gateway_of(2, &[things("ferme", &dead.url(), "{}", ""), things("cose", &healthy.url(), "{}", "")]);
    let stuck = gateway.url("pdnd", "/ferme/cosa");
    let served = gateway.url("pdnd", "/cose/cosa");
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..30).map(|_| scope.spawn(|| curl(&[&stuck]).status)).collect();
        eventually("all of them wait", || (dead.requests() == 30).then_some(()));
        for _ in 0..20 {
            assert_eq!(curl(&[&served]).status, 200);
        }
        assert!(waiting.iter().all(|one| !one.is_finished()), "twenty others were served while the thirty still wait");
        dead.release();
        assert!(waiting.into_iter().all(|one| one.join().expect("it ends") == 200));
    });
}
