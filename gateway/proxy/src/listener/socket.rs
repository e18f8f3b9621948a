//! Sockets: opened once, one for each worker and address, shared out by the system (SO_REUSEPORT).

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// How many connections may wait to be accepted, for each socket.
pub(super) const BACKLOG: i32 = 1024;

/// The sockets of one address: one for each worker.
#[derive(Debug)]
pub struct Bound {
    /// Port 0 resolved.
    pub address: SocketAddr,
    /// By worker.
    pub sockets: Vec<TcpListener>,
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// Where: an address and port, or a path.
    pub address: String,
    /// Why.
    pub source: io::Error,
}

/// Opens the sockets of an address. A port 0 is resolved by the first of them, and the others take the same.
pub fn bind(address: SocketAddr, workers: usize) -> Result<Bound, BindError> {
    let fail = |source| BindError { address: address.to_string(), source };
    refuse_taken(address).map_err(fail)?;
    let first = open(address).map_err(fail)?;
    let resolved = first.local_addr().map_err(fail)?;
    let mut sockets = vec![first];
    while sockets.len() < workers {
        sockets.push(open(resolved).map_err(fail)?);
    }
    Ok(Bound { address: resolved, sockets })
}

/// SO_REUSEPORT would let a second gateway of the same user share the port unnoticed, and half of the callers would go there.
/// A first bind without it finds out.
fn refuse_taken(address: SocketAddr) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    let socket = socket(address)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` serves both families where the system allows it; an IPv4 address is then seen as mapped.
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_port_zero_once_for_all_workers() -> Result<(), BindError> {
        for address in [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0))] {
            let bound = bind(address, 3)?;
            assert_ne!(bound.address.port(), 0);
            let addresses: Vec<_> = bound.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
            assert_eq!(addresses, [bound.address; 3]);
            assert!(bind(bound.address, 1).is_err(), "a second process is refused the port");
        }
        Ok(())
    }
}
