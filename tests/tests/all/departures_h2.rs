//! A caller who takes back one request of an h2 connection (`RST_STREAM`) loses no record either, whatever reason it gives.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, SendStream};
use http::Request;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tests::{Gateway, Reply, Scene, Stub, eventually, repository, things};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::authority::Authority;

const UPLOADS: &str = "\
openapi: 3.0.3
info: { title: Flussi, version: 1.0.0 }
paths:
  /cosa:
    post:
      operationId: carica
      requestBody: { content: { application/octet-stream: {} } }
      responses: { \"200\": { description: Fatto. } }
";

const REASONS: [Reason; 3] = [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR];

/// A department whose answers wait, a gateway that listens with TLS, and one h2 connection to it.
struct Town {
    scene: Scene,
    stub: Stub,
    gateway: Gateway,
    caller: SendRequest<Bytes>,
}

impl Town {
    fn new(answers: &str, reply: Reply) -> Self {
        let scene = Scene::new();
        let stub = Stub::start(&scene.runtime, move |_| reply.clone());
        Authority::new(scene.path(), "ca").sign(scene.path(), "local", &["localhost"]);
        // Bytes that no stage needs whole, so that they pass through.
        std::fs::write(scene.path().join("flussi.yaml"), UPLOADS).expect("a contract");
        let passing = things("flussi", &stub.url(), "{}", "");
        let shipped = repository().join("tests/peers/stub/openapi.yaml").display().to_string();
        let yaml = format!(
            "{}listeners:\n  pdnd: {{ address: \"127.0.0.1:0\", tls: [{{ certificate: local.pem, key: local.key }}] }}\neservices:\n{}{}",
            scene.head().replace("workers: 2", "workers: 1"),
            things("cose", &stub.url(), "{}", &format!("    answers: {answers}\n")),
            passing.replace(&shipped, "flussi.yaml"),
        );
        let gateway = Gateway::start(scene.path(), &yaml);
        let caller = scene.runtime.block_on(connect(&scene, &gateway));
        Self { scene, stub, gateway, caller }
    }

    /// Begins a request; its body has not ended if it is a POST.
    fn ask(&mut self, method: &str, path: &str) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let media = if path.starts_with("/flussi") { "application/octet-stream" } else { "application/json" };
        let request = Request::builder().method(method).uri(format!("https://localhost{path}")).header("content-type", media);
        self.caller.send_request(request.body(()).expect("a request"), method == "GET").expect("the connection stands")
    }

    /// Asks something else and waits for its answer: what was sent before has been seen by then.
    fn settle(&mut self) {
        let (answer, _) = self.ask("GET", "/altrove");
        assert_eq!(self.scene.runtime.block_on(answer).expect("an answer").status(), 404);
    }

    /// What the log says of the exchanges with the department, and how often that was asked.
    fn told(mut self, records: usize) -> (Vec<Value>, usize) {
        let of = |record: &Value| {
            record["op"]["route"].as_str().is_some_and(|route| route.ends_with("/cosa")) || record["ev"] == "exchange.closed"
        };
        eventually("it is recorded", || (self.scene.log().iter().filter(|record| of(record)).count() >= records).then_some(()));
        assert!(self.gateway.stop().success());
        let (whole, said) = self.scene.verify();
        assert!(whole && !said.contains("under way"), "{said}");
        (self.scene.log().into_iter().filter(of).collect(), self.stub.requests())
    }
}

async fn connect(scene: &Scene, gateway: &Gateway) -> SendRequest<Bytes> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(scene.path().join("ca.pem")).expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(gateway.address("pdnd")).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
    let (caller, connection) = h2::client::handshake(stream).await.expect("h2");
    tokio::spawn(connection);
    caller.ready().await.expect("the connection stands")
}

#[test]
fn a_request_taken_back_while_its_body_is_sent_asks_nobody() {
    for reason in REASONS {
        let mut town = Town::new("enforce", Reply::json("{\"n\":1}"));
        let (answer, mut body) = town.ask("POST", "/cose/cosa");
        // All that the contract wants, but not the end: who ends it differently has not asked.
        body.send_data(Bytes::from_static(b"{\"n\":1}"), false).expect("the stream stands");
        town.settle();
        body.send_reset(reason);
        town.settle();
        let (records, asked) = town.told(1);
        drop(answer);
        assert_eq!((records.len(), asked), (1, 0), "{reason}: {records:?}");
        assert_eq!((&records[0]["out"], &records[0]["ad"]["attempts"]), (&"abandoned".into(), &0.into()), "{reason}: {records:?}");
    }
}

#[test]
fn a_request_taken_back_while_the_department_works_is_recorded_with_what_it_did() {
    for reason in REASONS {
        for (answers, events) in [("enforce", vec!["exchange"]), ("off", vec!["exchange", "exchange.closed"])] {
            let mut town = Town::new(answers, Reply::json("{\"n\":1}").gated(60));
            let (answer, mut body) = town.ask("GET", "/cose/cosa");
            eventually("the department is asked", || (town.stub.requests() == 1).then_some(()));
            body.send_reset(reason);
            town.settle();
            town.stub.release();
            let (records, asked) = town.told(events.len());
            drop(answer);
            assert_eq!(asked, 1, "{reason}");
            assert_eq!(
                records.iter().map(|record| record["ev"].as_str().unwrap_or_default()).collect::<Vec<_>>(),
                events,
                "{reason}, {answers}"
            );
            assert_eq!((&records[0]["out"], &records[0]["ad"]["attempts"]), (&"success".into(), &1.into()), "{reason}: {records:?}");
            assert!(records.get(1).is_none_or(|closed| closed["res"]["end"] == "cut"), "{reason}: {records:?}");
        }
    }
}

#[test]
fn an_answer_taken_back_while_it_passes_through_is_recorded_as_cut() {
    for reason in REASONS {
        let mut town = Town::new("off", Reply::json("{\"n\":1234567890}").gated(10));
        let (answer, mut body) = town.ask("GET", "/cose/cosa");
        let runtime = town.scene.runtime.clone();
        let answer = runtime.block_on(answer).expect("an answer");
        let mut arriving = answer.into_body();
        assert_eq!(runtime.block_on(arriving.data()).expect("data").expect("data").len(), 6);
        body.send_reset(reason);
        town.settle();
        town.stub.release();
        let (records, asked) = town.told(2);
        assert_eq!((records.len(), asked), (2, 1), "{reason}: {records:?}");
        assert_eq!(records[0]["out"], "success", "{reason}");
        assert_eq!((&records[1]["res"]["end"], &records[1]["res"]["len"]), (&"cut".into(), &6.into()), "{reason}: {records:?}");
    }
}

#[test]
fn an_upload_taken_back_while_it_passes_through_is_never_taken_for_whole() {
    for reason in REASONS {
        let mut town = Town::new("enforce", Reply::text("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").gated(38));
        let (answer, mut body) = town.ask("POST", "/flussi/cosa");
        body.send_data(Bytes::from_static(b"the first half"), false).expect("the stream stands");
        eventually("the department is asked", || (town.stub.requests() == 1).then_some(()));
        body.send_reset(reason);
        town.settle();
        town.stub.release();
        let (records, _) = town.told(1);
        drop(answer);
        assert_eq!(records.len(), 1, "{reason}: {records:?}");
        assert_eq!((&records[0]["out"], &records[0]["ad"]["attempts"]), (&"failed".into(), &1.into()), "{reason}: {records:?}");
    }
}
