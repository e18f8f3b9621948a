//! What a compiled contract keeps in memory: compiles a document, drops it, and tells how much larger the process is than before.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Instant;

use contract::{CompileOptions, Contract, Documents};
use document::{Faults, Tree};

fn main() {
    let path: PathBuf = std::env::args_os().nth(1).expect("the path of a document").into();
    let before = resident();
    let began = Instant::now();
    let documents: Documents = Tree::read(&path).unwrap_or_else(|fault| panic!("{fault}")).into();
    let read = began.elapsed();
    let faults = RefCell::new(Faults::new());
    let contract = Contract::compile(&documents, &CompileOptions::default(), &faults).unwrap_or_else(|| panic!("{faults:?}"));
    let compiled = began.elapsed().saturating_sub(read);
    drop(documents);
    println!(
        "{} operations, read in {read:.2?}, compiled in {compiled:.2?}; {:.1} MiB larger than before, {:.1} at the peak",
        contract.operations().len(),
        mebibytes(resident().saturating_sub(before)),
        mebibytes(line("VmHWM:").saturating_sub(before))
    );
}

fn resident() -> u64 {
    line("VmRSS:")
}

/// A line of the process's own status, in KiB.
fn line(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let value = status.lines().find_map(|line| line.strip_prefix(name)).and_then(|value| value.trim().split(' ').next()?.parse().ok());
    value.expect("a figure")
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
