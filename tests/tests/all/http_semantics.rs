//! HTTP as a gateway keeps to it: whose address is whose, what of an answer can be had, who may ask from where, and how bodies are
//! coded. One rule of the README a test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::json;
use tests::{Answer, Connection, Gateway, Rest, Site, Witness, assert_problem, curl};

use crate::authority::Authority;

/// `cose` before this department: `adapter` are further keys of the HTTP adapter, `more` further lines of the e-service.
fn before(upstream: &Rest, site: &Site, path: &str, adapter: &str, more: &str) -> Gateway {
    let yaml = Site::configuration("", "", &format!("http://{}{path}", upstream.address), more);
    Gateway::start(site.path(), &yaml.replace("\" } }\n", &format!("\"{adapter} }} }}\n")))
}

fn setup(path: &str, adapter: &str, more: &str) -> (Gateway, Rest, Site) {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let gateway = before(&upstream, &site, path, adapter, more);
    (gateway, upstream, site)
}

fn ask(gateway: &Gateway, path: &str, arguments: &[&str]) -> Answer {
    curl(&[arguments, &[&gateway.url("web", &format!("/c/v1{path}"))]].concat())
}

fn asked(upstream: &Rest) -> tests::Asked {
    upstream.asked().pop().expect("it was asked")
}

#[test]
fn paths_and_hosts_are_the_upstreams_unless_said_otherwise() {
    for (path, adapter, target, host) in [
        ("/api", "", "GET /api/cose?a=1", None),
        ("", ", base_path: kept", "GET /c/v1/cose?a=1", None),
        ("/api", ", base_path: kept, host: interno.example", "GET /api/c/v1/cose?a=1", Some("interno.example")),
        ("/", ", host: caller", "GET /cose?a=1", Some("io.ente.example")),
    ] {
        let (gateway, upstream, _site) = setup(path, adapter, "");
        assert_eq!(ask(&gateway, "/cose?a=1", &["-H", "Host: io.ente.example"]).status, 200);
        let asked = asked(&upstream);
        let url = upstream.address.to_string();
        assert_eq!((asked.target.as_str(), asked.headers["host"].as_str()), (target, host.unwrap_or(&url)), "{adapter}");
    }
}

#[test]
fn addresses_in_answers_are_the_gateways() {
    let (gateway, upstream, _site) = setup("/api", "", "");
    let own = format!("http://{}", upstream.address);
    for (told, expected) in [
        (format!("Location: {own}/api/cose/7?a=1"), Some("/c/v1/cose/7?a=1")),
        ("Location: /api/cose/7".into(), Some("/c/v1/cose/7")),
        (format!("Location: {own}/amministrazione"), None),
        ("Location: https://altri.example/cose/7".into(), Some("https://altri.example/cose/7")),
        ("Content-Location: /api/cose/7".into(), Some("/c/v1/cose/7")),
    ] {
        let (name, _) = told.split_once(':').expect("a header");
        upstream.answer(200, &format!("{told}\r\nSet-Cookie: sessione=1; Path=/api\r\n"), "{}");
        let answer = ask(&gateway, "/cose", &["-H", "Cookie: sessione=1"]);
        assert_eq!((answer.status, answer.header(&name.to_ascii_lowercase())), (200, expected), "{told}");
        // A caller with a voucher or a key has no session: cookies pass neither way.
        assert_eq!((answer.header("set-cookie"), asked(&upstream).headers.get("cookie")), (None, None));
    }
}

#[test]
fn cookies_pass_where_the_upstream_authenticates() {
    let more = "    security: [upstream]\n    acknowledge: [upstream]\n";
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let yaml = Site::configuration("", "", &format!("http://{}/api", upstream.address), "")
        .replace("    security: [open]\n    acknowledge: [open]\n", more);
    let gateway = Gateway::start(site.path(), &yaml);
    upstream.answer(200, "Set-Cookie: sessione=1; Domain=interno.example; Path=/api/cose; HttpOnly\r\n", "{}");
    let answer = ask(&gateway, "/cose", &["-H", "Cookie: sessione=1"]);
    assert_eq!(answer.header("set-cookie"), Some("sessione=1; HttpOnly; Path=/c/v1/cose"));
    assert_eq!(asked(&upstream).headers["cookie"], "sessione=1");
}

#[test]
fn head_is_get_without_the_body() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    Authority::new(site.path(), "ca").sign(site.path(), "server", &["localhost"]);
    let gateway = site.gateway("", ", tls: [{ certificate: server.pem, key: server.key }]", &format!("http://{}", upstream.address), "");
    let ca = site.path().join("ca.pem").display().to_string();
    let ask = |path: &str, version: &str| curl(&["-I", version, "--cacert", &ca, &gateway.tls_url("web", &format!("/c/v1{path}"))]);
    upstream.answer(200, "ETag: \"7\"\r\n", r#"{"nome":"tavolo"}"#);
    // Nobody reads the first answer, so only its head is asked for; and somebody the second.
    for (path, method) in [("/cose", "HEAD /cose"), ("/promesse", "GET /promesse")] {
        for version in ["--http1.1", "--http2"] {
            let answer = ask(path, version);
            assert_eq!((answer.status, answer.header("content-length")), (200, Some("17")), "{path} {answer:?}");
            assert_eq!((answer.code, asked(&upstream).target.as_str(), answer.header("etag")), (0, method, Some("\"7\"")), "{answer:?}");
            let id = answer.header("varco-exchange").expect("an exchange").to_owned();
            let record = site.record(|record| record["id"] == id.as_str());
            assert_eq!((&record["res"]["status"], &record["out"]), (&json!(200), &json!("success")), "{record}");
        }
    }
    upstream.answer(200, "", r#"{"nome":7}"#);
    let broken = ask("/promesse", "--http1.1");
    assert_eq!((broken.status, broken.code), (502, 0), "what GET would be refused for, HEAD is too: {broken:?}");
    // An auditor sees that nothing but the head left.
    let id = ask("/promesse", "--http1.1").header("varco-exchange").expect("an exchange").to_owned();
    let record = site.record(|record| record["id"] == id.as_str());
    assert_eq!((&record["op"]["method"], &record["res"]["len"]), (&json!("HEAD"), &json!(0)), "{record}");
    let ranged = curl(&["-I", "-H", "Range: bytes=0-3", "--cacert", &ca, &gateway.tls_url("web", "/c/v1/promesse")]);
    assert!(!asked(&upstream).headers.contains_key("range"), "of HEAD a part means nothing: {ranged:?}");
    let nothing = ask("/registra", "--http1.1");
    assert_eq!((nothing.status, nothing.header("allow")), (405, Some("POST, OPTIONS")), "{nothing:?}");
}

#[test]
fn options_tells_methods_and_asks_nobody() {
    let (gateway, upstream, _site) = setup("", "", "");
    for (path, allow) in [("/cose", "GET, POST, HEAD, OPTIONS"), ("/cose/a", "GET, PUT, HEAD, OPTIONS"), ("/registra", "POST, OPTIONS")] {
        let answer = ask(&gateway, path, &["-X", "OPTIONS", "-H", "Origin: https://a.example", "-H", "Access-Control-Request-Method: GET"]);
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
        assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "no page of others may call");
    }
    assert_problem(&ask(&gateway, "/nulla", &["-X", "OPTIONS"]), 404, "no-operation");
    assert_eq!(upstream.asked().len(), 0);
}

/// Without `cors` pages of others cannot read answers, whatever an upstream says to their browsers.
#[test]
fn an_upstream_does_not_speak_to_browsers() {
    let (gateway, upstream, site) = setup("", "", "");
    upstream.answer(
        200,
        "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nAlt-Svc: h2=\"10.0.0.6:443\"\r\n",
        "{}",
    );
    let answer = ask(&gateway, "/cose", &["-H", "Origin: https://altri.example"]);
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-") && name != "alt-svc"), "{answer:?}");
    let good = Site::configuration("", "", "http://127.0.0.1:1", "    cors: { origins: [\"https://a.example\"] }\n");
    site.assert_faults(
        &good,
        &[
            ("[\"https://a.example\"]", "[], credentials: true", "no origin is listed"),
            ("[\"https://a.example\"]", "[\"*\"], credentials: true", "`*` stands alone, and without `credentials`"),
            ("https://a.example", "https://a.example:443", "is no origin"),
            ("https://a.example", "https://a.example/", "is no origin"),
        ],
    );
}

#[test]
fn pages_of_listed_origins_may_call() {
    let more = "    cors: { origins: [\"https://sportello.ente.example\"], max_age: 5m }\n    limits: { rate: 5/h }\n";
    let (gateway, upstream, _site) = setup("", "", more);
    upstream.answer(200, "Access-Control-Allow-Origin: *\r\n", "{}");
    let page = "Origin: https://sportello.ente.example";
    let preflight = |origin: &str| {
        let method = "Access-Control-Request-Method: POST";
        ask(&gateway, "/cose", &["-X", "OPTIONS", "-H", origin, "-H", method, "-H", "Access-Control-Request-Headers: content-type"])
    };
    let allowed = preflight(page);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://sportello.ente.example"), "{allowed:?}");
    assert_eq!((allowed.status, allowed.header("access-control-max-age")), (204, Some("300")));
    assert!(allowed.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")), "{allowed:?}");
    assert!(allowed.header("access-control-allow-headers").is_some_and(|headers| headers.contains("content-type")), "{allowed:?}");
    let refused = preflight("Origin: https://altri.example");
    assert_eq!((refused.status, refused.header("access-control-allow-methods")), (204, None), "{refused:?}");

    let answers: Vec<Answer> = (0..8).map(|_| ask(&gateway, "/cose", &["-H", page])).collect();
    assert!(answers.iter().any(|answer| answer.status == 429), "refusals can be read by the page as well: {answers:?}");
    for answer in &answers {
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://sportello.ente.example"), "{answer:?}");
        assert!(answer.header("access-control-expose-headers").is_some_and(|names| names.contains("varco-exchange")));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    for (path, method, status) in [("/nulla", "GET", 404), ("/cose", "DELETE", 405)] {
        let refused = ask(&gateway, path, &["-X", method, "-H", page]);
        let read = refused.header("access-control-allow-origin");
        assert_eq!((refused.status, read), (status, Some("https://sportello.ente.example")), "{refused:?}");
    }
    let other = ask(&gateway, "/cose", &["-H", "Origin: https://altri.example"]);
    assert_eq!(other.header("access-control-allow-origin"), None, "{other:?}");
    assert!(!asked(&upstream).headers.contains_key("origin"));
}

#[test]
fn a_connection_stays_with_http() {
    let (gateway, upstream, _site) = setup("", "", "");
    let upgrade = |protocol: &str| {
        ask(
            &gateway,
            "/cose",
            &["--http1.1", "-H", "Connection: Upgrade", "-H", &format!("Upgrade: {protocol}"), "-H", "Sec-WebSocket-Version: 13"],
        )
    };
    assert_problem(&upgrade("websocket"), 501, "upgrade-refused");
    assert_problem(&upgrade("h2c, websocket"), 501, "upgrade-refused");
    assert_problem(&upgrade("h2c\r\nUpgrade: websocket"), 501, "upgrade-refused");
    for (header, status, kind) in [
        ("Transfer-Encoding: gzip, chunked", 501, "transfer-coding-refused"),
        ("Host: a\r\nHost: b", 400, "bad-host"),
        ("Host:", 400, "bad-host"),
    ] {
        let refused = ask(&gateway, "/flussi", &["--http1.1", "-H", header, "-d", "x"]);
        assert_problem(&refused, status, kind);
    }
    assert_eq!(upstream.asked().len(), 0);
    // Who offers h2 in the clear can do without it.
    assert_eq!(upgrade("TLS/1.2").status, 200, "nor does Apache's client insist");
    let offered = upgrade("h2c");
    assert_eq!((offered.status, offered.version.as_str()), (200, "1.1"), "{offered:?}");
    assert!(!asked(&upstream).headers.contains_key("upgrade"));
    assert_eq!(ask(&gateway, "/cose", &["--http2"]).status, 200);
}

#[test]
fn a_part_is_had_only_of_what_nobody_reads() {
    let (gateway, upstream, _site) = setup("", "", "    answers: enforce\n");
    upstream.answer(206, "Content-Range: bytes 0-3/10\r\n", "abcd");
    let part = ask(&gateway, "/cose", &["-H", "Range: bytes=0-3", "-H", "If-Range: \"7\""]);
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 0-3/10")), "{part:?}");
    assert_eq!(asked(&upstream).headers["range"], "bytes=0-3");
    let before = upstream.asked().len();
    let refused = ask(&gateway, "/promesse", &["-H", "Range: bytes=0-3"]);
    assert_problem(&refused, 416, "range-refused");
    assert_eq!((refused.header("accept-ranges"), upstream.asked().len()), (Some("none"), before));
    let unasked = ask(&gateway, "/promesse", &[]);
    assert_eq!(unasked.status, 502, "a part that nobody asked for is no answer: {unasked:?}");
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let more = "    operations: { promessa: { safe: true, cache: { ttl: 10m } } }\n";
    let (gateway, upstream, _site) = setup("", "", more);
    // Nobody reads it: the upstream decides.
    upstream.answer(304, "ETag: \"7\"\r\n", "");
    let passed = ask(&gateway, "/cose", &["-H", "If-None-Match: \"7\""]);
    assert_eq!((passed.status, passed.header("etag"), passed.body.len()), (304, Some("\"7\""), 0), "{passed:?}");
    assert_eq!(asked(&upstream).headers["if-none-match"], "\"7\"");
    // It is read here: the upstream is asked for all of it, once, and we decide.
    upstream.answer(200, "ETag: \"8\"\r\n", r#"{"nome":"tavolo"}"#);
    let whole = ask(&gateway, "/promesse", &["-H", "If-None-Match: \"7\""]);
    assert_eq!((whole.status, whole.header("etag")), (200, Some("\"8\"")), "{whole:?}");
    assert!(!asked(&upstream).headers.contains_key("if-none-match"));
    let before = upstream.asked().len();
    let known = ask(&gateway, "/promesse", &["-H", "If-None-Match: W/\"8\", \"9\""]);
    assert_eq!((known.status, known.header("etag"), known.body.len()), (304, Some("\"8\""), 0), "{known:?}");
    assert_eq!(upstream.asked().len(), before, "the question is the same, whatever the caller has already");
    let modified = ask(&gateway, "/promesse", &["-H", "If-Modified-Since: Sun, 22 Nov 2026 00:00:00 GMT"]);
    assert_eq!(modified.status, 200, "{modified:?}");
}

fn coded(program: &str, bytes: &[u8]) -> Vec<u8> {
    let script = format!("import sys, gzip, zlib; sys.stdout.buffer.write({program}(sys.stdin.buffer.read()))");
    let mut child =
        Command::new("python3").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is installed");
    child.stdin.take().expect("it is piped").write_all(bytes).expect("it reads");
    child.wait_with_output().expect("it ends").stdout
}

#[test]
fn a_coded_request_that_is_read_is_read_as_it_was() {
    let (gateway, upstream, site) = setup("", "", "");
    let send = |path: &str, body: &[u8], coding: &str, more: &[&str]| {
        let file = site.path().join("body");
        std::fs::write(&file, body).expect("a folder can be written to");
        let (data, coding) = (format!("@{}", file.display()), format!("Content-Encoding: {coding}"));
        ask(&gateway, path, &[&["-H", "content-type: application/json", "-H", &coding, "--data-binary", &data], more].concat())
    };
    let text = br#"{"nome":"tavolo"}"#;
    for (program, coding) in [("gzip.compress", "gzip"), ("zlib.compress", "deflate")] {
        let answer = send("/cose", &coded(program, text), coding, &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let asked = asked(&upstream);
        assert_eq!((asked.body.as_slice(), asked.headers.get("content-encoding")), (&text[..], None));
    }
    let broken = send("/cose", &coded("gzip.compress", br#"{"nome":7}"#), "gzip", &[]);
    assert_problem(&broken, 400, "contract-violation");
    // The digest is of what was sent.
    let zipped = coded("gzip.compress", text);
    let digest = |bytes: &[u8]| {
        let script = "import sys, hashlib, base64; print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        child.stdin.take().expect("it is piped").write_all(bytes).expect("it reads");
        format!("Digest: SHA-256={}", String::from_utf8(child.wait_with_output().expect("it ends").stdout).expect("text").trim())
    };
    assert_eq!(send("/cose", &zipped, "gzip", &["-H", &digest(&zipped)]).status, 200);
    assert!(!asked(&upstream).headers.contains_key("digest"), "it is not of what goes on");
    assert_problem(&send("/cose", &zipped, "gzip", &["-H", &digest(text)]), 400, "digest-mismatch");

    let before = upstream.asked().len();
    let refused = send("/cose", &zipped, "br", &[]);
    assert_problem(&refused, 415, "coding-refused");
    assert_eq!(refused.header("accept-encoding"), Some("gzip, deflate"));
    assert_problem(&send("/cose", text, "gzip", &[]), 400, "coding-malformed");
    let bomb = [&br#"{"nome":""#[..], &vec![b'a'; 5 << 20], br#""}"#].concat();
    assert_problem(&send("/cose", &coded("gzip.compress", &bomb), "gzip", &[]), 413, "body-too-large");
    assert_eq!(upstream.asked().len(), before);
    // What nobody reads passes as it came.
    assert_eq!(send("/registra", &zipped, "br", &[]).status, 200);
    let asked = asked(&upstream);
    assert_eq!((asked.body, asked.headers["content-encoding"].as_str()), (zipped, "br"));
}

#[test]
fn a_coded_answer_that_is_read_is_read_as_it_was() {
    let (gateway, upstream, _site) = setup("", "", "");
    let text = br#"{"nome":"tavolo"}"#;
    let zipped = coded("gzip.compress", text);
    upstream.answer(200, "Content-Encoding: gzip\r\nETag: \"z\"\r\n", &zipped);
    // It was asked not to be.
    let read = ask(&gateway, "/promesse", &["-H", "Accept-Encoding: gzip"]);
    assert_eq!((read.status, read.body.as_slice(), read.header("content-encoding")), (200, &text[..], None), "{read:?}");
    assert_eq!((asked(&upstream).headers.get("accept-encoding"), read.header("etag")), (None, None));
    // Nobody reads it: caller and upstream agree among themselves.
    let passed = ask(&gateway, "/cose", &["-H", "Accept-Encoding: gzip"]);
    assert_eq!((passed.status, &passed.body, passed.header("content-encoding")), (200, &zipped, Some("gzip")), "{passed:?}");
    assert_eq!(asked(&upstream).headers["accept-encoding"], "gzip");
    for (coding, body) in [
        ("br", zipped.clone()),
        ("gzip", text.to_vec()),
        ("gzip", coded("gzip.compress", &[&br#"{"nome":""#[..], &vec![b'a'; 5 << 20], br#""}"#].concat())),
    ] {
        upstream.answer(200, &format!("Content-Encoding: {coding}\r\n"), &body);
        assert_problem(&ask(&gateway, "/promesse", &[]), 502, "bad-upstream-answer");
    }
}

/// Trailers end here, both ways: nobody checks, signs or records them.
#[test]
fn trailers_go_no_further() {
    let (gateway, upstream, _site) = setup("", "", "");
    let mut caller = TcpStream::connect(gateway.address("web")).expect("a connection");
    let request = "POST /c/v1/cose HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x-coda\r\n\
                   connection: close\r\n\r\n11\r\n{\"nome\":\"tavolo\"}\r\n0\r\nx-coda: 1\r\n\r\n";
    caller.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    caller.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let asked = asked(&upstream);
    assert_eq!(asked.body, br#"{"nome":"tavolo"}"#);
    assert!(!asked.headers.contains_key("trailer") && !asked.headers.contains_key("x-coda"), "{asked:?}");
}

/// An upstream's likewise: whether its answer streams or is held.
#[test]
fn an_upstreams_trailers_go_no_further() {
    let site = Site::new();
    let chunks = "f\r\n{\"nome\":\"cosa\"}\r\n0\r\nx-coda: 1\r\n\r\n";
    let witness = Witness::answering(&format!(
        "content-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x-coda\r\nx-testa: 1\r\n\r\n{chunks}"
    ));
    let gateway = site.gateway("", "", &witness.url(), "");
    for path in ["flussi", "promesse"] {
        let request = format!("GET /c/v1/{path} HTTP/1.1\r\nhost: h\r\nte: trailers\r\nconnection: close\r\n\r\n");
        let answer = Connection::sending(gateway.address("web"), &request).rest();
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200") && answer.contains("x-testa: 1") && answer.contains(r#"{"nome":"cosa"}"#), "{answer}");
        assert!(!answer.contains("trailer") && !answer.contains("x-coda"), "{path}: {answer}");
    }
    assert!(witness.asked().iter().all(|asked| asked.header("te").is_none()), "nobody waits for them");
}

/// `X_Ente` is `X-Ente` to servers in the manner of CGI: of such names only those that the document lists are let in.
#[test]
fn underscores_in_names_are_let_in_where_the_document_lists_them() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let document = std::fs::read_to_string(site.path().join("cose.yaml")).expect("the contract");
    let listing = |name: &str| {
        let parameter =
            format!("operationId: scarica, parameters: [{{ name: {name}, in: header, required: true, schema: {{ type: integer }} }}],");
        std::fs::write(site.path().join("cose.yaml"), document.replace("operationId: scarica,", &parameter)).expect("it can be written");
    };
    listing("X_Pratica");
    let identity = |yaml: String| yaml.replace("\" } }\n", "\", identity: { tenant: X-Ente } } }\n");
    let yaml = identity(Site::configuration("", "", &format!("http://{}", upstream.address), ""));
    let gateway = Gateway::start(site.path(), &yaml);
    let sent = ["-H", "X_Pratica: 7", "-H", "X_Ente: forged", "-H", "X_Altro: 1", "-H", "X.Ente: forged", "-H", "X~Ente: forged"];
    assert_eq!(ask(&gateway, "/flussi", &sent).status, 200);
    let found = asked(&upstream).headers;
    let underscored: Vec<&str> = found.keys().map(String::as_str).filter(|name| name.contains(['_', '.', '~'])).collect();
    assert_eq!((underscored, found["x_pratica"].as_str(), found["x-ente"].as_str()), (vec!["x_pratica"], "7", "prova"));
    assert_problem(&ask(&gateway, "/flussi", &["-H", "X_Pratica: sette"]), 400, "contract-violation");

    for (name, read_as) in [
        ("X_Ente", "x-ente"),
        ("X_Api_Key", "x-api-key"),
        ("X_Forwarded_For", "x-forwarded-for"),
        ("Client_Cert", "client-cert"),
        ("X_Canale", "x-canale"),
        ("X.Caso", "x-caso"),
    ] {
        listing(name);
        let proxied = ", trusted_proxies: { addresses: [127.0.0.1], certificate: Client-Cert }";
        let told = "    channel: \"header:X-Canale\"\n    case: \"header:X-Caso\"\n";
        let said = site.check(&identity(Site::configuration("", proxied, "http://127.0.0.1:1", told)));
        assert!(said.contains(&format!("is read as `{read_as}` by many servers")) && said.contains("cannot be used"), "{said}");
    }
}

/// Who waits to be told whether to send its body is told, or refused without having sent it.
#[test]
fn a_caller_that_asks_first_is_answered_first() {
    let (gateway, upstream, _site) = setup("", "", "    body_bytes: 100B\n");
    let ask_first = |path: &str, length: usize| {
        let mut caller = TcpStream::connect(gateway.address("web")).expect("a connection");
        let head = format!(
            "POST /c/v1{path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
        );
        caller.write_all(head.as_bytes()).expect("it is sent");
        let mut told = [0; 12];
        caller.read_exact(&mut told).expect("an answer");
        (String::from_utf8_lossy(&told).into_owned(), caller)
    };
    assert_eq!(ask_first("/nulla", 17).0, "HTTP/1.1 404");
    assert_eq!(ask_first("/cose", 101).0, "HTTP/1.1 413");
    for path in ["/cose", "/registra"] {
        let (told, mut caller) = ask_first(path, 17);
        assert_eq!(told, "HTTP/1.1 100", "{path}");
        caller.write_all(br#"{"nome":"tavolo"}"#).expect("it is sent");
        let mut answer = String::new();
        caller.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains("HTTP/1.1 200"), "{path}: {answer}");
        assert!(!asked(&upstream).headers.contains_key("expect"), "{path}");
    }
}
