//! Callers as departments have them: Python's requests and zeep, the JDK's HTTP client, and one in the manner of old .NET, which asks
//! before it sends its envelope.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;
use tests::{Gateway, Peer, Rest, Scene, Site, python, repository};

use crate::authority::Authority;
use crate::outbound::{Outbound, configuration};

/// `residenza` at `/r` is a REST provider; `anagrafe` at `/s` one that takes envelopes, run by spyne. Both at a port in the clear and at
/// one with TLS.
struct Town {
    outbound: Outbound,
    rest: Rest,
    peer: Peer,
}

impl Town {
    fn open() -> Self {
        let (scene, site, rest) = (Scene::new(), Site::new(), Rest::start(r#"{"esito":"ok"}"#));
        Authority::new(site.path(), "ca").sign(site.path(), "server", &["localhost"]);
        let peer = Peer::spyne(site.path());
        let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://{}", rest.address), "").replace(
            "listeners: { ",
            "listeners: { sicuri: { address: \"127.0.0.1:0\", tls: [{ certificate: server.pem, key: server.key }] }, ",
        );
        let (_, residenza) = yaml.split_once("  residenza:\n").expect("an e-service");
        let secure = residenza.replace("listener: reparti", "listener: sicuri");
        let envelopes = repository().join("tests/peers/callers/envelopes.yaml").display().to_string();
        let anagrafe = residenza
            .replace("base_path: /r", "base_path: /s")
            .replace("contract: cose.yaml", &format!("contract: {envelopes}"))
            .replace(&format!("http://{}", rest.address), &format!("http://127.0.0.1:{}", peer.ports[0]));
        let gateway = Gateway::start(site.path(), &format!("{yaml}  sicura:\n{secure}  anagrafe:\n{anagrafe}"));
        Self { outbound: Outbound::of(scene, site, gateway), rest, peer }
    }
}

#[test]
fn requests_and_zeep() {
    let town = Town::open();
    let gateway = &town.outbound.gateway;
    let given = json!({
        "rest": gateway.url("reparti", "/r/cose"), "soap": gateway.url("reparti", "/s/ws"),
        "wsdl": repository().join("tests/peers/spyne/anagrafe.wsdl"), "key": "chiave-sociale", "wrong_key": "nessuna",
    });
    let said = python("callers/caller.py", &given);
    assert_eq!(said["rest"], json!([200, { "esito": "ok" }]), "{said}");
    assert_eq!(said["person"], "Rossi", "{said}");
    assert!(said["fault"].as_str().is_some_and(|fault| fault.contains("persona non trovata")), "a fault of the provider's passes: {said}");
    assert!(said["refused"].as_str().is_some_and(|fault| fault.contains("the key is not accepted")), "ours is a fault too: {said}");
    assert_eq!(town.peer.log(), ["CercaPersona", "CercaPersona"], "the refused one reached nobody");
}

#[test]
fn the_jdks_client() {
    let town = Town::open();
    let (gateway, path) = (&town.outbound.gateway, town.outbound.site.path());
    let output = Command::new("java")
        .arg(repository().join("tests/peers/callers/Caller.java"))
        .arg(path.join("ca.pem"))
        .arg("chiave-sociale")
        .args([gateway.url("reparti", "/r/cose"), gateway.tls_url("sicuri", "/r/cose")])
        .output()
        .expect("java is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    let expected = ["HTTP_1_1", "HTTP_1_1", "HTTP_2", "HTTP_2"].map(|version| format!("200 {version} {{\"esito\":\"ok\"}}"));
    assert_eq!(lines, expected, "{}", String::from_utf8_lossy(&output.stderr));
    let posted: Vec<_> = town.rest.asked().into_iter().filter(|asked| asked.target.starts_with("POST")).collect();
    assert_eq!(posted.len(), 2);
    assert!(posted.iter().all(|asked| asked.body == r#"{"nome":"città"}"#.as_bytes()), "{posted:?}");
}

/// What a .NET Framework client of a web service sends: SOAP 1.1 with a quoted action, and its envelope only once it is told to.
#[test]
fn a_client_in_the_manner_of_dotnet() {
    let town = Town::open();
    let envelope = "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body>\
                    <CercaPersona xmlns=\"urn:example:comune:anagrafe:v1\"><codiceFiscale>RSSMRA80A01H501U</codiceFiscale></CercaPersona>\
                    </soap:Body></soap:Envelope>";
    let mut caller = TcpStream::connect(town.outbound.gateway.address("reparti")).expect("a connection");
    let ask = |caller: &mut TcpStream, key: &str, close: &str| {
        let head = format!(
            "POST /s/ws HTTP/1.1\r\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 4.0.30319.42000)\r\n\
             X-Api-Key: {key}\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"CercaPersona\"\r\nHost: io\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\nAccept-Encoding: gzip, deflate\r\n{close}\r\n",
            envelope.len()
        );
        caller.write_all(head.as_bytes()).expect("it is sent");
        let mut told = [0; 25];
        caller.read_exact(&mut told).expect("an answer");
        String::from_utf8_lossy(&told).into_owned()
    };
    assert_eq!(ask(&mut caller, "chiave-sociale", "Connection: close\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    caller.write_all(envelope.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    caller.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(">Rossi<"), "{answer}");

    // One that is not known is told so before it sends anything, in a fault, which is a 500 in SOAP 1.1.
    let mut stranger = TcpStream::connect(town.outbound.gateway.address("reparti")).expect("a connection");
    assert!(ask(&mut stranger, "nessuna", "").starts_with("HTTP/1.1 500"));
    let mut rest = String::new();
    stranger.read_to_string(&mut rest).expect("a connection that was refused its body ends");
    assert!(rest.contains("Envelope") && rest.contains("the key is not accepted"), "{rest}");
    assert_eq!(town.peer.log(), ["CercaPersona"]);
}
