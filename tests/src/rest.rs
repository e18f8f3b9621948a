use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::Message;

/// A request that a [`Rest`] department received whole.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET /a?b=c`
    pub target: String,
    /// Its headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl From<&Message> for Asked {
    fn from(message: &Message) -> Self {
        let mut lines = message.head.lines();
        let target = lines.next().and_then(|line| line.rsplit_once(' ')).expect("a request line").0.to_owned();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self { target, headers: lines.filter_map(header).collect(), body: message.body.clone() }
    }
}

#[derive(Debug, Default)]
struct Script {
    status: u16,
    headers: String,
    body: Vec<u8>,
    asked: Vec<Asked>,
    /// Requests are answered one by one as they are let go; `None`: at once.
    gate: Option<usize>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    changed: Condvar,
    stopping: AtomicBool,
}

/// A REST department that answers exactly the bytes a test gives it, when the test lets it.
#[derive(Debug)]
pub struct Rest {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Rest {
    /// A department that answers 200 with this JSON text.
    pub fn start(body: &str) -> Self {
        Self::at("127.0.0.1:0", body)
    }

    /// The same at this address.
    pub fn at(address: impl ToSocketAddrs, body: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopping.load(Ordering::Acquire) {
                    return;
                }
                let serving = serving.clone();
                std::thread::spawn(move || serve(stream, &serving));
            }
        });
        let rest = Self { address, shared };
        rest.answer(200, "", body);
        rest
    }

    /// From now on answers this status, these further header lines (each ends in CRLF) and this body.
    pub fn answer(&self, status: u16, headers: &str, body: impl AsRef<[u8]>) {
        let mut script = self.script();
        (script.status, script.headers, script.body) = (status, headers.to_owned(), body.as_ref().to_owned());
    }

    /// From now on holds its answers back until [`Rest::let_go`].
    pub fn hold(&self) {
        self.script().gate = Some(0);
    }

    /// Lets so many more answers go.
    pub fn let_go(&self, more: usize) {
        let mut script = self.script();
        script.gate = script.gate.map(|free| free + more);
        self.shared.changed.notify_all();
    }

    /// Answers at once again, what is held back included.
    pub fn open(&self) {
        self.script().gate = None;
        self.shared.changed.notify_all();
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.script().asked.clone()
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.open();
        // Wakes the accepting thread, so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut input = BufReader::new(stream);
    while let Some(asked) = read(&mut input) {
        let mut script = shared.script.lock().unwrap_or_else(PoisonError::into_inner);
        let is_head = asked.target.starts_with("HEAD ");
        script.asked.push(asked);
        while script.gate == Some(0) {
            script = shared.changed.wait(script).unwrap_or_else(PoisonError::into_inner);
        }
        script.gate = script.gate.map(|free| free - 1);
        let kind = if script.headers.to_ascii_lowercase().contains("content-type") { "" } else { "content-type: application/json\r\n" };
        let head = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n{kind}{}\r\n", script.status, script.body.len(), script.headers);
        let body = if is_head || script.status == 304 { &[][..] } else { &script.body };
        let answer = [head.as_bytes(), body].concat();
        drop(script);
        if out.write_all(&answer).is_err() {
            return;
        }
    }
}

fn read(input: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    let mut next = || {
        line.clear();
        (input.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let target = next()?.rsplit_once(' ')?.0.to_owned();
    let mut headers = HashMap::new();
    loop {
        let line = next()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    input.read_exact(&mut body).ok()?;
    Some(Asked { target, headers, body })
}
