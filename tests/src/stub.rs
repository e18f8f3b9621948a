use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What a stub does with a request: these bytes, then whatever follows them.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Written at once.
    pub bytes: Vec<u8>,
    /// What follows.
    pub then: Then,
}

/// What a stub does with the connection after the bytes.
#[derive(Clone, Debug)]
pub enum Then {
    /// Reads the next request.
    Keep,
    /// Closes it, although the answer did not say so.
    Close,
    /// Resets it.
    Reset,
    /// Waits for [`Stub::release`], writes the rest and reads the next request.
    Wait(Vec<u8>),
}

impl Reply {
    /// A JSON answer that keeps the connection.
    pub fn json(body: &str) -> Self {
        Self::text(&format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    /// These bytes, and the connection is kept.
    pub fn text(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), then: Then::Keep }
    }

    /// The same, and then this.
    #[must_use]
    pub fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    /// No answer, but a reset.
    pub fn reset() -> Self {
        Self { bytes: Vec::new(), then: Then::Reset }
    }

    /// The same answer, its last bytes (or all of it) only after [`Stub::release`].
    #[must_use]
    pub fn gated(mut self, last: usize) -> Self {
        let rest = self.bytes.split_off(self.bytes.len().saturating_sub(last));
        self.then = Then::Wait(rest);
        self
    }
}

/// An upstream that speaks HTTP/1.1 by hand, so that it can do at a connection what no server would. It ends when it is dropped.
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
    counts: Arc<Counts>,
    gate: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

type Answering = dyn Fn(usize) -> Reply + Send + Sync;

impl Stub {
    /// Answers each request, given its number from 1.
    pub fn start(runtime: &Runtime, answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::launch(runtime, None, Arc::new(answer))
    }

    /// The same over TLS.
    pub fn start_tls(runtime: &Runtime, tls: ServerConfig, answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::launch(runtime, Some(TlsAcceptor::from(Arc::new(tls))), Arc::new(answer))
    }

    fn launch(runtime: &Runtime, tls: Option<TlsAcceptor>, answer: Arc<Answering>) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::<Counts>::default();
        let (gate, opened) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let served = Served { counts: counts.clone(), opened, answer };
        tasks.spawn_on(accept(listener, tls, served), runtime.handle());
        Self { address, counts, gate, tasks }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections it took.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many requests it read whole.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Lets every answer that waits go on, and every later one.
    pub fn release(&self) {
        let _ = self.gate.send(true);
    }

    /// How many tasks serve it, for its own `Debug`.
    fn tasks(&self) -> usize {
        self.tasks.len()
    }
}

impl std::fmt::Debug for Stub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stub").field("address", &self.address).field("tasks", &self.tasks()).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Served {
    counts: Arc<Counts>,
    opened: watch::Receiver<bool>,
    answer: Arc<Answering>,
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, served: Served) {
    // Connections end with this task, and this task with the stub.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        served.counts.connections.fetch_add(1, Ordering::SeqCst);
        let (served, tls) = (served.clone(), tls.clone());
        connections.spawn(async move {
            match tls {
                None => {
                    let mut stream = stream;
                    if serve(&mut stream, &served).await == Ended::ByReset {
                        reset(&stream);
                    }
                }
                Some(tls) => {
                    if let Ok(mut stream) = tls.accept(stream).await {
                        serve(&mut stream, &served).await;
                    }
                }
            }
        });
    }
}

#[derive(PartialEq)]
enum Ended {
    ByClose,
    ByReset,
}

fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, served: &Served) -> Ended {
    let mut held = Vec::new();
    while read_request(stream, &mut held).await {
        let number = served.counts.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let Reply { bytes, then } = (served.answer)(number);
        if stream.write_all(&bytes).await.is_err() {
            return Ended::ByClose;
        }
        match then {
            Then::Keep => {}
            Then::Close => return Ended::ByClose,
            Then::Reset => return Ended::ByReset,
            Then::Wait(rest) => {
                let _ = served.opened.clone().wait_for(|opened| *opened).await;
                if stream.write_all(&rest).await.is_err() {
                    return Ended::ByClose;
                }
            }
        }
    }
    Ended::ByClose
}

/// Reads a request with a `Content-Length` or without a body; false at the end of the connection.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, held: &mut Vec<u8>) -> bool {
    loop {
        if let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
            if held.len() >= end + 4 + length {
                held.drain(..end + 4 + length);
                return true;
            }
        }
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => held.extend_from_slice(&part[..read]),
            _ => return false,
        }
    }
}
