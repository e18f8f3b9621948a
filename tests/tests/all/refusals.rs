//! Every refusal that can be provoked from outside has its status, its stable kind, one form, and nothing internal in it:
//! as a problem for a REST caller, as a fault of its version for a SOAP caller.

use serde_json::json;
use tests::{Answer, Gateway, LUCIA, Reply, Scene, Stub, assert_problem, assert_says_nothing_internal, curl, eventually, lookup, things};

const THING: &str = "{\"n\":1}";
const JSON: &str = "content-type: application/json";
/// The digest of something else, and of nothing at all.
const WRONG_DIGEST: &str = "digest: SHA-256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// One gateway with an e-service for each thing that can go wrong.
struct Town {
    scene: Scene,
    gateway: Gateway,
    /// Answers each request with the next of its lies.
    _lying: Stub,
    slow: Stub,
}

impl Town {
    fn open() -> Self {
        let scene = Scene::new();
        let answers = [
            Reply::text("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"n\":\"no\"}"),
            Reply::text("HTTP/1.1 302 Found\r\nlocation: http://10.20.30.40/\r\ncontent-length: 0\r\n\r\n"),
            Reply::text("HTTP/1.1 500 Broken\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\njava.lang"),
            Reply::text("HTTP/1.1 403 No\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\nORA-017"),
            Reply::text("220 legacy ESMTP\r\n\r\n"),
        ];
        let lying = Stub::start(&scene.runtime, move |number| answers[number - 1].clone());
        let slow = Stub::start(&scene.runtime, |_| Reply::json(THING).gated(usize::MAX));
        let impatient = "{ first_byte_timeout: 200ms }";
        let dead = "{ breaker: { failures: 2, open_for: 1h } }";
        let eservices = [
            scene.anagrafe(""),
            things("bugiarda", &lying.url(), "{}", ""),
            things("lenta", &slow.url(), impatient, ""),
            things("paziente", &slow.url(), "{ in_flight: 1 }", "    body_bytes: 1KiB\n"),
            things("spenta", "http://127.0.0.1:1", dead, ""),
            things("contata", &slow.url(), impatient, "    limits: { rate: 1/h }\n"),
            things("stretta", &slow.url(), "{}", "    limits: { concurrency: 1 }\n"),
        ];
        let listener = "listeners:\n  pdnd:\n    address: \"127.0.0.1:0\"\n    limits: { header_bytes: 4KiB, header_count: 20, target_bytes: 1KiB, body_time: 300ms }\n";
        let gateway = Gateway::start(scene.path(), &format!("{}{listener}eservices:\n{}", scene.head(), eservices.concat()));
        Self { scene, gateway, _lying: lying, slow }
    }

    fn ask(&self, path: &str, arguments: &[&str]) -> Answer {
        let url = self.gateway.url("pdnd", path);
        curl(&[&["--path-as-is"], arguments, &[url.as_str()]].concat())
    }
}

#[test]
fn the_whole_table() {
    let town = Town::open();
    let voucher = |client, purpose| format!("authorization: Bearer {}", town.scene.voucher(client, purpose));
    let (good, unwanted) = (voucher("valdombra-sociale", "assistenza"), voucher("valdombra-sociale", "promozioni"));
    let (search, body) = ("/anagrafe/v1/residenze/ricerca", lookup("1", LUCIA).to_string());
    let (long, large) = (format!("/paziente/cosa?x={}", "x".repeat(1100)), format!("x-large: {}", "x".repeat(5000)));
    let many: Vec<String> = (0..20).flat_map(|at| ["-H".to_owned(), format!("x-{at}: 1")]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let big = json!({ "n": 1, "x": "x".repeat(2000) }).to_string();
    let chunked: &[&str] = &["-H", JSON, "-H", "transfer-encoding: chunked", "-d", &big];
    let post = |body: &'static str| ["-H", JSON, "-d", body];
    for (status, kind, path, arguments) in [
        (404, "no-e-service", "/nessuno", &[][..]),
        (404, "no-e-service", "/", &[]),
        (404, "no-e-service", "/pazientex/cosa", &[]),
        (404, "no-operation", "/paziente/altro", &[]),
        (405, "method-not-allowed", "/paziente/cosa", &["-X", "DELETE"]),
        (405, "method-not-allowed", "/paziente/cosa", &["-X", "INVENTATO"]),
        (400, "bad-path", "/anagrafe/v1/cittadini/%zz", &["-H", &good]),
        (400, "bad-path", "/anagrafe/v1/cittadini/%ff%fe", &["-H", &good]),
        (414, "target-too-long", &long, &[]),
        (431, "headers-too-large", "/paziente/cosa", &["-H", &large]),
        (431, "headers-too-large", "/paziente/cosa", &many),
        (401, "voucher-missing", search, &["-H", JSON, "-d", &body]),
        (401, "voucher-wrong-scheme", search, &["-H", "authorization: Basic eDp5", "-H", JSON, "-d", &body]),
        (401, "voucher-malformed", search, &["-H", "authorization: Bearer x", "-H", JSON, "-d", &body]),
        (401, "voucher-duplicate", search, &["-H", &good, "-H", &good, "-H", JSON, "-d", &body]),
        (403, "forbidden-by-policy", search, &["-H", &unwanted, "-H", JSON, "-d", &body]),
        (413, "body-too-large", "/paziente/cosa", &["-H", JSON, "-d", &big]),
        (413, "body-too-large", "/paziente/cosa", chunked),
        (400, "digest-malformed", "/paziente/cosa", &["-H", "digest: SHA-256=AA", "-H", JSON, "-d", THING]),
        (400, "digest-malformed", "/paziente/cosa", &["-H", "digest: MD5=AA==", "-H", JSON, "-d", THING]),
        (400, "digest-malformed", "/paziente/cosa", &["-H", WRONG_DIGEST, "-H", WRONG_DIGEST, "-H", JSON, "-d", THING]),
        (400, "digest-mismatch", "/paziente/cosa", &["-H", WRONG_DIGEST, "-H", JSON, "-d", THING]),
        (415, "unsupported-media-type", "/paziente/cosa", &["-H", "content-type: text/plain", "-d", THING]),
        (400, "contract-violation", "/paziente/cosa", &post("")),
        (400, "contract-violation", "/paziente/cosa", &post("{")),
        (400, "contract-violation", "/paziente/cosa", &post("{\"n\":1,\"n\":2}")),
        (400, "contract-violation", "/paziente/cosa", &post("{\"n\":\"RSSMRA80A01H501U\"}")),
        (502, "bad-upstream-answer", "/bugiarda/cosa", &[]),
        (502, "bad-upstream-answer", "/bugiarda/cosa", &[]),
        (500, "upstream-refused", "/bugiarda/cosa", &[]),
        (403, "upstream-refused", "/bugiarda/cosa", &[]),
        (502, "bad-upstream-answer", "/bugiarda/cosa", &[]),
        (504, "upstream-timeout", "/lenta/cosa", &[]),
        (502, "upstream-unreachable", "/spenta/cosa", &[]),
        (503, "upstream-unavailable", "/spenta/cosa", &[]),
        (504, "upstream-timeout", "/contata/cosa", &[]),
        (429, "rate-limited", "/contata/cosa", &[]),
    ] {
        let answer = town.ask(path, arguments);
        assert_eq!(answer.status, status, "{path} should be {kind}: {answer:?}");
        assert_problem(&answer, status, kind);
        assert!(!String::from_utf8_lossy(&answer.body).contains("RSSMRA80A01H501U"), "no value of the caller's comes back");
        match status {
            401 => assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{answer:?}"),
            405 => assert_eq!(answer.header("allow"), Some("GET, PUT, POST, HEAD, OPTIONS"), "{answer:?}"),
            429 | 503 => {
                assert!(answer.header("retry-after").is_some_and(|value| value.parse::<u64>().is_ok_and(|it| it > 0)), "{answer:?}");
            }
            _ => {}
        }
    }
    crowded(&town);
    let (whole, said) = town.scene.verify();
    assert!(whole, "{said}");
    assert!(!town.gateway.stderr().contains("RSSMRA80A01H501U"), "nor does it stand in the log lines");
}

/// What is refused because others are served.
fn crowded(town: &Town) {
    for (path, kind) in [("/stretta/cosa", "busy"), ("/paziente/cosa", "upstream-busy")] {
        let before = town.slow.requests();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| curl(&["--max-time", "2", &town.gateway.url("pdnd", path)]));
            eventually("the first is under way", || (town.slow.requests() > before).then_some(()));
            let answer = town.ask(path, &[]);
            assert_problem(&answer, 503, kind);
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
            assert_eq!(first.join().expect("it ends").status, 0, "the slow one gave up");
        });
    }
}

#[test]
fn a_soap_caller_is_refused_in_its_own_tongue() {
    let town = Town::open();
    let envelope = |space: &str| format!("<e:Envelope xmlns:e=\"{space}\"><e:Body/></e:Envelope>");
    let (one, two) = (envelope("http://schemas.xmlsoap.org/soap/envelope/"), envelope("http://www.w3.org/2003/05/soap-envelope"));
    let soap11 = ["-H", "content-type: text/xml; charset=utf-8", "-H", "SOAPAction: \"x\"", "-d", &one];
    let soap12 = ["-H", "content-type: application/soap+xml; charset=utf-8", "-d", &two];
    for (path, status, kind, whose) in [
        ("/nessuno", 404, "no-e-service", 0),
        ("/paziente/altro", 404, "no-operation", 0),
        ("/anagrafe/v1/residenze/ricerca", 401, "voucher-missing", 0),
        ("/paziente/cosa", 415, "wrong-dialect", 0),
    ] {
        for (arguments, media, codes) in [
            (&soap11[..], "text/xml; charset=utf-8", ["<faultcode>soap:Client</faultcode>", "<faultcode>soap:Server</faultcode>"]),
            (
                &soap12[..],
                "application/soap+xml; charset=utf-8",
                ["<soap:Value>soap:Sender</soap:Value>", "<soap:Value>soap:Receiver</soap:Value>"],
            ),
        ] {
            let answer = town.ask(path, arguments);
            assert_eq!((answer.status, answer.header("content-type")), (500, Some(media)), "{answer:?}");
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let id = answer.header("varco-exchange").expect("an exchange");
            for wanted in [
                codes[whose],
                &format!("<type>urn:varco:problem:{kind}</type>"),
                &format!("<status>{status}</status>"),
                &format!("<instance>urn:uuid:{id}</instance>"),
            ] {
                assert!(text.contains(wanted), "{wanted} in {text}");
            }
            assert_says_nothing_internal(&answer);
        }
    }
}

#[test]
fn titles_are_italian_for_who_asks_for_italian() {
    let town = Town::open();
    let title = |language: &str| town.ask("/nessuno", &["-H", &format!("accept-language: {language}")]).json()["title"].clone();
    assert_eq!([title("it-IT,it;q=0.9"), title("en")], [json!("e-service inesistente"), json!("no such e-service")]);
}
