//! Threads: workers that share the port, one committer, and a pool for what would hold a worker up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tests::{Connection, Gateway, LUCIA, Scene, Site, Witness, curl, lookup, open, things, unprotected};

const GET: &[u8] = b"GET /c/v1/cose HTTP/1.1\r\nhost: h\r\n\r\n";

/// The names of its threads, sorted.
fn threads(gateway: &Gateway) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).expect("it runs");
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn each_worker_is_a_thread_and_one_commits() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "").replace("workers: 2", "workers: 3");
    let gateway = Gateway::start(site.path(), &yaml);
    assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200);
    let names = threads(&gateway);
    let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert_eq!((count("varco-worker-"), count("varco-control"), count("varco-audit")), (3, 1, 1), "{names:?}");
}

/// Work for the pool comes from all workers, and its threads are as many as were asked for, whatever comes.
#[test]
fn one_pool_works_for_all_workers() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "").replace("workers: 2", "workers: 4\nlimits: { pool_threads: 2 }");
    let gateway = Gateway::start(site.path(), &yaml);
    let pool = || threads(&gateway).iter().filter(|name| *name == "varco-pool").count();
    assert_eq!(pool(), 0, "threads begin when there is work");
    let large = post("/c/v1/cose", &format!("{{\"nome\":\"x\",\"note\":[{}\"\"]}}", "\"una nota\",".repeat((1 << 20) / 11)));
    // So many that every worker has some of them.
    let mut callers: Vec<Connection> = (0..24).map(|_| Connection::sending(gateway.address("web"), &large)).collect();
    for caller in &mut callers {
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
    assert!((1..=2).contains(&pool()), "{:?}", threads(&gateway));
    let jobs = gateway.metric("varco_pool_jobs_total{cause=\"body\"}");
    assert!((jobs - 24.0).abs() < 0.5, "{jobs}");
}

#[test]
fn workers_share_a_port_and_keep_their_connections_to_the_upstream() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "").replace("workers: 2", "workers: 3");
    let gateway = Gateway::start(site.path(), &yaml);
    let mut callers: Vec<Connection> = (0..64).map(|_| Connection::to(gateway.address("web"))).collect();
    // One after the other: no worker ever needs a second connection, and none uses another's.
    for _ in 0..3 {
        for caller in &mut callers {
            caller.send(GET).expect("the connection is kept");
            assert_eq!(caller.answer().expect("an answer").status, 200);
        }
    }
    assert_eq!((witness.asked().len(), witness.connections()), (192, 3), "the system spreads callers over all workers");
}

#[test]
fn a_large_body_holds_nobody_else_up() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "").replace("workers: 2", "workers: 1");
    let gateway = Gateway::start(site.path(), &yaml);
    let body = format!("{{\"nome\":\"x\",\"note\":[{}\"\"]}}", "\"una nota\",".repeat((5 << 20) / 11));
    let large = post("/c/v1/cose", &body);
    // Were the body read on the worker, the longest silence would be nearly as long as the large request. One good try of a few
    // is enough: a busy machine makes silences longer, never shorter.
    let shares: Vec<f64> = (0..6).map(|_| longest_silence(gateway.address("web"), large.as_bytes(), 200, GET)).collect();
    assert!(shares.iter().any(|share| *share < 0.3), "others waited for {shares:?} of the large request's time");
}

#[test]
fn a_large_answer_of_a_soap_department_holds_nobody_else_up() {
    let scene = Scene::new();
    let text = "&amp;".repeat(1 << 20);
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>s:Server</faultcode>\
         <faultstring>{text}</faultstring></s:Fault></s:Body></s:Envelope>"
    );
    let answer = format!("content-type: text/xml\r\ncontent-length: {}\r\n\r\n{envelope}", envelope.len());
    let (department, witness) = (Witness::answering(&answer), Witness::hello());
    let soap = format!(
        "{{ soap: {{ wsdl: {{root}}/specs/anagrafe/legacy.wsdl, url: \"{}\", mapping: {{root}}/adapters/anagrafe/mapping.yaml }} }}",
        department.url()
    );
    let anagrafe = open("anagrafe", &unprotected(scene.path()), &soap, "");
    let gateway = scene.gateway_of(1, &[anagrafe, things("cose", &witness.url(), "{}", "    answers: off\n")]);
    let large = post("/anagrafe/residenze/ricerca", &lookup("1", LUCIA).to_string());
    let small = b"GET /cose/cosa HTTP/1.1\r\nhost: h\r\n\r\n";
    let shares: Vec<f64> = (0..6).map(|_| longest_silence(gateway.address("pdnd"), large.as_bytes(), 502, small)).collect();
    assert!(shares.iter().any(|share| *share < 0.3), "others waited for {shares:?} of the large answer's time");
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The longest time that other callers waited for an answer while a large request was under way, as a share of its time.
fn longest_silence(address: SocketAddr, request: &[u8], status: u16, small_request: &[u8]) -> f64 {
    let done = AtomicBool::new(false);
    let mut large = Connection::to(address);
    let mut small = Connection::to(address);
    // All of it but the last byte, so that what is measured is the work and not the transport.
    let (most, last) = request.split_at(request.len() - 1);
    large.send(most).expect("it is read");
    std::thread::scope(|scope| {
        let worked = scope.spawn(|| {
            let began = Instant::now();
            large.send(last).expect("it is read");
            assert_eq!(large.answer().expect("an answer").status, status);
            done.store(true, Ordering::Release);
            began.elapsed()
        });
        let mut longest = Duration::ZERO;
        while !done.load(Ordering::Acquire) {
            let began = Instant::now();
            small.send(small_request).expect("the connection is kept");
            assert_eq!(small.answer().expect("an answer").status, 200);
            longest = longest.max(began.elapsed());
        }
        let whole = worked.join().expect("it is answered");
        longest.as_secs_f64() / whole.as_secs_f64()
    })
}
