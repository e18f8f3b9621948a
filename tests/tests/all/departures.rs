//! A caller who goes away loses no record: before, during and after the call to the department, by closing and by half-closing.
//! The department's own count says whether it was asked.

use serde_json::Value;
use tests::{Gateway, Reply, Scene, Stub, Wire, eventually, hashed, things};

/// How a caller leaves: what of its connection it keeps.
type Leave = fn(Wire) -> Option<Wire>;

const WAYS: [(&str, Leave); 2] = [
    ("close", |wire| {
        drop(wire);
        None
    }),
    ("half-close", |wire| {
        wire.half_close();
        Some(wire)
    }),
];

const READ: &[u8] = b"GET /cose/cosa HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A department whose answers wait, and a gateway before it that passes them on as they come (`answers: off`) or holds them.
struct Town {
    scene: Scene,
    stub: Stub,
    gateway: Gateway,
}

impl Town {
    fn new(answers: &str, reply: Reply) -> Self {
        let scene = Scene::new();
        let stub = Stub::start(&scene.runtime, move |_| reply.clone());
        let gateway = scene.gateway_of(1, &[things("cose", &stub.url(), "{}", &format!("    answers: {answers}\n"))]);
        Self { scene, stub, gateway }
    }

    fn wire(&self) -> Wire {
        Wire::connect(self.gateway.address("pdnd")).expect("it listens")
    }

    /// Waits until the gateway has seen that its caller left.
    fn noticed(&self) {
        noticed(&self.gateway);
    }

    /// The records of exchanges once the gateway has ended, which waits for all of them.
    fn records(mut self) -> (Vec<Value>, usize) {
        assert!(self.gateway.stop().success());
        let (whole, said) = self.scene.verify();
        assert!(whole && !said.contains("under way"), "{said}");
        let records = self.scene.log();
        (
            records.into_iter().filter(|record| record["ev"].as_str().unwrap_or_default().starts_with("exchange")).collect(),
            self.stub.requests(),
        )
    }
}

fn noticed(gateway: &Gateway) {
    gateway.assert_logs("caller-left");
}

/// Event, outcome, attempts, and how a stream ended.
fn told(records: &[Value]) -> Vec<(&str, &str, u64, &str)> {
    records
        .iter()
        .map(|record| {
            let at = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
            (at("/ev"), at("/out"), record.pointer("/ad/attempts").and_then(Value::as_u64).unwrap_or(0), at("/res/end"))
        })
        .collect()
}

#[test]
fn who_leaves_while_sending_the_body_is_recorded_and_nobody_is_asked() {
    for (way, leave) in WAYS {
        let town = Town::new("enforce", Reply::json("{\"n\":1}"));
        let mut wire = town.wire();
        assert!(
            wire.send(b"POST /cose/cosa HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{\"n\"")
        );
        let held = leave(wire);
        eventually("it is recorded", || town.scene.log().iter().any(|record| record["ev"] == "exchange").then_some(()));
        let (records, asked) = town.records();
        drop(held);
        assert_eq!((told(&records), asked), (vec![("exchange", "abandoned", 0, "-")], 0), "{way}: {records:?}");
    }
}

#[test]
fn who_leaves_while_the_keys_are_fetched_is_recorded_and_nobody_is_asked() {
    for (way, leave) in WAYS {
        let scene = Scene::new();
        let keys = Reply::json(&scene.sandbox.pdnd.jwks().to_string()).gated(10);
        let issuer = Stub::start(&scene.runtime, move |_| keys.clone());
        let yaml = scene.configuration("").replace(&scene.sandbox.pdnd.jwks_url(), &issuer.url());
        let mut gateway = Gateway::start(scene.path(), &yaml);
        let mut wire = Wire::connect(gateway.address("pdnd")).expect("it listens");
        assert!(wire.send(&scene.good_lookup()));
        let held = leave(wire);
        noticed(&gateway);
        issuer.release();
        let record = eventually("the exchange is recorded", || scene.log().into_iter().find(|record| record["ev"] == "exchange"));
        drop(held);
        assert!(gateway.stop().success());
        assert_eq!(record["out"], "abandoned", "{way}: {record}");
        assert_eq!(record["err"], "abandoned", "{way}: the voucher was good, and nothing else was wrong: {record}");
        assert_eq!(scene.sandbox.department.accesses().total(), 0, "{way}");
    }
}

#[test]
fn who_leaves_while_the_department_works_is_recorded_with_what_it_did() {
    let good = Reply::json("{\"n\":1}").gated(60);
    let broken = Reply::text("220 ready\r\n").gated(11);
    for (way, leave) in WAYS {
        for (answers, reply, expected) in [
            ("enforce", &good, vec![("exchange", "success", 1, "-")]),
            ("enforce", &broken, vec![("exchange", "failed", 1, "-")]),
            // It would have passed through: the record says that nothing of it arrived.
            ("off", &good, vec![("exchange", "success", 1, "-"), ("exchange.closed", "-", 0, "cut")]),
        ] {
            let town = Town::new(answers, reply.clone());
            let mut wire = town.wire();
            assert!(wire.send(READ));
            eventually("the department is asked", || (town.stub.requests() == 1).then_some(()));
            let held = leave(wire);
            town.noticed();
            town.stub.release();
            let (records, asked) = town.records();
            drop(held);
            assert_eq!((told(&records), asked), (expected, 1), "{way}, {answers}: {records:?}");
        }
    }
}

#[test]
fn who_leaves_while_the_answer_passes_through_is_recorded_with_how_far_it_came() {
    for (way, leave) in WAYS {
        let town = Town::new("off", Reply::json("{\"n\":1234567890}").gated(10));
        let mut wire = town.wire();
        assert!(wire.send(READ));
        let head = wire.head().expect("the answer begins");
        assert_eq!(head.status, 200, "{way}");
        let held = leave(wire);
        town.noticed();
        town.stub.release();
        let (records, asked) = town.records();
        drop(held);
        let expected = vec![("exchange", "success", 1, "-"), ("exchange.closed", "-", 0, "cut")];
        assert_eq!((told(&records), asked), (expected, 1), "{way}: {records:?}");
        assert_eq!(records[1]["id"], head.header("varco-exchange").expect("its exchange"), "{way}");
        assert_eq!(records[1]["res"]["len"], 6, "{way}: what the department had sent by then");
    }
}

#[test]
fn who_stays_is_recorded_with_all_of_it() {
    // Longer than what is looked for beside an answer's head, so it certainly passes through.
    let name = "n".repeat(100_000);
    let body = format!("{{\"n\":\"{name}\"}}");
    let town = Town::new("off", Reply::json(&body));
    let mut wire = town.wire();
    assert!(wire.send(READ));
    assert_eq!(wire.answer().expect("an answer").json()["n"], *name);
    let (records, _) = town.records();
    assert_eq!(told(&records), [("exchange", "success", 1, "-"), ("exchange.closed", "-", 0, "complete")], "{records:?}");
    assert_eq!((&records[1]["res"]["len"], &records[1]["res"]["digest"]), (&100_008.into(), &hashed(&body).into()));
}

#[test]
fn a_short_answer_is_recorded_with_its_length_whether_it_came_with_its_head_or_after() {
    for reply in [Reply::json("{\"n\":1}"), Reply::json("{\"n\":1}").gated(60), Reply::json("")] {
        let length = reply.clone();
        let town = Town::new("off", reply);
        let mut wire = town.wire();
        assert!(wire.send(READ));
        town.stub.release();
        let answered = wire.answer().expect("an answer").body.len();
        let (records, _) = town.records();
        // In its own record, or in that of the stream's end.
        assert_eq!(records.last().expect("a record")["res"]["len"], answered, "{length:?}: {records:?}");
    }
}
