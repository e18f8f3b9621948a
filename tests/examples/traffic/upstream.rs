//! The upstream of the benchmark: fixed answers over HTTP/1.1 with keep-alive, on one thread, as cheap as can be.
//!
//! `traffic upstream PREFIX,CONTENT-TYPE,FILE …` answers a path that begins with a prefix with the file's bytes, the first that fits;
//! anything else is 404. It listens on a free port of the loopback address and prints `ready PORT`.

use std::{fs, io, rc::Rc};

use tokio::{
    net::{TcpListener, TcpStream},
    task::LocalSet,
};

use crate::wire;

/// What is answered to the paths under a prefix: a whole HTTP message, head and body.
struct Route {
    prefix: Vec<u8>,
    answer: Vec<u8>,
}

impl Route {
    fn parse(argument: &str) -> io::Result<Self> {
        let mut parts = argument.splitn(3, ',');
        let (Some(prefix), Some(kind), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(io::Error::other("each argument is PREFIX,CONTENT-TYPE,FILE"));
        };
        let body = fs::read(file)?;
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(&body);
        Ok(Self { prefix: prefix.as_bytes().to_vec(), answer })
    }
}

const ABSENT: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

pub(crate) fn run(arguments: impl Iterator<Item = String>) -> io::Result<()> {
    let routes = arguments.map(|argument| Route::parse(&argument)).collect::<io::Result<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, serve(Rc::new(routes)))
}

async fn serve(routes: Rc<Vec<Route>>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let routes = Rc::clone(&routes);
        // A proxy that goes away is the end of a run, not an error.
        tokio::task::spawn_local(async move { answer(&stream, &routes).await.unwrap_or(()) });
    }
}

async fn answer(stream: &TcpStream, routes: &[Route]) -> io::Result<()> {
    let mut received = Vec::with_capacity(64 * 1024);
    loop {
        while let Some(message) = wire::message(&received) {
            let line = &received[message.first_line.clone()];
            let path = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let bytes = routes.iter().find(|route| path.starts_with(&route.prefix)).map_or(ABSENT, |route| &route.answer);
            write(stream, bytes).await?;
            received.drain(..message.body.end);
        }
        stream.readable().await?;
        match stream.try_read_buf(&mut received) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
