//! The PROXY header (HAProxy's PROXY protocol, versions 1 and 2), with which a balancer begins a connection to say for whom.
//!
//! Read to its last byte and not one further: what follows belongs to TLS or HTTP.

use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// With what version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The shortest header of version 1 is longer than this, so as much may be read at once.
const START: usize = SIGNATURE.len();
/// The longest header of version 1, with its line feed.
const LONGEST_LINE: usize = 107;
/// The longest header of version 2 that is read: the addresses, and more fields than any balancer sends.
const LONGEST: usize = 4096;

/// Reads the header. `None` where the balancer speaks for itself (a health check).
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; START];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        rest_of_block(stream, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        rest_of_line(stream, &mut header).await?;
    } else {
        return Err(malformed("the connection does not begin with a PROXY header"));
    }
    parse(&header)
}

/// Who connects, by a whole header.
fn parse(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let rules = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(header, rules) {
        Ok((parsed, length)) if length == header.len() => {
            Ok(parsed.proxied_address().map(|address| SocketAddr::new(address.source.ip().to_canonical(), address.source.port())))
        }
        _ => Err(malformed("the PROXY header cannot be read")),
    }
}

fn malformed(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// The rest of version 2: its length stands in the bytes 14 and 15.
async fn rest_of_block(stream: &mut TcpStream, header: &mut Vec<u8>) -> io::Result<()> {
    let mut more = [0; 4];
    stream.read_exact(&mut more).await?;
    header.extend_from_slice(&more);
    let from = header.len();
    let whole = from + usize::from(u16::from_be_bytes([more[2], more[3]]));
    if whole > LONGEST {
        return Err(malformed("the PROXY header is too long"));
    }
    header.resize(whole, 0);
    stream.read_exact(&mut header[from..]).await.map(drop)
}

/// The rest of version 1, to its line feed. What is here is looked at first, and only what belongs to the line is taken.
async fn rest_of_line(stream: &mut TcpStream, header: &mut Vec<u8>) -> io::Result<()> {
    while header.last() != Some(&b'\n') {
        let from = header.len();
        if from >= LONGEST_LINE {
            return Err(malformed("the PROXY header is too long"));
        }
        header.resize(LONGEST_LINE, 0);
        let here = stream.peek(&mut header[from..]).await?;
        if here == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = header[from..from + here].iter().position(|byte| *byte == b'\n').map_or(here, |at| at + 1);
        stream.read_exact(&mut header[from..from + line]).await?;
        header.truncate(from + line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What is read of a connection that brings these pieces, and what is left for whoever reads on.
    fn read_of(pieces: &[&[u8]]) -> (Result<Option<String>, String>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let mut caller = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
            caller.set_nodelay(true).expect("no delay");
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let writing = async {
                for piece in pieces {
                    caller.write_all(piece).await.expect("it is written");
                    tokio::task::yield_now().await;
                }
                caller.shutdown().await.expect("it is ended");
            };
            let (read, ()) = tokio::join!(read(&mut stream), writing);
            let mut left = Vec::new();
            stream.read_to_end(&mut left).await.expect("the rest");
            (read.map(|address| address.map(|address| address.to_string())).map_err(|error| error.to_string()), left)
        })
    }

    fn block(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, body].concat()
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_an_address_or_a_refusal(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), version in 0..3) {
            let beginning: &[u8] = [&SIGNATURE[..], b"PROXY TCP", b"PROXY "][version as usize];
            let _ = parse(&[beginning, &bytes].concat());
        }
    }

    #[test]
    fn reads_a_header_and_not_one_byte_more() {
        let v4 = [203, 0, 113, 7, 10, 0, 0, 1, 0xc3, 0x50, 0x01, 0xbb];
        let with_field = [&v4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        let mapped = [&[0; 10][..], &[0xff, 0xff, 203, 0, 113, 7], &[0; 16], &[0xc3, 0x50, 0x01, 0xbb]].concat();
        type Read<'a> = Result<Option<&'a str>, &'a str>;
        let cases: [(Vec<u8>, Read<'_>); 12] = [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 50000 443\r\n".to_vec(), Ok(Some("203.0.113.7:50000"))),
            (b"PROXY TCP6 2001:db8::7 ::1 50000 443\r\n".to_vec(), Ok(Some("[2001:db8::7]:50000"))),
            (b"PROXY UNKNOWN\r\n".to_vec(), Ok(None)),
            (block(1, 0x11, &v4), Ok(Some("203.0.113.7:50000"))),
            (block(1, 0x11, &with_field), Ok(Some("203.0.113.7:50000"))),
            (block(1, 0x21, &mapped), Ok(Some("203.0.113.7:50000"))),
            (block(0, 0x00, &[]), Ok(None)),
            (block(1, 0x11, &v4[..8]), Err("the PROXY header cannot be read")),
            (block(1, 0x11, &[0; 5000]), Err("the PROXY header is too long")),
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 500000 443\r\n".to_vec(), Err("the PROXY header cannot be read")),
            (b"GET / HTTP/1.1\r\n".to_vec(), Err("the connection does not begin with a PROXY header")),
            (["PROXY TCP4 ", &"1".repeat(200)].concat().into_bytes(), Err("the PROXY header is too long")),
        ];
        for (header, expected) in cases {
            let expected = expected.map(|address| address.map(str::to_owned)).map_err(str::to_owned);
            let whole = [&header[..], b"GET /"].concat();
            let (first, last) = whole.split_at(header.len() / 2);
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            for pieces in [&[&whole[..]][..], &[first, last], &bytes] {
                let (read, left) = read_of(pieces);
                assert_eq!(read, expected, "{:?}", String::from_utf8_lossy(&header));
                if read.is_ok() {
                    assert_eq!(left, b"GET /");
                }
            }
        }
        assert!(read_of(&[b"PROXY TCP4 203.0"]).0.is_err(), "cut");
    }
}
