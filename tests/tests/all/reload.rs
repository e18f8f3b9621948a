//! A new configuration while exchanges go on: whole or not at all, and nobody notices who need not.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustix::process::Signal;
use serde_json::Value;
use tests::{Connection, Gateway, Scene, Site, Witness, curl, eventually, search, varco};

use crate::authority::Authority;

/// The configuration of a site whose admin listener is a socket.
fn guarded(top: &str, listener: &str, upstream: &str, more: &str) -> String {
    Site::configuration(top, listener, upstream, more).replace("admin: { address: \"127.0.0.1:0\" }", "admin: { socket: varco.sock }")
}

fn write(folder: &Path, yaml: &str) {
    std::fs::write(folder.join("varco.yaml"), yaml).expect("a folder can be written to");
}

/// `varco reload` after this was written; it must succeed. What it printed.
fn reload(folder: &Path, yaml: &str) -> String {
    write(folder, yaml);
    let output = varco(folder, &["reload", "-c", "varco.yaml"]);
    assert!(output.status.success(), "{output:?}");
    text(&output)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n")
}

fn status(connection: &mut Connection, path: &str) -> u16 {
    connection.send(get(path).as_bytes()).expect("the connection is open");
    connection.answer().map_or(0, |answer| answer.status)
}

/// Where a listener that came with a reload listens, as the log says.
fn listening(gateway: &Gateway, listener: &str) -> SocketAddr {
    eventually("the listener is logged", || {
        let stderr = gateway.stderr();
        let mut lines = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == "listening" && line["listener"] == listener)?["address"].as_str()?.parse().ok()
    })
}

#[test]
fn what_is_served_changes_under_a_connection_that_stays() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", "", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    let mut caller = Connection::to(gateway.address("web"));
    assert_eq!(status(&mut caller, "/c/v1/cose"), 200);
    // By signal, as service managers do.
    write(site.path(), &yaml.replace("/c/v1", "/c/v2"));
    gateway.signal(Signal::HUP);
    eventually("the new path is served", || (status(&mut caller, "/c/v2/cose") == 200).then_some(()));
    assert_eq!(status(&mut caller, "/c/v1/cose"), 404);
    // By command, which says what it did.
    assert_eq!(reload(site.path(), &yaml), "~ e-service cose: base_path\n");
    assert_eq!((status(&mut caller, "/c/v1/cose"), status(&mut caller, "/c/v2/cose")), (200, 404));
    assert_eq!(reload(site.path(), &yaml), "nothing changes\n");
    let of = |event: &str, path: &str| site.record(|record| record["ev"] == event && record.to_string().contains(path))["cfg"].clone();
    assert_ne!(of("exchange", "/c/v1/cose"), of("exchange", "/c/v2/cose"), "each exchange names its configuration");
    let log = varco(site.path(), &["audit", "list", "-n", "1000", "--json", "--store", "audit"]);
    assert_eq!(text(&log).matches(r#""ev":"config.loaded""#).count(), 4, "{}", text(&log));
}

#[test]
fn what_is_wrong_changes_nothing_and_says_why() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", "", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    let socket = site.path().join("varco.sock").display().to_string();
    let post = |path: &str| curl(&["--unix-socket", &socket, "-X", "POST", &format!("http://admin{path}")]);
    let taken = gateway.address("web");
    let cases: [(String, u16, &str); 4] = [
        (yaml.replace("cose.yaml", "altre.yaml"), 422, "there is no file"),
        (yaml.replace("listeners:", "listners:"), 422, "listners"),
        (yaml.replace("workers: 2", "workers: 3").replace("drain: 10s", "drain: 11s"), 409, "only a restart can change workers, drain"),
        (yaml.replace("eservices:", &format!("  due: {{ address: \"{taken}\" }}\neservices:")), 409, "cannot listen on"),
    ];
    for (wrong, expected, why) in &cases {
        write(site.path(), wrong);
        let answer = post("/reload");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, *expected, "{said}");
        assert!(said.contains(why), "{why}: {said}");
        let asked = varco(site.path(), &["reload", "-c", "varco.yaml"]);
        assert_eq!(asked.status.code(), Some(1), "{asked:?}");
        assert!(text(&asked).contains(why), "{why}: {asked:?}");
        assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200);
    }
    let faults: Value = {
        write(site.path(), &cases[0].0);
        serde_json::from_slice(&post("/reload").body).expect("a problem")
    };
    assert!(faults["faults"][0]["line"].as_u64().is_some(), "{faults}");
    let log = varco(site.path(), &["audit", "list", "-n", "1000", "--json", "--store", "audit"]);
    assert_eq!(text(&log).matches(r#""ev":"config.loaded""#).count(), 1, "what never came into force is not said to have");
}

#[test]
fn a_plan_tells_what_would_change_and_changes_nothing() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", "", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    write(site.path(), &yaml.replace("workers: 2", "workers: 3").replace("/c/v1", "/c/v2"));
    let plan = varco(site.path(), &["plan", "-c", "varco.yaml"]);
    let expected = "~ e-service cose: base_path\n! workers needs a restart: as long as it differs, nothing is reloaded\n";
    assert_eq!((plan.status.code(), text(&plan).as_str()), (Some(0), expected));
    let json: Value = serde_json::from_slice(&varco(site.path(), &["plan", "-c", "varco.yaml", "--json"]).stdout).expect("JSON");
    assert_eq!(json["changes"][0]["part"], "e-service");
    assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200);
}

#[test]
fn a_watched_folder_is_read_again_by_itself() {
    let (site, witness) = (Site::new(), Witness::hello());
    let watched = site.path().join("eservizi");
    std::fs::create_dir(&watched).expect("a folder can be written to");
    let yaml = guarded("watch: { folders: [eservizi], every: 100ms }\n", "", &witness.url(), "");
    let (main, eservices) = yaml.split_once("eservices:\n").expect("the e-services");
    let eservices = format!("eservices:\n{}", eservices.replace("cose.yaml", "../cose.yaml"));
    let included = watched.join("cose.yaml");
    std::fs::write(&included, &eservices).expect("a folder can be written to");
    let gateway = Gateway::start(site.path(), &format!("{main}include: [eservizi/cose.yaml]\n"));
    let ask = |path: &str| curl(&[&gateway.url("web", path)]).status;
    assert_eq!(ask("/c/v1/cose"), 200);
    // Nobody says when it has been looked at first, so it is written until somebody sees it.
    eventually("the new path is served", || {
        std::fs::write(&included, eservices.replace("/c/v1", "/c/v2")).expect("a folder can be written to");
        std::thread::sleep(std::time::Duration::from_millis(300));
        (ask("/c/v2/cose") == 200).then_some(())
    });
    std::fs::write(&included, "eservices: 5").expect("a folder can be written to");
    gateway.assert_logs("was not reloaded");
    assert_eq!(ask("/c/v2/cose"), 200);
}

#[test]
fn to_be_on_the_same_machine_is_no_proof() {
    let (site, witness) = (Site::new(), Witness::hello());
    std::fs::write(site.path().join("token"), "0123456789abcdef0123456789abcdef\n").expect("a folder can be written to");
    let open = site.gateway("", "", &witness.url(), "");
    let ask = |gateway: &Gateway, arguments: &[&str]| curl(&[arguments, &["-X", "POST", &gateway.url("admin", "/reload")]].concat());
    let refused = ask(&open, &[]);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.body).contains("admin.token"), "{refused:?}");
    assert_eq!(curl(&[&open.url("admin", "/plan")]).status, 403);
    assert_eq!(curl(&[&open.url("admin", "/live")]).status, 200);
    drop(open);
    let yaml = Site::configuration("", "", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml.replace("admin: { ", "admin: { token: file:token, "));
    for (shown, expected) in [
        (None, 401),
        (Some("Bearer 0123456789abcdef0123456789abcdee"), 401),
        (Some("Bearer "), 401),
        (Some("0123456789abcdef0123456789abcdef"), 401),
        (Some("Bearer 0123456789abcdef0123456789abcdef"), 200),
    ] {
        let header = shown.map(|shown| format!("authorization: {shown}"));
        let arguments: Vec<&str> = header.iter().flat_map(|header| ["-H", header.as_str()]).collect();
        assert_eq!(ask(&gateway, &arguments).status, expected, "{shown:?}");
    }
    assert!(!gateway.stderr().contains("0123456789abcdef"));
}

#[test]
fn listeners_come_and_go() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", "", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    let mut caller = Connection::to(gateway.address("web"));
    assert_eq!(status(&mut caller, "/c/v1/cose"), 200);
    let two = yaml.replace("eservices:", "  due: { address: [\"127.0.0.1:0\", \"[::1]:0\"] }\neservices:");
    assert_eq!(reload(site.path(), &two), "+ listener due\n");
    let due = listening(&gateway, "due");
    assert_eq!(curl(&[&format!("http://{due}/c/v1/cose")]).status, 404, "nothing is served there yet");
    assert_eq!(reload(site.path(), &two.replace("listener: web", "listener: due")), "~ e-service cose: listener\n");
    assert_eq!(curl(&[&format!("http://{due}/c/v1/cose")]).status, 200);
    assert_eq!(status(&mut caller, "/c/v1/cose"), 404);
    let moved = two.replace("listener: web", "listener: due").replace("  web: { address: \"127.0.0.1:0\" }\n", "");
    assert_eq!(reload(site.path(), &moved), "- listener web\n");
    eventually("nobody is let in any more", || TcpStream::connect(gateway.address("web")).err());
    // Who was there is served once more or not at all, and then its connection ends.
    eventually("the connection ends", || {
        let sent = caller.send(get("/c/v1/cose").as_bytes());
        (sent.is_err() || caller.answer().is_none()).then_some(())
    });
    assert_eq!(curl(&[&format!("http://{due}/c/v1/cose")]).status, 200);
    assert_eq!(reload(site.path(), &yaml), "+ listener web\n- listener due\n~ e-service cose: listener\n");
}

#[test]
fn a_renewed_certificate_serves_who_comes_after_it() {
    let (site, witness) = (Site::new(), Witness::hello());
    Authority::new(site.path(), "ca").sign(site.path(), "local", &["localhost"]);
    let tls = ", tls: [{ certificate: local.pem, key: local.key }]";
    let yaml = guarded("", tls, &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    let file = |name: &str| site.path().join(name).display().to_string();
    let ask = |ca: &str| curl(&["--cacert", &file(ca), &gateway.tls_url("web", "/c/v1/cose")]).status;
    assert_eq!(ask("ca.pem"), 200);
    Authority::new(site.path(), "next").sign(site.path(), "local", &["localhost"]);
    assert_eq!(ask("ca.pem"), 200, "the files alone change nothing");
    assert_eq!(reload(site.path(), &yaml), "~ listener web: tls\n");
    assert_eq!((ask("ca.pem"), ask("next.pem")), (0, 200));
}

#[test]
fn what_was_counted_goes_on_being_counted() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", "", &witness.url(), "    limits: { rate: 1/1h, burst: 3 }\n");
    let gateway = Gateway::start(site.path(), &yaml);
    let ask = || curl(&[&gateway.url("web", "/c/v1/cose")]).status;
    assert_eq!([ask(), ask()], [200, 200]);
    assert_eq!(reload(site.path(), &format!("{yaml}    digest_answers: true\n")), "~ e-service cose: digest_answers\n");
    assert_eq!([ask(), ask()], [200, 429], "a reload is no way to a new allowance");
}

#[test]
fn a_key_that_is_no_longer_published_opens_nothing() {
    let scene = Scene::new();
    let keys = curl(&[&scene.sandbox.pdnd.jwks_url()]).body;
    std::fs::write(scene.path().join("jwks.json"), &keys).expect("a folder can be written to");
    let yaml = scene.configuration("").replace(&scene.sandbox.pdnd.jwks_url(), "file:jwks.json");
    let gateway = Gateway::start(scene.path(), &yaml);
    let voucher = scene.good_voucher();
    assert_eq!(search(&gateway, &voucher).status, 200);
    scene.sandbox.pdnd.rotate_key(trust::SigningKey::generate().expect("a key"), false);
    std::fs::write(scene.path().join("jwks.json"), curl(&[&scene.sandbox.pdnd.jwks_url()]).body).expect("a folder can be written to");
    gateway.signal(Signal::HUP);
    let refused = eventually("the voucher is refused", || Some(search(&gateway, &voucher)).filter(|answer| answer.status != 200));
    assert_eq!((refused.status, &*refused.problem()), (401, "voucher-unknown-key"));
    // Another issuer than the one it was verified for: what is remembered does not help it.
    std::fs::write(scene.path().join("jwks.json"), &keys).expect("a folder can be written to");
    write(scene.path(), &yaml.replace(&scene.sandbox.pdnd.environment().issuer, "altro.interop.example"));
    gateway.signal(Signal::HUP);
    let refused =
        eventually("the issuer is another", || Some(search(&gateway, &voucher)).filter(|answer| answer.problem() != "voucher-unknown-key"));
    assert_eq!((refused.status, &*refused.problem()), (401, "voucher-wrong-issuer"));
}

#[test]
fn a_listener_that_is_full_can_be_removed() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", ", limits: { connections: 2 }", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    let mut here: Vec<Connection> = (0..4).map(|_| Connection::to(gateway.address("web"))).collect();
    // Which two are let in is the system's to say: each worker accepts from its own queue.
    for caller in &mut here {
        caller.send(get("/c/v1/cose").as_bytes()).expect("the connection is open");
    }
    let served = || here.iter().filter(|caller| caller.has_more()).count();
    eventually("the places are taken", || (served() == 2).then_some(()));
    let moved = yaml.replace("web: { address", "due: { address").replace("listener: web", "listener: due");
    assert_eq!(reload(site.path(), &moved), "+ listener due\n- listener web\n~ e-service cose: listener\n");
    for caller in &mut here {
        assert_eq!(caller.answer().map(|answer| answer.status), Some(200), "who was connected before is served");
        eventually("the connection ends", || {
            let sent = caller.send(get("/c/v1/cose").as_bytes());
            (sent.is_err() || caller.answer().is_none()).then_some(())
        });
    }
}

#[test]
fn who_was_let_in_without_what_is_asked_now_does_not_stay() {
    let (site, witness) = (Site::new(), Witness::hello());
    Authority::new(site.path(), "ca").sign(site.path(), "local", &["localhost"]);
    let yaml = guarded("", "", &witness.url(), "");
    let gateway = Gateway::start(site.path(), &yaml);
    let mut caller = Connection::to(gateway.address("web"));
    assert_eq!(status(&mut caller, "/c/v1/cose"), 200);
    let tls = ", tls: [{ certificate: local.pem, key: local.key }], client_certificates: { ca: ca.pem }";
    assert_eq!(reload(site.path(), &guarded("", tls, &witness.url(), "")), "~ listener web: tls\n");
    eventually("the connection ends", || {
        let sent = caller.send(get("/c/v1/cose").as_bytes());
        (sent.is_err() || caller.answer().is_none()).then_some(())
    });
}

#[test]
fn an_answer_that_another_department_gave_is_not_kept() {
    let (site, one, two) = (Site::new(), Witness::hello(), Witness::hello());
    let cached = "    operations: { elenca: { safe: true, cache: { ttl: 10m } } }\n";
    let yaml = guarded("", "", &one.url(), cached);
    let gateway = Gateway::start(site.path(), &yaml);
    let ask = || assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200);
    ask();
    ask();
    assert_eq!((one.connections(), two.connections()), (1, 0));
    assert_eq!(
        reload(site.path(), &guarded("", "", &one.url(), &format!("{cached}    limits: {{ rate: 9000/s }}\n"))),
        "~ e-service cose: limits\n"
    );
    ask();
    assert_eq!(one.asked().len(), 1, "a reload that does not concern them leaves the answers where they are");
    assert_eq!(reload(site.path(), &guarded("", "", &two.url(), cached)), "~ e-service cose: limits, upstream\n");
    ask();
    assert_eq!((one.asked().len(), two.asked().len()), (1, 1));
    // What was checked against another contract, or less, may not be what is promised now.
    let contract = std::fs::read_to_string(site.path().join("cose.yaml")).expect("the contract");
    let path = "paths:\n  /nuova: { get: { operationId: nuova, responses: { \"200\": { description: x } } } }\n";
    std::fs::write(site.path().join("cose.yaml"), contract.replacen("paths:\n", path, 1)).expect("it can be written");
    assert!(reload(site.path(), &guarded("", "", &two.url(), cached)).contains("contract"));
    ask();
    ask();
    assert_eq!(two.asked().len(), 2);
    assert!(reload(site.path(), &guarded("", "", &two.url(), &format!("{cached}    answers: report\n"))).contains("answers"));
    ask();
    assert_eq!(two.asked().len(), 3);
}

#[test]
fn keys_are_used_on_when_an_environment_changes_and_its_server_is_down() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let voucher = scene.good_voucher();
    eventually("the keys are there", || (gateway.admin("/ready").0 == 200).then_some(()));
    scene.sandbox.pdnd.switch().misbehave(sandbox::Misbehaviour::Status(http::StatusCode::INTERNAL_SERVER_ERROR));
    let yaml = scene.configuration("");
    write(scene.path(), &yaml.replace("sandbox: { issuer", "sandbox: { refresh: 20m, issuer"));
    gateway.signal(Signal::HUP);
    gateway.assert_logs("is in force");
    assert_eq!(gateway.admin("/ready").0, 200);
    assert_eq!(search(&gateway, &voucher).status, 200);
}

/// Asks for a reload over a connection of its own; the status.
fn post_reload(socket: &Path) -> u16 {
    use std::io::{Read as _, Write as _};
    let mut stream = UnixStream::connect(socket).expect("the socket is there");
    stream.write_all(b"POST /reload HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_thousand_reloads_under_load_lose_nothing_and_leak_nothing() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = guarded("", "", &witness.url(), "");
    // Another e-service comes and goes, and the one that is asked changes.
    let other = yaml.split_once("  cose:\n").expect("the e-service").1.replace("/c/v1", "/altre");
    let changed = format!("{yaml}    digest_answers: true\n    limits: {{ rate: 1000000/s }}\n  altre:\n{other}");
    let gateway = Gateway::start(site.path(), &yaml);
    let (over, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (over, asked, address) = (over.clone(), asked.clone(), gateway.address("web"));
            std::thread::spawn(move || {
                let mut caller = Connection::to(address);
                while !over.load(Ordering::Acquire) {
                    assert_eq!(status(&mut caller, "/c/v1/cose"), 200);
                    asked.fetch_add(1, Ordering::Release);
                }
            })
        })
        .collect();
    let socket = site.path().join("varco.sock");
    let mut at_first = 0;
    for round in 0..1000 {
        write(site.path(), if round % 2 == 0 { &changed } else { &yaml });
        assert_eq!(post_reload(&socket), 200, "{}", gateway.stderr());
        if round == 200 {
            at_first = gateway.peak_memory();
        }
    }
    let asked_during = asked.load(Ordering::Acquire);
    over.store(true, Ordering::Release);
    for caller in callers {
        caller.join().expect("every request was answered with 200, over one connection");
    }
    assert!(asked_during > 1000, "the load was a load: {asked_during}");
    // The kernel counts pages in batches of each processor, so that even a peak may be told a little lower later.
    let grown = gateway.peak_memory().saturating_sub(at_first);
    assert!(grown < 16 << 10, "{grown} KiB more than after 200 reloads, which took {at_first} KiB");
}
