//! Callers who leave at any moment, by seed: the department's count and the log agree on every one of them.

use std::time::Duration;

use sandbox::Misbehaviour;
use tests::{Scene, Wire};

const CALLERS: u64 = 8;
const EACH: u64 = 25;

/// A sequence of numbers that a seed decides (Knuth's MMIX generator; its high bits are the good ones).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[test]
fn two_hundred_callers_who_leave_at_random_leave_two_hundred_records() {
    let scene = Scene::new();
    let department = &scene.sandbox.department;
    department.switch().misbehave(Misbehaviour::Delay(Duration::from_millis(4)));
    let mut gateway = scene.gateway("");
    let (address, request) = (gateway.address("pdnd"), scene.good_lookup());
    let body = request.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    std::thread::scope(|scope| {
        for seed in 0..CALLERS {
            let request = &request;
            scope.spawn(move || {
                let mut chance = Chance(seed);
                for _ in 0..EACH {
                    let mut wire = Wire::connect(address).expect("it listens");
                    let cut = chance.below(5) == 0;
                    let length = if cut { body + chance.below((request.len() - body) as u64) as usize } else { request.len() };
                    assert!(wire.send(&request[..length]));
                    // The moment is what is random here; nothing is waited for.
                    std::thread::sleep(Duration::from_micros(chance.below(12_000)));
                    if chance.below(2) == 0 {
                        wire.half_close();
                        let _ = wire.head();
                    }
                }
            });
        }
    });
    assert!(gateway.stop().success());

    let (whole, said) = scene.verify();
    assert!(whole && !said.contains("under way"), "{said}");
    let records = scene.log();
    let of = |event: &'static str| records.iter().filter(move |record| record["ev"] == event);
    assert_eq!(of("exchange").count() as u64, CALLERS * EACH, "one record an exchange");
    assert_eq!(of("exchange.orphaned").count(), 0);
    let asked = of("exchange").filter(|record| record["ad"]["attempts"].as_u64() > Some(0)).count() as u64;
    assert_eq!(department.accesses().total(), asked, "what the department was asked and what the log says");
    for outcome in ["success", "abandoned"] {
        assert!(of("exchange").any(|record| record["out"] == outcome), "no caller left in time to be {outcome}");
    }
    for record in of("exchange").filter(|record| record["out"] == "abandoned") {
        assert_eq!(record["ad"]["attempts"], 0, "abandoned before anybody was asked: {record}");
    }
}
