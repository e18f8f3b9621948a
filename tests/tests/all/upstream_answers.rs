//! Answers that are HTTP, nearly: cut, contradicting themselves, beyond measure, or with more behind them than was asked for.

use tests::{Gateway, Reply, Scene, Stub, Then, assert_problem, curl, things};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const THING: &str = "{\"n\":1}";

fn town(answers: Vec<Reply>) -> (Scene, Gateway, Stub) {
    let scene = Scene::new();
    let stub = Stub::start(&scene.runtime, move |number| answers[(number - 1) % answers.len()].clone());
    let upstream = "{ attempts: 1, answer_bytes: 64KiB, breaker: { failures: 1000 } }";
    let gateway = scene.gateway_of(1, &[things("cose", &stub.url(), upstream, "")]);
    (scene, gateway, stub)
}

#[test]
fn what_cannot_be_trusted_whole_is_not_passed_on_in_part() {
    let many: String = (0..200).map(|at| format!("x-{at}: 1\r\n")).collect();
    let deep = format!("{{\"n\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let sized = |body: &str| format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len());
    let bad = (502, "bad-upstream-answer");
    let cases = [
        (format!("{HEAD}content-length: 100\r\n\r\n{THING}"), bad),
        (format!("{HEAD}content-length: 7\r\ncontent-length: 8\r\n\r\n{THING} "), bad),
        (format!("{HEAD}content-length: sette\r\n\r\n{THING}"), bad),
        (format!("{HEAD}content-length: -1\r\n\r\n{THING}"), bad),
        (format!("{HEAD}transfer-encoding: chunked\r\n\r\n7\r\n{THING}\r\n"), bad),
        (format!("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n{THING}\r\n0\r\n\r\n"), bad),
        (format!("{HEAD}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{THING}\r\n0\r\n\r\n"), bad),
        (format!("{HEAD}{many}content-length: 7\r\n\r\n{THING}"), bad),
        (format!("{HEAD}x-large: {}\r\ncontent-length: 7\r\n\r\n{THING}", "x".repeat(1 << 20)), bad),
        (format!("{HEAD}bad header: 1\r\ncontent-length: 7\r\n\r\n{THING}"), bad),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n".into(), bad),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), bad),
        ("HTTP/1.1 304 Not Modified\r\n\r\n".into(), bad),
        ("HTTP/1.1 999 Oltre\r\ncontent-length: 0\r\n\r\n".into(), bad),
        ("HTTP/1.1 99 Sotto\r\ncontent-length: 0\r\n\r\n".into(), bad),
        (sized(""), bad),
        (sized("{\"n\":1"), bad),
        (sized("{\"n\":1,\"n\":2}"), bad),
        (sized("{\"n\":1}{\"n\":2}"), bad),
        (sized("{\"n\":1.5}"), bad),
        (sized(&deep), bad),
        (sized(&format!("{{\"n\":1{}}}", " ".repeat(70_000))), bad),
        (sized(THING).replace("application/json", "text/html"), bad),
    ];
    let answers = cases.iter().map(|(text, _)| Reply::text(text).then(Then::Close)).collect();
    let (scene, gateway, stub) = town(answers);
    for (at, (text, (status, kind))) in cases.iter().enumerate() {
        let answer = curl(&[&gateway.url("pdnd", "/cose/cosa")]);
        let shown = &text[..text.len().min(200)];
        assert_eq!(answer.status, *status, "{shown}: {answer:?}");
        assert_problem(&answer, *status, kind);
        assert_eq!(scene.record_of(&answer)["out"], "failed", "{shown}");
        assert_eq!(stub.requests(), at + 1, "{shown}");
    }
}

/// An upstream (or whoever sits before it) that sends two answers for one question: the second is nobody's.
#[test]
fn no_caller_gets_an_answer_that_was_not_asked_for() {
    let answer = |body: &str| format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len());
    let (_scene, gateway, stub) = town(vec![Reply::text(&format!("{}{}", answer(THING), answer("{\"n\":666}")))]);
    for _ in 0..20 {
        let answer = curl(&[&gateway.url("pdnd", "/cose/cosa")]);
        assert_eq!((answer.status, answer.json()["n"].clone()), (200, 1.into()), "{answer:?}");
    }
    assert_eq!((stub.requests(), stub.connections()), (20, 20), "a connection with something left in it is not used again");
}

#[test]
fn early_hints_are_no_answer() {
    let (_scene, gateway, _stub) =
        town(vec![Reply::text(&format!("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n{HEAD}content-length: 7\r\n\r\n{THING}"))]);
    let answer = curl(&[&gateway.url("pdnd", "/cose/cosa")]);
    assert_eq!((answer.status, answer.body.as_slice()), (200, THING.as_bytes()), "{answer:?}");
}
