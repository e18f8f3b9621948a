//! Where a request leads, and how it is told that it leads nowhere.

use tests::{Answer, Connection, Scene, Site, Witness, curl};

/// The exchange's id must be the same in the problem, the header and the record.
fn instance(answer: &Answer) -> String {
    let id = answer.header("varco-exchange").expect("the exchange's id").to_owned();
    assert_eq!(answer.json()["instance"], format!("urn:uuid:{id}"));
    id
}

#[test]
fn unknown_paths_and_methods_are_told_apart() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("problems: { base: \"https://prova.example/problemi/\" }\n", "", &witness.url(), "");
    for (method, path, status, kind, allow) in [
        ("GET", "/", 404, "no-e-service", None),
        ("GET", "/c/v2/cose", 404, "no-e-service", None),
        ("GET", "/c/v1cose", 404, "no-e-service", None),
        ("GET", "/c/v1/altro", 404, "no-operation", None),
        ("GET", "/c/v1/cose/", 404, "no-operation", None),
        ("GET", "/c/v1/cose/a/b", 404, "no-operation", None),
        ("DELETE", "/c/v1/cose", 405, "method-not-allowed", Some("GET, POST")),
        ("BREW", "/c/v1/cose/a", 405, "method-not-allowed", Some("GET, PUT")),
        ("GET", "/c/v1/cose/%zz", 400, "bad-path", None),
        ("GET", "/c/v1/cose/%ff", 400, "bad-path", None),
        ("GET", "/c/v1/cose/..", 400, "bad-path", None),
        ("GET", "/c/v1/cose/%2e%2e", 400, "bad-path", None),
        ("GET", "/c/v1/cose/UNO", 400, "contract-violation", None),
    ] {
        let answer = curl(&["-X", method, "--path-as-is", &gateway.url("web", path)]);
        assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{method} {path}: {answer:?}");
        assert_eq!(answer.json()["type"], format!("https://prova.example/problemi/{kind}"));
        assert_eq!(answer.json()["status"], status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let mut allowed =
            answer.header("allow").map(|list| list.split(", ").filter(|name| !["HEAD", "OPTIONS"].contains(name)).collect::<Vec<_>>());
        if let Some(list) = &mut allowed {
            list.sort_unstable();
        }
        assert_eq!(allowed.map(|list| list.join(", ")).as_deref(), allow, "{method} {path}");
        let id = instance(&answer);
        let record = site.record(|record| record["id"] == *id);
        assert_eq!((record["err"].as_str(), record["out"].as_str()), (Some(kind), Some("refused")), "{record}");
        assert!(!record.to_string().contains("BREW"), "a word that the caller made up is not written down");
    }
    assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose/a%20b?x=1")]).status, 200);
    let asked = witness.asked();
    assert_eq!(asked.len(), 1, "nothing that leads nowhere reached the upstream");
    assert!(asked[0].head.starts_with("GET /cose/a%20b?x=1 HTTP/1.1"), "{}", asked[0].head);
}

#[test]
fn targets_of_other_forms_lead_nowhere_and_cost_nothing() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "");
    for (line, status) in [
        ("OPTIONS * HTTP/1.1", 404),
        ("CONNECT example.org:443 HTTP/1.1", 404),
        // The absolute form is a target like any other: its path counts (RFC 9112 §3.2.2).
        ("GET http://altrove.example/c/v1/cose HTTP/1.1", 200),
        ("GET /c/v1/cose HTTP/1.0", 200),
    ] {
        let answer = Connection::sending(gateway.address("web"), &format!("{line}\r\nhost: h\r\n\r\n")).answer().expect("an answer");
        assert_eq!(answer.status, status, "{line}: {}", answer.head);
    }
    assert!(
        witness.asked().iter().all(|asked| asked.header("host") == Some(witness.url().trim_start_matches("http://"))),
        "the upstream's own name"
    );
}

#[test]
fn who_reads_italian_is_told_in_italian() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "");
    for (language, title) in [
        ("it", "operazione inesistente"),
        ("it-IT,en;q=0.5", "operazione inesistente"),
        ("IT", "operazione inesistente"),
        ("en, it;q=0.5", "no such operation"),
        ("de", "no such operation"),
        ("ita-lia", "no such operation"),
    ] {
        let answer = curl(&["-H", &format!("accept-language: {language}"), &gateway.url("web", "/c/v1/altro")]);
        assert_eq!((answer.json()["title"].as_str(), answer.problem().as_str()), (Some(title), "no-operation"), "{language}");
    }
}

#[test]
fn a_head_request_gets_the_head_of_the_problem_alone() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "");
    let answer = curl(&["--head", &gateway.url("web", "/c/v1/altro")]);
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/problem+json")), "{answer:?}");
    assert!(answer.header("varco-exchange").is_some());
}

#[test]
fn a_soap_caller_gets_a_fault_of_its_version() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let url = gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca");
    let voucher = format!("authorization: Bearer {}", scene.good_voucher());
    for (headers, media, code, namespace) in [
        (
            &["content-type: text/xml; charset=utf-8", "soapaction: \"\""][..],
            "text/xml; charset=utf-8",
            "<faultcode>soap:Client</faultcode>",
            "http://schemas.xmlsoap.org/soap/envelope/",
        ),
        (
            &["content-type: application/soap+xml; action=\"x\""],
            "application/soap+xml; charset=utf-8",
            "<soap:Value>soap:Sender</soap:Value>",
            "http://www.w3.org/2003/05/soap-envelope",
        ),
    ] {
        // A stranger's refusal and a known caller's have the same form.
        for (more, kind) in [(None, "voucher-missing"), (Some(&voucher), "wrong-dialect")] {
            let mut arguments = vec!["-d", "<e/>", &url];
            for header in headers.iter().copied().chain(more.map(String::as_str)) {
                arguments.extend(["-H", header]);
            }
            let answer = curl(&arguments);
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!((answer.status, answer.header("content-type")), (500, Some(media)), "{answer:?}");
            assert!(body.contains(code) && body.contains(namespace) && body.contains(&format!("problem:{kind}</type>")), "{body}");
            let id = answer.header("varco-exchange").expect("the exchange's id");
            assert!(body.contains(&format!("<instance>urn:uuid:{id}</instance>")), "{body}");
            assert_eq!(scene.records(id)[0]["err"], kind);
        }
    }
    assert_eq!(scene.sandbox.department.accesses().count("CercaResidenza"), 0);
}
