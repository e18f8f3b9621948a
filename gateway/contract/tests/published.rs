//! Every published document that lies beside the repository compiles, or is refused with place and reason: as it is written
//! in `published.txt`.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use contract::{CompileOptions, Contract};
use document::{Faults, Tree};

/// How many faults of a document are listed.
const MOST: usize = 12;

#[test]
fn published_documents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/openapi");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut outcome = String::new();
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => std::fs::read_to_string(&path).expect("readable"),
            Some("gz") => {
                let mut text = String::new();
                let file = std::fs::File::open(&path).expect("readable");
                flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("a document");
                text
            }
            _ => continue,
        };
        outcome += &compiled(name.trim_end_matches(".gz"), &text);
    }
    assert_eq!(outcome, include_str!("published.txt"));
}

fn compiled(name: &str, text: &str) -> String {
    let faults = RefCell::new(Faults::new());
    let tree = faults.borrow_mut().keep(Tree::parse(name, text));
    let contract = tree.and_then(|tree| Contract::compile(&tree.into(), &CompileOptions::default(), &faults));
    let mut outcome = match contract {
        Some(contract) => format!("{name}: {} operations\n", contract.operations().len()),
        None => format!("{name}: refused\n"),
    };
    let faults = faults.into_inner().sorted();
    for fault in faults.iter().take(MOST) {
        writeln!(outcome, "  {}", fault.to_string().replace('\n', "\n  ")).expect("a text grows");
    }
    if faults.len() > MOST {
        writeln!(outcome, "  and {} more", faults.len() - MOST).expect("a text grows");
    }
    outcome
}
