//! The heads of an h2 connection, as they come: each has its time, whatever else the connection carries meanwhile.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pulse::Pulse;

/// What a caller says before its first frame: `PRI * HTTP/2.0…` (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// A frame's length, kind, flags and stream (RFC 9113 §4.1).
const HEADER: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// A stream of h2 frames whose pulse is told of heads that have begun and are not whole.
#[derive(Debug)]
pub(super) struct Heads<T> {
    stream: T,
    frames: Frames,
    pulse: Arc<Pulse>,
}

impl<T> Heads<T> {
    pub(super) fn new(stream: T, pulse: Arc<Pulse>) -> Self {
        Self { stream, frames: Frames::default(), pulse }
    }
}

/// Where among frames a caller's bytes have come to. What they are is hyper's to judge.
#[derive(Debug)]
struct Frames {
    /// Bytes until the next frame begins.
    rest: usize,
    /// Of the next frame's own header, what has come.
    header: [u8; HEADER],
    have: usize,
    /// A head has begun, and the frame at hand does or does not end it.
    in_head: bool,
    ends_head: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self { rest: PREFACE, header: [0; HEADER], have: 0, in_head: false, ends_head: false }
    }
}

impl Frames {
    /// Goes over what came, and tells whether it ended a head.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            let wanted = if self.rest > 0 { self.rest } else { HEADER - self.have };
            let (taken, left) = bytes.split_at(wanted.min(bytes.len()));
            bytes = left;
            if self.rest > 0 {
                self.rest -= taken.len();
            } else {
                self.header[self.have..self.have + taken.len()].copy_from_slice(taken);
                self.have += taken.len();
                if self.have < HEADER {
                    break;
                }
                self.begin();
            }
            if self.rest == 0 && std::mem::take(&mut self.ends_head) {
                self.in_head = false;
                ended = true;
            }
        }
        ended
    }

    fn begin(&mut self) {
        let [a, b, c, kind, flags, ..] = self.header;
        self.have = 0;
        self.rest = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind == HEADERS || kind == CONTINUATION {
            self.in_head = true;
            self.ends_head = flags & END_HEADERS != 0;
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heads<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        if !came.is_empty() {
            let ended = self.frames.pass(came);
            self.pulse.heading(self.frames.in_head, ended);
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heads<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[std::io::IoSlice<'_>]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;
    const DATA: u8 = 0;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        [&(length as u32).to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1], &vec![7; length]].concat()
    }

    /// After each frame, however the bytes are cut: whether a head is under way.
    #[test]
    fn a_head_is_under_way_from_its_first_byte_to_its_last() {
        let frames = [
            (frame(SETTINGS, 0, 12), false),
            (frame(HEADERS, 0, 5), true),
            (frame(CONTINUATION, 0, 0), true),
            (frame(CONTINUATION, END_HEADERS, 3), false),
            (frame(HEADERS, END_HEADERS, 0), false),
            (frame(DATA, END_HEADERS, 20), false),
            (frame(HEADERS, END_HEADERS, 300), false),
            (frame(SETTINGS, 1, 0), false),
        ];
        for step in [1, 2, 7, 9, 64, 1000] {
            let mut state = Frames::default();
            assert!(!state.pass(&[b'P'; PREFACE]));
            for (frame, expected) in &frames {
                let mut ended = false;
                for piece in frame.chunks(step) {
                    ended |= state.pass(piece);
                }
                let is_head = [HEADERS, CONTINUATION].contains(&frame[3]);
                assert_eq!((state.in_head, ended), (*expected, is_head && !expected), "{step}: {:?}", &frame[..9]);
            }
        }
    }

    #[test]
    fn what_comes_together_is_gone_over_together() {
        let mut state = Frames::default();
        let all = [vec![b'P'; PREFACE], frame(HEADERS, END_HEADERS, 4), frame(HEADERS, 0, 4)].concat();
        assert!(state.pass(&all), "one has ended");
        assert!(state.in_head, "and another begun");
        assert!(!state.pass(&frame(CONTINUATION, END_HEADERS, 9)[..17]), "a byte of it is missing");
        assert!(state.in_head);
        assert!(state.pass(&[7]) && !state.in_head);
    }
}
