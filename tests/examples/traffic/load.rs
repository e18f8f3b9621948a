//! The load of the benchmark: one request over and over on a fixed number of connections, every answer's status and body checked.
//!
//! Without `--rate` each connection asks again as soon as it is answered. With it, requests fall due at even intervals whatever
//! the answers do, and a latency counts from the moment a request was due, so a proxy that stalls is charged for those who wait.
//! Prints one JSON object: requests, bad answers by cause, seconds, and percentiles of the latency in microseconds.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::LocalSet,
};
use tokio_rustls::TlsConnector;

use crate::wire;

/// What is sent, and what must come back.
struct Plan {
    address: SocketAddr,
    connections: usize,
    seconds: f64,
    rate: Option<f64>,
    requests: Vec<Vec<u8>>,
    expected: Vec<u8>,
    status: Vec<u8>,
    tls: Option<TlsConnector>,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut plan = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            connections: 64,
            seconds: 2.0,
            rate: None,
            requests: Vec::new(),
            expected: Vec::new(),
            status: b"HTTP/1.1 200".to_vec(),
            tls: None,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| io::Error::other(format!("{name} takes a value")))?;
            match name.as_str() {
                "--port" => plan.address.set_port(parsed(&value)?),
                "--connections" => plan.connections = parsed(&value)?,
                "--seconds" => plan.seconds = parsed(&value)?,
                "--rate" => plan.rate = Some(parsed(&value)?),
                // Head and body as they go over the wire; given several times, they take turns.
                "--request" => plan.requests.push(fs::read(value)?),
                "--expect" => plan.expected = fs::read(value)?,
                "--status" => plan.status = format!("HTTP/1.1 {value}").into_bytes(),
                "--tls-root" => plan.tls = Some(connector(&value)?),
                _ => return Err(io::Error::other(format!("unknown: {name}"))),
            }
        }
        if plan.requests.is_empty() { Err(io::Error::other("no --request")) } else { Ok(plan) }
    }
}

fn parsed<T: std::str::FromStr>(value: &str) -> io::Result<T> {
    value.parse().map_err(|_| io::Error::other(format!("not a number: {value}")))
}

fn connector(root: &str) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).map_err(io::Error::other)?).map_err(io::Error::other)?;
    let config =
        ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]).with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What was seen so far; one thread writes it.
#[derive(Default)]
struct Tally {
    /// How many answers took this many microseconds; the last place holds all that took longer.
    latencies: RefCell<Vec<u32>>,
    bad: RefCell<BTreeMap<String, u64>>,
    answered: Cell<u64>,
    sent: Cell<u64>,
}

const SLOWEST: usize = 2_000_000;

impl Tally {
    fn record(&self, latency: Duration) {
        self.answered.set(self.answered.get() + 1);
        self.latencies.borrow_mut()[(latency.as_micros() as usize).min(SLOWEST)] += 1;
    }

    fn refuse(&self, cause: String) {
        *self.bad.borrow_mut().entry(cause).or_default() += 1;
    }

    fn percentile(&self, share: f64) -> usize {
        let wanted = (self.answered.get() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (micros, count) in self.latencies.borrow().iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted && seen > 0 {
                return micros;
            }
        }
        SLOWEST
    }
}

/// When the next request is due.
enum Pace {
    /// As soon as the connection is free.
    Closed,
    /// At even intervals from the start; a permit each.
    Open { due: Arc<Semaphore>, taken: Cell<u64>, interval: Duration },
}

impl Pace {
    async fn next(&self, start: Instant) -> Instant {
        let Self::Open { due, taken, interval } = self else { return Instant::now() };
        due.acquire().await.expect("the semaphore is never closed").forget();
        let number = taken.get();
        taken.set(number + 1);
        start + interval.mul_f64(number as f64)
    }
}

pub(crate) fn run(arguments: impl Iterator<Item = String>) -> io::Result<()> {
    let plan = Rc::new(Plan::read(arguments)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, measure(plan))
}

async fn measure(plan: Rc<Plan>) -> io::Result<()> {
    let tally = Rc::new(Tally { latencies: RefCell::new(vec![0; SLOWEST + 1]), ..Tally::default() });
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(plan.seconds);
    let pace = Rc::new(match plan.rate {
        None => Pace::Closed,
        Some(rate) => Pace::Open { due: clockwork(start, end, rate), taken: Cell::new(0), interval: Duration::from_secs_f64(1.0 / rate) },
    });
    for _ in 0..plan.connections {
        let (plan, tally, pace) = (Rc::clone(&plan), Rc::clone(&tally), Rc::clone(&pace));
        tokio::task::spawn_local(async move {
            if let Err(error) = connection(&plan, &tally, &pace, start).await {
                tally.refuse(format!("connection: {error}"));
            }
        });
    }
    tokio::time::sleep_until(end.into()).await;
    println!(
        "{}",
        serde_json::json!({
            "answered": tally.answered.get(),
            "bad": *tally.bad.borrow(),
            "seconds": start.elapsed().as_secs_f64(),
            "p50_us": tally.percentile(0.5),
            "p90_us": tally.percentile(0.9),
            "p99_us": tally.percentile(0.99),
            "max_us": tally.percentile(1.0),
        })
    );
    Ok(())
}

/// Makes requests due at even intervals, from a thread of its own: a runtime's timers are no finer than a millisecond.
fn clockwork(start: Instant, end: Instant, rate: f64) -> Arc<Semaphore> {
    let due = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&due);
    thread::spawn(move || {
        let mut given = 0_u64;
        while Instant::now() < end {
            let owed = (start.elapsed().as_secs_f64() * rate) as u64 + 1;
            permits.add_permits((owed - given) as usize);
            given = owed;
            thread::sleep((start + Duration::from_secs_f64(given as f64 / rate)).saturating_duration_since(Instant::now()));
        }
    });
    due
}

async fn connection(plan: &Plan, tally: &Tally, pace: &Pace, start: Instant) -> io::Result<()> {
    let stream = TcpStream::connect(plan.address).await?;
    stream.set_nodelay(true)?;
    match &plan.tls {
        None => ask(stream, plan, tally, pace, start).await,
        Some(tls) => {
            let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
            ask(tls.connect(name, stream).await?, plan, tally, pace, start).await
        }
    }
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, plan: &Plan, tally: &Tally, pace: &Pace, start: Instant) -> io::Result<()> {
    let mut received = Vec::with_capacity(64 * 1024);
    loop {
        let due = pace.next(start).await;
        let number = tally.sent.get();
        tally.sent.set(number + 1);
        stream.write_all(&plan.requests[number as usize % plan.requests.len()]).await?;
        stream.flush().await?;
        received.clear();
        let message = loop {
            if stream.read_buf(&mut received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(message) = wire::message(&received) {
                break message;
            }
        };
        match fault(plan, &received, &message) {
            None => tally.record(due.elapsed()),
            Some(cause) => tally.refuse(cause),
        }
    }
}

/// Why this is not the answer that was expected.
fn fault(plan: &Plan, received: &[u8], message: &wire::Message) -> Option<String> {
    let line = &received[message.first_line.clone()];
    if !line.starts_with(&plan.status) {
        return Some(String::from_utf8_lossy(line).into_owned());
    }
    let body = &received[message.body.clone()];
    let same = if message.chunked { wire::dechunked(body) == plan.expected } else { body == plan.expected };
    (!same).then(|| "another body".to_owned())
}
