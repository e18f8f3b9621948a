use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::{Answer, PATIENCE};

/// A caller's connection, HTTP/1.1 written by hand: it can stop in the middle of anything and leave in any way.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// The bytes of a POST of JSON on a connection that is kept alive.
pub fn post(path: &str, voucher: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {voucher}\r\ncontent-type: application/json\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl Wire {
    /// Connects.
    pub fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Writes; false where the other side has closed.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says that nothing more will be written, and goes on reading.
    pub fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The head of the next answer, without its body; nothing if the connection ends before it is whole.
    pub fn head(&mut self) -> Option<Answer> {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return Some(parse(&String::from_utf8_lossy(&head)));
            }
            self.more()?;
        }
    }

    /// The next answer, whole. Only answers that announce their length are understood.
    pub fn answer(&mut self) -> Option<Answer> {
        self.answer_noting(|_| {})
    }

    /// The same; the head is shown as soon as it is there.
    pub fn answer_noting(&mut self, note: impl FnOnce(&Answer)) -> Option<Answer> {
        let mut answer = self.head()?;
        note(&answer);
        let length: usize = answer.header("content-length").expect("an answer of known length").parse().ok()?;
        while self.read.len() < length {
            self.more()?;
        }
        answer.body = self.read.drain(..length).collect();
        Some(answer)
    }

    fn more(&mut self) -> Option<()> {
        let mut piece = [0; 8192];
        match self.stream.read(&mut piece) {
            Ok(0) => None,
            Ok(read) => {
                self.read.extend_from_slice(&piece[..read]);
                Some(())
            }
            Err(error) => {
                // Closed in whatever way is an end; silence is not.
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "nothing came within {PATIENCE:?}");
                None
            }
        }
    }
}

fn parse(head: &str) -> Answer {
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Answer { status, headers, body: Vec::new(), code: 0, errors: String::new(), version: "1.1".to_owned() }
}
