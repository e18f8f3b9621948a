//! Records go to a collector of security events as they are written.
//!
//! The log itself is the queue: a cursor beside it says how far the collector has been told, so nothing is lost while it is away, nor
//! anything kept twice. TCP does not say what has been read at its other end, so a cursor is believed only some seconds after its
//! bytes were written, with the connection still open; what is sent again after a break has the same ids.

mod message;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::{Cursor, Follower, Next};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::SiemRules;
use crate::metrics::SiemMetrics;
use message::framed;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a write may make no progress.
const WRITE: Duration = Duration::from_secs(30);
/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(250);
/// How long after its bytes were written a cursor is believed.
const SETTLES: Duration = Duration::from_secs(5);
/// How long it is waited after a failure, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Sends what is written to a log, for ever: a task of the control thread.
pub(crate) async fn send(rules: SiemRules, store: PathBuf, node: Arc<str>, metrics: SiemMetrics) {
    let (mut wait, most) = WAITS;
    loop {
        let began = Instant::now();
        let error = match deliver(&rules, &store, &node, &metrics).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        metrics.connected.set(0);
        tracing::warn!(host = %rules.host, port = rules.port, %error, "the collector of security events cannot be told; the log keeps what it has missed");
        if began.elapsed() > most {
            wait = WAITS.0;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(most);
    }
}

/// Nothing of it ends well.
enum Never {}

async fn deliver(rules: &SiemRules, store: &Path, node: &str, metrics: &SiemMetrics) -> io::Result<Never> {
    let mut wire = tokio::time::timeout(CONNECT, connect(rules)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let mut follower = Follower::new(store, Kept::read(store)?);
    metrics.connected.set(1);
    tracing::info!(host = %rules.host, port = rules.port, "the collector of security events is told what is recorded");
    let (mut settling, mut kept): (Option<(Instant, Cursor)>, Option<Cursor>) = (None, follower.cursor().cloned());
    loop {
        let next;
        // Files are read where nobody waits for the thread.
        (follower, next) = tokio::task::spawn_blocking(move || {
            let next = follower.more();
            (follower, next)
        })
        .await
        .map_err(io::Error::other)?;
        match next? {
            Next::Records(records) => {
                let bytes: Vec<u8> = records.iter().flat_map(|stored| framed(&stored.bytes, node, rules.format)).collect();
                write(&mut wire, &bytes).await?;
                metrics.records.inc_by(records.len() as u64);
            }
            Next::Damaged { segment } => {
                tracing::error!(segment, "a part of the audit log cannot be read, and is not sent on: run `varco audit verify`");
            }
            Next::Nothing => is_open(&mut wire).await?,
        }
        match (&settling, follower.cursor()) {
            (Some((written, cursor)), _) if written.elapsed() >= SETTLES => {
                Kept::write(store, cursor)?;
                kept = settling.take().map(|(_, cursor)| cursor);
            }
            (None, Some(cursor)) if kept.as_ref() != Some(cursor) => settling = Some((Instant::now(), cursor.clone())),
            _ => {}
        }
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

async fn connect(rules: &SiemRules) -> io::Result<Box<dyn Wire>> {
    let stream = TcpStream::connect((rules.host.as_str(), rules.port)).await?;
    match rules.client() {
        None => Ok(Box::new(stream)),
        Some((tls, name)) => Ok(Box::new(TlsConnector::from(tls.config.clone()).connect(name.clone(), stream).await?)),
    }
}

async fn write(wire: &mut Box<dyn Wire>, bytes: &[u8]) -> io::Result<()> {
    for part in bytes.chunks(64 << 10) {
        let written = tokio::time::timeout(WRITE, async {
            wire.write_all(part).await?;
            wire.flush().await
        });
        written.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    Ok(())
}

/// Waits for the next look at the log. A collector says nothing: what comes from it is its end.
async fn is_open(wire: &mut Box<dyn Wire>) -> io::Result<()> {
    let mut said = [0; 64];
    match tokio::time::timeout(POLL, wire.read(&mut said)).await {
        Err(_) => Ok(()),
        Ok(Ok(0)) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection")),
        Ok(Ok(_)) => {
            tokio::time::sleep(POLL).await;
            Ok(())
        }
        Ok(Err(error)) => Err(error),
    }
}

/// How far the collector has been told, as it is kept beside the log.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    format: u32,
    segment: String,
    offset: u64,
    #[serde(with = "hex::serde")]
    chain: [u8; 32],
    seq: u64,
}

/// The format that is written and read.
const FORMAT: u32 = 1;
/// The file.
const FILE: &str = "siem.cursor";

impl Kept {
    fn read(store: &Path) -> io::Result<Option<Cursor>> {
        let bytes = match std::fs::read(store.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let of_another = |_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("`{FILE}` is damaged, or of another version: without it all is sent again"))
        };
        let kept: Self = serde_json::from_slice(&bytes).map_err(of_another)?;
        if kept.format != FORMAT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{FILE}` is of the format {}, which this version does not know", kept.format),
            ));
        }
        let Self { segment, offset, chain, seq, .. } = kept;
        Ok(Some(Cursor { segment, offset, chain, seq }))
    }

    /// Whole or not at all.
    fn write(store: &Path, cursor: &Cursor) -> io::Result<()> {
        let Cursor { segment, offset, chain, seq } = cursor.clone();
        let kept = serde_json::to_vec(&Self { format: FORMAT, segment, offset, chain, seq })?;
        let next = store.join(format!("{FILE}.next"));
        std::fs::write(&next, kept)?;
        std::fs::rename(next, store.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_a_later_format_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Kept::read(folder.path()).expect("there is none yet"), None);
        let cursor = Cursor { segment: "00000000000000000001.log".into(), offset: 4096, chain: [7; 32], seq: 9 };
        Kept::write(folder.path(), &cursor).expect("a folder can be written to");
        assert_eq!(Kept::read(folder.path()).expect("it can be read"), Some(cursor));
        let text = std::fs::read_to_string(folder.path().join(FILE)).expect("text");
        for broken in [text.replace("\"format\":1", "\"format\":2"), text.replace("4096", "x")] {
            std::fs::write(folder.path().join(FILE), broken).expect("a folder can be written to");
            assert!(Kept::read(folder.path()).is_err());
        }
    }
}
