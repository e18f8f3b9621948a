//! The corpora of the fuzz targets, replayed: what a run of the fuzzer once found interesting stays looked at.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Runs a target over every file of its corpus; a failure names the file.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 5, "the corpus of {target} is there");
    for file in files {
        let input = std::fs::read(&file).expect("an input");
        if let Err(panic) = std::panic::catch_unwind(|| run(&input)) {
            eprintln!("in {}", file.display());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn audit_log() {
    replay("audit_log", targets::audit_log::run);
}

#[test]
fn body() {
    replay("body", targets::body::run);
}

#[test]
fn documents() {
    replay("documents", targets::documents::run);
}

#[test]
fn envelope() {
    replay("envelope", targets::envelope::run);
}

#[test]
fn json() {
    replay("json", targets::json::run);
}

#[test]
fn openapi() {
    replay("openapi", targets::openapi::run);
}

#[test]
fn request() {
    replay("request", targets::request::run);
}

#[test]
fn traceparent() {
    replay("traceparent", targets::traceparent::run);
}

#[test]
fn voucher() {
    replay("voucher", targets::voucher::run);
}

#[test]
fn yaml() {
    replay("yaml", targets::yaml::run);
}
