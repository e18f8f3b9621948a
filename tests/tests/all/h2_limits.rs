//! What an h2 connection may cost, frame by frame: streams, resets, windows that stay shut, heads that never end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tests::{Connection, Gateway, Site, Witness, curl, eventually};

use crate::authority::Authority;

const TLS: &str = ", tls: [{ certificate: local.pem, key: local.key }]";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn site() -> Site {
    let site = Site::new();
    Authority::new(site.path(), "ca").sign(site.path(), "local", &["localhost"]);
    site
}

/// A connection that h2 frames are written to by hand (RFC 9113 §4.1).
struct Frames(StreamOwned<ClientConnection, TcpStream>);

#[derive(Debug)]
struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frames {
    /// Connects and says these settings.
    fn open(gateway: &Gateway, site: &Site, settings: &[(u16, u32)]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(site.path().join("ca.pem")).expect("a certificate")).expect("an authority");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a configuration");
        let socket = TcpStream::connect(gateway.address("web")).expect("it listens");
        socket.set_read_timeout(Some(tests::PATIENCE)).expect("a socket");
        let mut frames = Self(StreamOwned::new(tls, socket));
        let payload: Vec<u8> = settings.iter().flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        frames.write(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &payload)].concat());
        frames
    }

    /// Writes; whether the other side has closed is seen when reading.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).and_then(|()| self.0.flush());
    }

    /// The next frame; `None` at the end of the connection.
    fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { kind: head[3], stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload })
    }

    /// The next frame of a kind.
    fn wait_for(&mut self, kind: u8) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| frame.kind == kind)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET https://h/c/v1/…` in HPACK: two names of the static table, two literals (RFC 7541 appendix A).
fn get(stream: u32, path: &str) -> Vec<u8> {
    let block = [&[0x82, 0x87, 0x04, path.len() as u8], path.as_bytes(), &[0x01, 1, b'h']].concat();
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// `POST https://h/c/v1/…` of this media type; its body follows.
fn post(stream: u32, path: &str, media: &str) -> Vec<u8> {
    let block = [&[0x83, 0x87, 0x04, path.len() as u8], path.as_bytes(), &[0x01, 1, b'h', 0x0f, 0x10, media.len() as u8], media.as_bytes()];
    frame(HEADERS, END_HEADERS, stream, &block.concat())
}

/// An upstream that answers nobody until the test ends.
fn silent(gate: Receiver<()>) -> Witness {
    let gate = Mutex::new(gate);
    Witness::new(move |stream| {
        let mut connection = Connection::over(stream);
        connection.request();
        let _ = gate.lock().map(|gate| gate.recv());
    })
}

fn counted(gateway: &Gateway, cause: &str) {
    let name = format!("varco_failed_connections_total{{cause=\"{cause}\"}}");
    eventually(&format!("{cause} is counted"), || (gateway.metric(&name) >= 1.0).then_some(()));
}

#[test]
fn streams_beyond_the_cap_are_refused_and_can_be_asked_again() {
    let (site, (_go, gate)) = (site(), channel());
    let witness = silent(gate);
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ streams: 4 }}"), &witness.url(), "");
    let mut frames = Frames::open(&gateway, &site, &[]);
    let told = frames.wait_for(SETTINGS).expect("its settings");
    // SETTINGS_MAX_CONCURRENT_STREAMS is 3 (RFC 9113 §6.5.2).
    assert!(told.payload.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 4]), "{told:?}");
    let asked: Vec<u8> = (0..6).flat_map(|number| get(2 * number + 1, "/c/v1/cose")).collect();
    frames.write(&asked);
    for stream in [9, 11] {
        let refused = frames.wait_for(RST_STREAM).expect("a reset");
        assert_eq!((refused.stream, refused.payload), (stream, vec![0, 0, 0, 7]), "REFUSED_STREAM, so it may be sent again");
    }
    eventually("the four are passed on", || (witness.connections() == 4).then_some(()));
}

#[test]
fn rapid_resets_end_the_connection_and_cost_nobody_else() {
    let (site, witness) = (site(), Witness::hello());
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ pending_resets: 10, streams: 20 }}"), &witness.url(), "");
    let mut frames = Frames::open(&gateway, &site, &[]);
    let pair = |stream| [get(stream, "/c/v1/cose"), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat();
    let flood: Vec<u8> = (0..2000).flat_map(|number| pair(2 * number + 1)).collect();
    frames.write(&flood);
    // A connection that is closed with input unread is reset by TCP, which may overtake the word of why.
    if let Some(ended) = frames.wait_for(GOAWAY) {
        assert_eq!(ended.payload[4..8], [0, 0, 0, 11], "ENHANCE_YOUR_CALM");
    }
    while frames.next().is_some() {}
    counted(&gateway, "broken");
    let asked = witness.asked().len();
    // What was reset before it was looked at counts; what was begun in time is bounded by it.
    assert!(asked < 200, "{asked} of 2000 reached the upstream");
    let ca = site.path().join("ca.pem").display().to_string();
    assert_eq!(curl(&["--http2", "--cacert", &ca, &gateway.tls_url("web", "/c/v1/cose")]).status, 200);
}

#[test]
fn who_resets_after_being_passed_on_cannot_exceed_what_an_upstream_is_given() {
    let (site, (_go, gate)) = (site(), channel());
    let witness = silent(gate);
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ streams: 2 }}"), &witness.url(), "    upstream: { in_flight: 5 }\n");
    let mut frames = Frames::open(&gateway, &site, &[]);
    for number in 0..12 {
        frames.write(&get(2 * number + 1, "/c/v1/cose"));
        // Either the upstream has it, or it was refused.
        if number < 5 {
            eventually("the upstream is asked", || (witness.connections() == number + 1).then_some(()));
        } else {
            assert_eq!(frames.wait_for(HEADERS).expect("an answer").stream, 2 * number + 1);
        }
        frames.write(&frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    assert_eq!(witness.connections(), 5);
}

#[test]
fn a_window_that_stays_shut_is_an_answer_not_read() {
    let site = site();
    let large = "x".repeat(1 << 20);
    let witness = Witness::answering(&format!("content-type: text/plain\r\ncontent-length: {}\r\n\r\n{large}", large.len()));
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ write_time: 400ms, idle_time: 60s }}"), &witness.url(), "");
    // SETTINGS_INITIAL_WINDOW_SIZE is 4: shut from the beginning, or after the first bytes.
    for window in [0, 1000] {
        let mut frames = Frames::open(&gateway, &site, &[(4, window)]);
        frames.write(&get(1, "/c/v1/flussi"));
        assert_eq!(frames.wait_for(HEADERS).expect("the head of the answer").stream, 1);
        while frames.next().is_some() {}
        counted(&gateway, "answer-not-read");
    }
    eventually("the upstream is let go", || (gateway.metric("varco_connections") < 0.5).then_some(()));
}

#[test]
fn a_head_that_never_ends_and_a_connection_without_a_stream_are_closed() {
    let (site, witness) = (site(), Witness::hello());
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ idle_time: 400ms, header_time: 400ms }}"), &witness.url(), "");
    let mut idle = Frames::open(&gateway, &site, &[]);
    let mut endless = Frames::open(&gateway, &site, &[]);
    endless.write(&frame(HEADERS, END_STREAM, 1, &[0x82, 0x87]));
    while idle.next().is_some() {}
    while endless.next().is_some() {}
    assert_eq!(witness.connections(), 0);
}

#[test]
fn a_head_has_its_time_whatever_else_its_connection_carries() {
    let (site, (_go, gate)) = (site(), channel());
    let witness = silent(gate);
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ header_time: 400ms }}"), &witness.url(), "");
    let mut frames = Frames::open(&gateway, &site, &[]);
    frames.write(&get(1, "/c/v1/cose"));
    eventually("the department is asked", || (witness.connections() == 1).then_some(()));
    frames.write(&frame(HEADERS, END_STREAM, 3, &[0x82, 0x87]));
    while frames.next().is_some() {}
    counted(&gateway, "head-too-slow");
}

#[test]
fn bodies_have_the_same_limits_as_over_http1() {
    let limits = ", limits: { body_time: 300ms, body_rate: 100000/s, body_bytes: 16KiB }";
    // `cose` is held for its contract, `flussi` streams.
    for (path, media) in [("/c/v1/cose", "application/json"), ("/c/v1/flussi", "text/plain")] {
        let (site, witness) = (site(), Witness::hello());
        let gateway = site.gateway("", &format!("{TLS}{limits}"), &witness.url(), "");
        for (pieces, size, kind) in [(1, 1, "body-too-slow"), (2, 10_000, "body-too-large")] {
            let mut frames = Frames::open(&gateway, &site, &[]);
            frames.write(&post(1, path, media));
            (0..pieces).for_each(|_| frames.write(&frame(DATA, 0, 1, &vec![b'x'; size])));
            let record = site.record(|record| record["err"] == kind);
            assert_eq!(record["out"], "refused", "{path}: {record}");
            assert_eq!(frames.wait_for(HEADERS).expect("an answer").stream, 1, "{path} {kind}");
        }
        assert!(witness.asked().iter().all(|asked| asked.head.contains("/flussi")), "a held body that was refused was never sent on");
    }
}

#[test]
fn heads_have_the_same_limits_as_over_http1() {
    let (site, witness) = (site(), Witness::hello());
    let limits = ", limits: { header_count: 16, header_bytes: 2KiB, target_bytes: 300B }";
    let gateway = site.gateway("", &format!("{TLS}{limits}"), &witness.url(), "");
    let (url, ca) = (gateway.tls_url("web", "/c/v1/cose"), site.path().join("ca.pem").display().to_string());
    let long = format!("x-long: {}", "v".repeat(3000));
    let beyond = format!("x-long: {}", "v".repeat(12_000));
    let query = format!("{url}?{}", "q".repeat(300));
    for (arguments, status, kind) in [
        (&["-H", &long, &url][..], 431, "headers-too-large"),
        (&[&query], 414, "target-too-long"),
        (&["-H", &beyond, &url], 431, ""),
        (&[&url], 200, ""),
    ] {
        let answer = curl(&[&["--http2", "--cacert", &ca], arguments].concat());
        assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{answer:?}");
    }
    assert_eq!(witness.asked().len(), 1);
}

/// hyper waits for the acknowledgement of its PING before it ends a connection that was told to leave: one that never comes keeps it no
/// longer than a moment, and what was believed of it counts at once no more.
#[test]
fn who_was_told_to_leave_leaves_whether_it_acknowledges_or_not() {
    let (site, witness) = (site(), Witness::hello());
    let gateway = site.gateway("", &format!("{TLS}, limits: {{ requests_per_connection: 2 }}"), &witness.url(), "");
    let mut frames = Frames::open(&gateway, &site, &[]);
    let mut stream = 1;
    let ended = eventually("the connection ends", || {
        frames.write(&get(stream, "/c/v1/cose"));
        stream += 2;
        frames.next().is_none().then_some(stream)
    });
    assert!(ended > 3, "what crossed with the telling was answered");
    assert!(gateway.stderr().contains("connection-retired") || frames.next().is_none());
}

#[test]
fn a_reload_that_asks_more_ends_what_an_open_connection_was_believed() {
    let site = site();
    let (upstream, trusting) = (tests::Rest::start("{}"), ", trusted_proxies: { addresses: [127.0.0.1], tells: [for, proto, host] }");
    let yaml = |listener: &str| {
        Site::configuration("", &format!("{TLS}{listener}"), &format!("http://{}", upstream.address), "")
            .replace("\" } }\n", "\", forwarded: x-forwarded } }\n")
    };
    let gateway = Gateway::start(site.path(), &yaml(trusting));
    let mut frames = Frames::open(&gateway, &site, &[]);
    // x-forwarded-for: 6.6.6.6, as a literal with a new name.
    let forged = |stream: u32| {
        let path = "/c/v1/cose";
        let block =
            [&[0x82, 0x87, 0x04, path.len() as u8], path.as_bytes(), &[0x01, 1, b'h', 0x00, 15], b"x-forwarded-for", &[7], b"6.6.6.6"];
        frame(HEADERS, END_STREAM | END_HEADERS, stream, &block.concat())
    };
    frames.write(&forged(1));
    frames.wait_for(HEADERS).expect("an answer");
    assert_eq!(upstream.asked()[0].headers["x-forwarded-for"], "6.6.6.6", "a listed proxy is believed");
    std::fs::write(site.path().join("varco.yaml"), yaml("")).expect("it is written");
    gateway.signal(rustix::process::Signal::HUP);
    gateway.assert_logs("is in force");
    let before = upstream.asked().len();
    for stream in [3, 5, 7] {
        frames.write(&forged(stream));
    }
    while frames.next().is_some() {}
    assert!(
        upstream.asked()[before..].is_empty(),
        "nothing of a connection counts that was let in under other rules: {:?}",
        upstream.asked()
    );
}
