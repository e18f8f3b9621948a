//! What of the bytes that were written the other machine has taken.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// The two ends of a connection.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// Bytes that were written and that the other machine has not taken: what the kernel says of the connection (`tx_queue` of proc(5)'s
/// `net/tcp`), since no safe call tells. None where it says nothing: then only time tells.
pub(super) fn unacknowledged(ends: Ends) -> io::Result<u64> {
    let gone = || io::Error::new(io::ErrorKind::NotConnected, "the connection is there no more");
    let file = if ends.0.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    let (local, remote) = (in_hexadecimal(ends.0), in_hexadecimal(ends.1));
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(0) };
    let line = text.lines().map(|line| line.split_ascii_whitespace().skip(1)).find_map(|mut parts| {
        (parts.next()? == local && parts.next()? == remote).then_some(())?;
        parts.nth(1)
    });
    let queue = line.and_then(|queues| queues.split_once(':')).ok_or_else(gone)?.0;
    u64::from_str_radix(queue, 16).map_err(io::Error::other)
}

/// An address as the kernel writes it there: words of 32 bits in the machine's own order.
fn in_hexadecimal(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.as_chunks::<4>().0.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The kernel says what the other end has not taken.
    #[test]
    fn what_was_not_taken_is_counted() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = std::net::TcpListener::bind(address).expect("a port");
            let mut stream = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
            let ends = (stream.local_addr().expect("one end"), stream.peer_addr().expect("the other"));
            assert_eq!(unacknowledged(ends).expect("it is there"), 0, "{address}");
            stream.set_nonblocking(true).expect("it can be");
            // Nobody reads, so sooner or later nothing more is taken.
            while stream.write(&[0; 1 << 12]).is_ok() {}
            assert!(unacknowledged(ends).expect("it is there") > 0, "{address}");
            drop((stream, listener));
        }
        let nobody = "127.0.0.1:1".parse().expect("an address");
        assert!(unacknowledged((nobody, nobody)).is_err());
    }
}
