use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use adapter_api::document::{Fault, Faults, Place};

use super::support::{load, spec};
use crate::compile::Compiling;
use crate::schema::{Compiler, Numbers};
use crate::source::Files;
use crate::wsdl::{Selection, Wsdl};

/// Every WSDL of the shared collection, every port, every operation as if it were exposed: it compiles, or is refused with
/// a place and a reason. The outcomes are a golden file, so that a change shows as a difference to review.
#[test]
fn real_descriptions_load_or_are_refused() {
    let Some(data) = data() else { return };
    let catalog = catalog(&data);
    let mut outcome = String::new();
    for path in descriptions(&data) {
        describe(&data, &path, &catalog, &mut outcome);
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/corpus.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &outcome).expect("the golden file");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    for (line, (found, wanted)) in outcome.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, wanted, "line {} of cases/corpus.txt; set UPDATE_GOLDEN to write it anew", line + 1);
    }
    assert_eq!(outcome.lines().count(), expected.lines().count());
}

fn describe(data: &Path, path: &Path, catalog: &[(String, String)], outcome: &mut String) {
    let relative = path.strip_prefix(data).unwrap_or(path).display().to_string();
    let paths: HashMap<String, PathBuf> = catalog.iter().map(|(name, file)| (name.clone(), data.join(file))).collect();
    let mut faults = Faults::new();
    let wsdl = Wsdl::read(path, &mut Files::new(paths), &mut faults);
    _ = writeln!(outcome, "{relative}");
    if let Some(Err(fault)) = wsdl.as_ref().map(|wsdl| wsdl.select(Selection::default())) {
        faults.push(fault);
    }
    print(data, outcome, &faults.sorted());
    let Some(wsdl) = wsdl else { return };
    let mut compiler = Compiler::new(&wsdl.schemas, Numbers::default());
    for port in wsdl.ports() {
        _ = writeln!(outcome, "  {} {:?}", port.name, port.version);
        let mut refused = BTreeMap::new();
        for name in port.operations() {
            let place = Place::file("mapping.yaml");
            let spec = spec(&name, &[], &[]);
            let compiling = Compiling { wsdl: &wsdl, port: &port, spec: &spec, mapped: None, place: &place, compiler: &mut compiler };
            match compiling.run(&name) {
                Ok(_) => _ = writeln!(outcome, "    {name}: compiles"),
                Err(faults) => {
                    assert!(!faults.is_empty(), "{relative} {name} is refused for a reason");
                    _ = writeln!(outcome, "    {name}: refused, {} reasons", faults.len());
                    refused.extend(faults.into_iter().map(|fault| (fault.to_string(), fault)));
                }
            }
        }
        assert!(refused.values().all(|fault| fault.place.position.is_some()), "every reason has a line");
        print(data, outcome, &refused.into_values().collect::<Vec<_>>());
    }
}

fn print(data: &Path, outcome: &mut String, faults: &[Fault]) {
    for fault in faults {
        let text = fault.to_string().replace(&format!("{}/", data.display()), "").replace("\n   ", "");
        _ = writeln!(outcome, "      {text}");
    }
}

/// The same through the front door: a real description, compiled for two of its operations.
#[test]
fn real_descriptions_compile_from_configuration() {
    let Some(data) = data() else { return };
    let operations = [spec("interrogazioneCittadino_enti", &[], &[]), spec("consultazione_sezione", &[], &[])];
    let (adapter, faults) = load(&data, "wsdl: 04-anpr-comuni/3000serviziConsultazione.wsdl", &operations);
    assert!(adapter.is_some(), "{faults:?}");
}

fn data() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/wsdl");
    let found = data.canonicalize().ok();
    if found.is_none() {
        println!("{} is not here: skipped", data.display());
    }
    found
}

fn descriptions(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wsdl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn catalog(data: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(data.join("_catalog/catalog.json")).expect("the catalog");
    let value: serde_json::Value = serde_json::from_str(&text).expect("the catalog is JSON");
    let entries = value.as_object().into_iter().flatten().filter(|(name, _)| name.contains("://"));
    let mut entries: Vec<_> = entries.filter_map(|(name, file)| Some((name.clone(), file.as_str()?.to_owned()))).collect();
    entries.sort();
    entries
}
