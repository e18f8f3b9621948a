//! An upstream at several addresses: who is asked, who is left alone, and who comes back.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tests::{Answer, Gateway, Rest, Site, curl, eventually};

/// `cose` at these ports, with these further keys of `upstream`.
fn before(site: &Site, ports: &[u16], more: &str) -> Gateway {
    Gateway::start(site.path(), &yaml(ports, more))
}

fn yaml(ports: &[u16], more: &str) -> String {
    let addresses: Vec<String> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
    let more = format!("    upstream: {{ addresses: [{}], connect_timeout: 2s{more} }}\n", addresses.join(", "));
    Site::configuration("", "", "http://cose.interno.example/api", &more)
}

fn post(gateway: &Gateway) -> Answer {
    curl(&["-H", "content-type: application/json", "-d", r#"{"nome":"tavolo"}"#, &gateway.url("web", "/c/v1/cose")])
}

fn asked(rest: &Rest) -> usize {
    rest.asked().iter().filter(|asked| asked.target.starts_with("POST")).count()
}

fn standing(gateway: &Gateway, state: &str) -> f64 {
    gateway.metric(&format!("varco_upstream_addresses{{eservice=\"cose\",state=\"{state}\"}}"))
}

/// A port at which nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

#[test]
fn those_that_live_take_turns_and_a_dead_one_costs_nobody_anything() {
    let (site, one, two, dead) = (Site::new(), Rest::start("{}"), Rest::start("{}"), nobody());
    let gateway = before(&site, &[one.address.port(), dead, two.address.port()], ", ejection: { failures: 2, time: 1h }");
    // A POST that nothing says may be sent twice: what never reached anybody is sent to another address all the same.
    for _ in 0..20 {
        let answer = post(&gateway);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(asked(&one) + asked(&two), 20, "each once");
    let id = post(&gateway).header("varco-exchange").expect("an exchange").to_owned();
    assert_eq!(site.record(|record| record["id"] == id.as_str())["ad"]["attempts"], 1, "what reached nobody was not sent");
    assert!(asked(&one) >= 5 && asked(&two) >= 5, "{} {}", asked(&one), asked(&two));
    assert_eq!((standing(&gateway, "up").round() as i64, standing(&gateway, "ejected").round() as i64), (2, 1));
    let host = &one.asked()[0].headers["host"];
    assert_eq!(host, "cose.interno.example", "they are one upstream, by the URL's name");
    assert_eq!(one.asked()[0].target, "POST /api/cose");
}

#[test]
fn one_that_went_away_comes_back() {
    let (site, stays) = (Site::new(), Rest::start("{}"));
    let leaves = Rest::start("{}");
    let port = leaves.address.port();
    let gateway = before(&site, &[stays.address.port(), port], ", idle: 1ms, ejection: { failures: 1, time: 300ms, slow_return: 1ms }");
    eventually("both are asked", || {
        assert_eq!(post(&gateway).status, 200);
        (asked(&leaves) > 0 && asked(&stays) > 0).then_some(())
    });
    drop(leaves);
    eventually("it is left alone", || {
        let answer = post(&gateway);
        // One that is broken off while it is asked may have acted: such a request is not sent again.
        assert!(answer.status == 200 || answer.status == 502, "{answer:?}");
        (standing(&gateway, "ejected") > 0.5).then_some(())
    });
    let back = Rest::at(("127.0.0.1", port), "{}");
    eventually("it is asked again", || {
        assert_eq!(post(&gateway).status, 200);
        (asked(&back) > 0).then_some(())
    });
    eventually("it counts as up", || (standing(&gateway, "up") > 1.5).then_some(()));
}

#[test]
fn checks_tell_who_is_up() {
    let (site, well, ill) = (Site::new(), Rest::start("{}"), Rest::start("{}"));
    let ports = [well.address.port(), ill.address.port()];
    let checks = ", breaker: { failures: 1, open_for: 1h }, ejection: { slow_return: 1ms }, checks: { path: /stato, every: 100ms, timeout: 1s, fall: 2, rise: 2 }";
    let gateway = before(&site, &ports, checks);
    eventually("both are checked", || {
        let checked = |rest: &Rest| rest.asked().iter().any(|asked| asked.target == "GET /api/stato");
        (checked(&well) && checked(&ill)).then_some(())
    });
    ill.answer(503, "", "{}");
    eventually("it is down", || (standing(&gateway, "down") > 0.5).then_some(()));
    let before = asked(&ill);
    for _ in 0..10 {
        assert_eq!(post(&gateway).status, 200);
    }
    assert_eq!(asked(&ill), before, "nobody asks it");
    gateway.assert_logs("an address is down");
    ill.answer(200, "", "{}");
    eventually("it is asked again", || {
        assert_eq!(post(&gateway).status, 200);
        (asked(&ill) > before).then_some(())
    });

    // Without checks nothing would say that it is up again: so it is.
    ill.answer(503, "", "{}");
    eventually("it is down", || (standing(&gateway, "down") > 0.5).then_some(()));
    std::fs::write(site.path().join("varco.yaml"), yaml(&ports, ", ejection: { slow_return: 1ms }")).expect("it is written");
    gateway.signal(Signal::HUP);
    eventually("it counts as up", || (standing(&gateway, "down") < 0.5).then_some(()));
    let before = asked(&ill);
    eventually("it is asked, whatever it says", || {
        post(&gateway);
        (asked(&ill) >= before + 10).then_some(())
    });
    assert!(standing(&gateway, "down") < 0.5);
}

#[test]
fn the_busier_one_is_asked_less() {
    let (site, slow, fast) = (Site::new(), Rest::start("{}"), Rest::start("{}"));
    let gateway = before(&site, &[slow.address.port(), fast.address.port()], "");
    slow.hold();
    let url = gateway.url("web", "/c/v1/cose");
    std::thread::scope(|scope| {
        let arguments = ["-H", "content-type: application/json", "-d", r#"{"nome":"tavolo"}"#, &url];
        let waiting: Vec<_> = (0..4).map(|_| scope.spawn(move || curl(&arguments))).collect();
        eventually("one waits", || (asked(&slow) >= 1).then_some(()));
        eventually("the others are answered", || (asked(&slow) + asked(&fast) >= 4).then_some(()));
        let held = asked(&slow);
        for _ in 0..10 {
            assert_eq!(post(&gateway).status, 200);
        }
        assert_eq!(asked(&slow), held, "while it has more under way than the other");
        slow.open();
        assert!(waiting.into_iter().all(|one| one.join().expect("it ends").status == 200));
    });
}

/// A name that moves is followed as fast as connections grow old, without a reload; meanwhile nobody is refused.
#[test]
fn a_name_is_looked_up_again() {
    let (site, here) = (Site::new(), Rest::start("{}"));
    let port = here.address.port();
    let there = Rest::at(("127.0.0.2", port), "{}");
    let hosts = site.path().join("hosts");
    // Renamed into place, as whoever writes such a file does: nobody reads half of it.
    let names = |address: &str| {
        std::fs::write(site.path().join("next"), format!("{address} cose.interno.example\n")).expect("a folder can be written to");
        std::fs::rename(site.path().join("next"), &hosts).expect("likewise");
    };
    names("127.0.0.1");
    // The system's resolver, told another file of names than the machine's.
    let mut resolver = Command::new("env");
    resolver.args(["LD_PRELOAD=libnss_wrapper.so", &format!("NSS_WRAPPER_HOSTS={}", hosts.display())]);
    let yaml = Site::configuration("", "", &format!("http://cose.interno.example:{port}/api"), "    upstream: { max_age: 1s }\n");
    let gateway = Gateway::start_under(site.path(), &yaml, resolver).expect("a gateway");
    for _ in 0..5 {
        assert_eq!(post(&gateway).status, 200);
    }
    assert_eq!((asked(&here), asked(&there)), (5, 0));
    names("127.0.0.2");
    eventually("the other address is asked", || {
        assert_eq!(post(&gateway).status, 200);
        (asked(&there) > 0).then_some(())
    });
}

#[test]
fn what_cannot_be_meant_does_not_load() {
    let good = yaml(&[1, 2], ", balance: weighted, checks: { path: /stato }")
        .replace("\"127.0.0.1:1\"", "{ address: \"127.0.0.1:1\", weight: 3 }");
    let many: String = (1000..1063).map(|port| format!("\"127.0.0.1:{port}\", ")).collect();
    Site::new().assert_faults(
        &good,
        &[
            ("\"127.0.0.1:2\"", &format!("{many}\"127.0.0.1:2\""), "65 addresses are listed"),
            ("127.0.0.1:1", "127.0.0.1:2", "is listed twice"),
            ("127.0.0.1:1", "http://127.0.0.1:1", "is no address"),
            ("/stato", "stato", "`stato` is no path"),
            ("/stato", "/stato del servizio", "is no path"),
            ("127.0.0.1:1", "127.0.0.1:99999", "is no address"),
            ("127.0.0.1:1", ":8080", "is no address"),
            ("127.0.0.1:1", "127.0.0.1:0", "is no address"),
            ("weight: 3", "weight: 0", "should be from 1 to 1000"),
            ("cose.interno.example", "cose.interno.example:99999", "its host or port is none"),
            ("addresses: [{ address: \"127.0.0.1:1\", weight: 3 }, \"127.0.0.1:2\"], ", "", "`checks` is about several addresses"),
            ("balance: weighted", "balance: random", "should be one of `least-loaded`, `weighted`"),
        ],
    );
}

/// An address at which connections are never made: a listener that takes none, with its queue full.
fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let queue: Vec<TcpStream> = (0..10_000).map_while(connect).collect();
    (listener, queue)
}

/// One that swallows everything leaves time for the others, and takes nobody else with it.
#[test]
fn an_address_that_swallows_everything_costs_its_part_of_the_time() {
    let (site, alive, (hole, _queue)) = (Site::new(), Rest::start("{}"), black_hole());
    let ports = [hole.local_addr().expect("an address").port(), alive.address.port()];
    let more = ", total_timeout: 3s, ejection: { failures: 2, time: 1h }, breaker: { failures: 2, open_for: 1h }";
    let gateway = before(&site, &ports, more);
    for _ in 0..8 {
        let answer = post(&gateway);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(asked(&alive), 8, "each once");
    assert_eq!((standing(&gateway, "up").round() as i64, standing(&gateway, "ejected").round() as i64), (1, 1));
}

/// What hangs at one address does not stop what another answers.
#[test]
fn the_breaker_is_for_all_addresses_together() {
    let (site, hangs, alive) = (Site::new(), Rest::start("{}"), Rest::start("{}"));
    let more = ", first_byte_timeout: 300ms, ejection: { failures: 3, time: 1h }, breaker: { failures: 3, open_for: 1h }";
    let gateway = before(&site, &[hangs.address.port(), alive.address.port()], more);
    hangs.hold();
    let answers: Vec<u16> = (0..12).map(|_| post(&gateway).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 504).count(), 3, "until it is left alone: {answers:?}");
    assert!(answers.iter().all(|status| [200, 504].contains(status)), "{answers:?}");
    assert!(gateway.metric("varco_breaker_level{eservice=\"cose\"}") < 0.5);
    alive.hold();
    let last: Vec<u16> = (0..10).map(|_| post(&gateway).status).collect();
    assert_eq!(last.last(), Some(&503), "with none left it opens: {last:?}");
}
