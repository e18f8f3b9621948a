//! schemathesis (PyPI) makes up requests from a document, good ones and bad ones, and looks whether the gateway tells them apart: before an
//! upstream that answers everything, whatever good one is refused and whatever bad one passes is the gateway's fault.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Case, Gateway, Site, Witness, repository, unprotected};

/// How many requests of each kind are made up for an operation.
const EXAMPLES: &str = "25";

/// What is looked at: the upstream's own answers are not.
const CHECKS: &str = "not_a_server_error,negative_data_rejection,positive_data_acceptance,missing_required_header,unsupported_method";

/// Documents of this repository. Styles other than the usual ones and encodings of fields are left to the cases: schemathesis writes
/// parameters in the usual ones whatever the document says.
const DOCUMENTS: [&str; 5] = [
    "specs/anpr-c020/openapi.yaml",
    "tests/peers/nginx/openapi.yaml",
    "tests/peers/stub/openapi.yaml",
    "specs/anagrafe/openapi.yaml",
    "tests/peers/xml/openapi.yaml",
];

/// Cases of the contract whose documents are written for all of JSON Schema.
const CASES: [&str; 2] = ["composition", "schema-3.1"];

#[test]
fn it_finds_nothing() {
    let (site, witness) = (Site::new(), Witness::hello());
    let cases: Vec<Case> = tests::cases().into_iter().filter(|case| CASES.contains(&&*case.name)).collect();
    assert_eq!(cases.len(), CASES.len(), "each case is there");
    let own = DOCUMENTS.iter().map(|path| of_repository(site.path(), path));
    let documents: Vec<(String, PathBuf)> = own.chain(cases.iter().map(|case| of_case(site.path(), case))).collect();
    let mut yaml = Site::head();
    for (name, path) in &documents {
        yaml += &format!(
            "  {name}:\n    direction: inbound\n    listener: web\n    base_path: /{name}\n    contract: {}\n    security: [open]\n    \
             acknowledge: [open]\n    answers: off\n    status: proxied\n    adapter: {{ http: {{ url: \"{}\" }} }}\n",
            path.display(),
            witness.url()
        );
    }
    let gateway = Gateway::start(site.path(), &yaml);
    for (name, path) in &documents {
        let output = Command::new(repository().join(".work/venv/bin/st"))
            .current_dir(site.path())
            .args(["run", &path.display().to_string(), "--url", &gateway.url("web", &format!("/{name}"))])
            .args(["--checks", CHECKS, "--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"])
            .args(["--seed", "1", "--no-color", "--continue-on-failure"])
            .output()
            .expect("schemathesis can be run: `make setup` installs it");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("No issues found"), "{name}: {said}");
    }
    assert!(witness.count() > 300, "only {} good ones were made up", witness.count());
}

fn of_repository(folder: &Path, path: &str) -> (String, PathBuf) {
    let path = repository().join(path);
    let name = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
    // Here nobody is asked for the voucher that the document promises.
    let open = if name == "anagrafe" { unprotected(folder).into() } else { path };
    (name, open)
}

fn of_case(folder: &Path, case: &Case) -> (String, PathBuf) {
    let path = folder.join(format!("{}.yaml", case.name));
    std::fs::write(&path, case.document()).expect("a file");
    (case.name.replace('.', "-"), path)
}
