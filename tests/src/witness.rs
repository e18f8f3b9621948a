use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::{Connection, Message};

/// An upstream that notes what it was asked, for what no real one tells: each connection is given to a function, on a thread.
#[derive(Debug)]
pub struct Witness {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<Message>>>,
    over: Arc<AtomicBool>,
}

impl Witness {
    /// Serves each connection with this function.
    pub fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::noting(Arc::default(), serve)
    }

    /// Answers every request with the same small object, and keeps the connection.
    pub fn hello() -> Self {
        Self::answering("content-type: application/json\r\ncontent-length: 15\r\n\r\n{\"nome\":\"cosa\"}")
    }

    /// Answers every request with 200 and these headers and body, and keeps the connection.
    pub fn answering(answer: &str) -> Self {
        let asked: Arc<Mutex<Vec<Message>>> = Arc::default();
        let (noted, answer) = (asked.clone(), format!("HTTP/1.1 200 OK\r\n{answer}"));
        Self::noting(asked, move |stream| {
            let mut wire = Connection::over(stream);
            while let Some(request) = wire.request() {
                noted.lock().expect("no test panics in here").push(request);
                if wire.send(answer.as_bytes()).is_err() {
                    return;
                }
            }
        })
    }

    fn noting(asked: Arc<Mutex<Vec<Message>>>, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (connections, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, ended, serve) = (connections.clone(), over.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                counted.fetch_add(1, Ordering::AcqRel);
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address, connections, asked, over }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Message> {
        self.asked.lock().expect("no test panics in here").clone()
    }

    /// How often it was asked so far.
    pub fn count(&self) -> usize {
        self.asked.lock().expect("no test panics in here").len()
    }

    /// How many connections it was given.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Acquire)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}
