//! The two ends of the benchmark's traffic, so that only the proxy between them is somebody's product.
//!
//! `traffic upstream …` answers, `traffic load …` asks and checks each answer; both run on one thread.

mod load;
mod upstream;
mod wire;

use std::{env, io};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("upstream") => upstream::run(arguments),
        Some("load") => load::run(arguments),
        _ => Err(io::Error::other("usage: traffic upstream|load …")),
    }
}
