use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::PATIENCE;

/// A connection that is written to byte by byte, for what a well-behaved client does not do.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer, or a request, as it came over the wire.
#[derive(Clone, Debug)]
pub struct Message {
    /// The status of an answer.
    pub status: u16,
    /// The head, with its first line.
    pub head: String,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Message {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The last word of the problem's type.
    pub fn problem(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json["type"].as_str().unwrap_or_default().rsplit([':', '/']).next().unwrap_or_default().to_owned()
    }
}

impl Connection {
    /// Connects.
    pub fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("the gateway listens"))
    }

    /// A connection that is there already: one that an upstream accepted.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let _ = stream.set_nodelay(true);
        Self { stream, unread: Vec::new() }
    }

    /// Connects and sends.
    pub fn sending(address: SocketAddr, text: &str) -> Self {
        let mut wire = Self::to(address);
        wire.send(text.as_bytes()).expect("a new connection can be written to");
        wire
    }

    /// Writes bytes; an error where the other side has closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Whether something has come, or the end, that was not read yet.
    pub fn has_more(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a socket");
        !self.unread.is_empty() || peeked.is_ok()
    }

    /// The stream itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16384];
        // A reset is an end too: whoever closes with unread bytes in its socket sends one.
        let read = self.stream.read(&mut buffer).unwrap_or_else(|error| {
            assert!(!matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "nothing came within {PATIENCE:?}");
            0
        });
        self.unread.extend_from_slice(&buffer[..read]);
        read > 0
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line = self.unread.drain(..at + 2).take(at).collect();
                return Some(String::from_utf8(line).expect("a head is text"));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length && self.fill() {}
        let length = length.min(self.unread.len());
        self.unread.drain(..length).collect()
    }

    /// The head of the next message: its first line and its headers; `None` at the end of the connection.
    pub fn head(&mut self) -> Option<String> {
        let mut head = self.line()?;
        loop {
            match self.line()? {
                line if line.is_empty() => return Some(head),
                line => head = head + "\n" + &line,
            }
        }
    }

    /// The next answer, interim ones passed over; `None` where the connection ends without one.
    pub fn answer(&mut self) -> Option<Message> {
        let head = self.head()?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        if status == 100 {
            return self.answer();
        }
        Some(self.with_body(status, head))
    }

    /// The next request, as an upstream reads it; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<Message> {
        let head = self.head()?;
        Some(self.with_body(0, head))
    }

    fn with_body(&mut self, status: u16, head: String) -> Message {
        let mut message = Message { status, head, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            while let Some(length) = self.line().and_then(|line| usize::from_str_radix(&line, 16).ok()).filter(|length| *length > 0) {
                let chunk = self.take(length);
                message.body.extend_from_slice(&chunk);
                self.line();
            }
            self.line();
        } else {
            let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            message.body = self.take(length);
        }
        message
    }

    /// Waits until the other side closes; gives whatever came before it did.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }
}
