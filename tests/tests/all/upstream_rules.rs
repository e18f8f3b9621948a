//! What protects a department from its callers, and them from it: the cap on requests under way, the breaker, the budget of
//! retries, and which requests may be sent twice. The stub counts what really arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tests::{Answer, Gateway, Reply, Scene, Stub, assert_problem, curl, eventually, things};

const THING: &str = "{\"n\":1}";

struct Town {
    scene: Scene,
    gateway: Gateway,
    stub: Stub,
}

impl Town {
    fn open(upstream: &str, more: &str, answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let scene = Scene::new();
        let stub = Stub::start(&scene.runtime, answer);
        let gateway = scene.gateway_of(2, &[things("cose", &stub.url(), upstream, more)]);
        Self { scene, gateway, stub }
    }

    fn url(&self) -> String {
        self.gateway.url("pdnd", "/cose/cosa")
    }

    fn get(&self) -> Answer {
        curl(&[&self.url()])
    }

    fn send(&self, method: &str) -> Answer {
        curl(&["-X", method, "-H", "content-type: application/json", "-d", THING, &self.url()])
    }
}

#[test]
fn no_more_requests_at_a_time_than_the_department_bears() {
    // The head of each answer comes at once and its end waits: a request is under way until it is answered whole.
    let town = Town::open("{ in_flight: 2 }", "", |_| Reply::json(THING).gated(3));
    let url = town.url();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..2).map(|_| scope.spawn(|| curl(&[&url]))).collect();
        eventually("two requests are under way", || (town.stub.requests() == 2).then_some(()));
        for _ in 0..4 {
            let answer = town.get();
            assert_problem(&answer, 503, "upstream-busy");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
            assert_eq!(town.scene.record_of(&answer)["out"], "failed");
        }
        assert_eq!(town.stub.requests(), 2, "over both workers");
        town.stub.release();
        assert!(waiting.into_iter().all(|one| one.join().expect("it ends").status == 200));
    });
    assert_eq!(town.get().status, 200, "their places are free again");
}

#[test]
fn the_breaker_opens_probes_and_closes() {
    let ill = Arc::new(AtomicBool::new(true));
    let health = ill.clone();
    let town = Town::open("{ attempts: 1, breaker: { failures: 3, open_for: 1500ms, probes: 1 } }", "", move |_| {
        if health.load(Ordering::SeqCst) { Reply::reset() } else { Reply::json(THING).gated(usize::MAX) }
    });
    for _ in 0..3 {
        assert_problem(&town.get(), 502, "bad-upstream-answer");
    }
    let refused = town.get();
    assert_problem(&refused, 503, "upstream-unavailable");
    assert!(matches!(refused.header("retry-after"), Some("1" | "2")), "{refused:?}");
    assert_eq!(town.stub.requests(), 3, "and nobody waits for the dead");

    // A probe that fails opens it anew.
    let probed = eventually("a probe", || Some(town.get()).filter(|answer| answer.status == 502));
    assert_problem(&probed, 502, "bad-upstream-answer");
    assert_problem(&town.get(), 503, "upstream-unavailable");
    assert_eq!(town.stub.requests(), 4);

    // A probe that is answered closes it, and as long as it waits for its answer it is the only one.
    ill.store(false, Ordering::SeqCst);
    let url = town.url();
    let others = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    eventually("an answer", || {
                        let answer = curl(&[&url]);
                        let open = answer.status == 503 && answer.problem() == "upstream-unavailable";
                        if open && town.stub.requests() == 5 {
                            others.fetch_add(1, Ordering::SeqCst);
                        }
                        (!open).then_some(answer.status)
                    })
                })
            })
            .collect();
        eventually("others are refused while the probe waits", || (others.load(Ordering::SeqCst) >= 12).then_some(()));
        assert_eq!(town.stub.requests(), 5, "one probe at a time, over both workers");
        town.stub.release();
        assert!(callers.into_iter().all(|one| one.join().expect("it ends") == 200));
    });
    assert!((0..4).all(|_| town.get().status == 200), "closed on both workers");
}

#[test]
fn retries_are_a_tenth_of_the_requests() {
    let town = Town::open("{ attempts: 2, breaker: { failures: 1000000 } }", "", |_| Reply::reset());
    curl(&[&format!("{}?n=[1-100]", town.url())]);
    // Ten are saved up at the start, ten more are earned by a hundred requests.
    let requests = town.stub.requests();
    assert!((110..=120).contains(&requests), "{requests}");
}

#[test]
fn what_may_have_happened_is_not_done_again() {
    let more = "    operations: { scrivi: { idempotent: true } }\n";
    for (more, method, times) in [("", "GET", 2), ("", "PUT", 2), ("", "POST", 1), (more, "POST", 2)] {
        let more = format!("{more}    body_bytes: 1KiB\n");
        let town = Town::open("{ attempts: 2 }", &more, |_| Reply::reset());
        let answer = if method == "GET" { town.get() } else { town.send(method) };
        assert_problem(&answer, 502, "bad-upstream-answer");
        assert_eq!((method, town.stub.requests()), (method, times), "{more}");
        assert_eq!(town.scene.record_of(&answer)["ad"]["attempts"], times, "{more}");
    }
    for operation in ["leggi: { safe: false, idempotent: false }", "sostituisci: { idempotent: false }"] {
        let town = Town::open("{ attempts: 3 }", &format!("    operations: {{ {operation} }}\n"), |_| Reply::reset());
        let answer = if operation.starts_with("leggi") { town.get() } else { town.send("PUT") };
        assert_problem(&answer, 502, "bad-upstream-answer");
        assert_eq!(town.stub.requests(), 1, "{operation}");
    }
}

/// The head came, and half of the body: something of the answer was used, so that no other may take its place.
#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{THING}");
    let town = Town::open("{ attempts: 2 }", "", move |_| Reply { then: tests::Then::Reset, ..Reply::text(&whole) });
    let answer = town.get();
    assert_problem(&answer, 502, "bad-upstream-answer");
    assert_eq!(town.stub.requests(), 1);
}
