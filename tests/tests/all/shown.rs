//! What somebody new sees first: `varco demo`, and `varco sandbox` to try things on.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tests::{Site, binary, curl, varco};

#[test]
fn the_demo_keeps_its_promises_in_text_and_in_json() {
    let site = Site::new();
    let out = varco(site.path(), &["demo", "--json", "--keep", "kept"]);
    let told: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert!(out.status.success(), "{told:#}");
    assert_eq!((&told["kept"], &told["log"]["whole"]), (&true.into(), &true.into()), "{:#}", told["log"]);
    let steps = told["steps"].as_array().expect("steps");
    for step in steps {
        let title = &step["title"];
        assert_eq!(step["broken"], serde_json::json!([]), "{title}");
        assert!(step["way"].as_array().is_some_and(|way| way.iter().all(|stage| stage["micros"].is_u64()) && !way.is_empty()), "{title}");
        assert!(step["request"]["path"].is_string() && step["answer"]["status"].is_u64(), "{title}");
        assert_eq!(step["record"]["ev"], "exchange", "{title}");
    }
    let outcomes: Vec<&str> = steps.iter().filter_map(|step| step["record"]["out"].as_str()).collect();
    for outcome in ["success", "refused", "failed"] {
        assert!(outcomes.contains(&outcome), "{outcomes:?}");
    }
    let checked = varco(site.path(), &["check", "-c", "kept/varco.yaml"]);
    assert!(checked.status.success(), "what it keeps can be run: {checked:?}");
    let text = varco(site.path(), &["demo"]);
    let said = String::from_utf8_lossy(&text.stdout);
    assert!(text.status.success() && said.ends_with("\nevery exchange went as promised\n"), "{said}");
    assert_eq!(said.matches("its way, in microseconds").count(), steps.len());
}

/// A sandbox that runs; killed when dropped.
struct Sandbox {
    child: Child,
    said: Vec<String>,
}

impl Sandbox {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        let command = command.current_dir(folder).arg("sandbox").args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let said = lines.take_while(|line| !line.starts_with("Ctrl-C")).collect();
        Self { child, said }
    }

    fn of(&self, name: &str) -> &str {
        self.said.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {:?}", self.said)).trim()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_sandbox_says_where_it_listens_on_free_ports_and_on_chosen_ones() {
    let site = Site::new();
    let first = Sandbox::start(site.path(), &["--keys", "keys"]);
    let keys = curl(&[first.of("key set")]).json();
    assert!(keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{keys}");
    assert_eq!(curl(&["-d", "grant_type=client_credentials", first.of("token endpoint")]).status, 400, "without an assertion");
    let wsdl = curl(&[first.of("its WSDL")]);
    assert!(String::from_utf8_lossy(&wsdl.body).contains("definitions"), "{wsdl:?}");
    assert!(site.path().join("keys").read_dir().expect("a folder").next().is_some());
    let place = |name: &str| first.of(name).split('/').nth(2).expect("a URL").to_owned();
    let (pdnd, department) = (place("key set"), place("department"));
    drop(first);
    let again = Sandbox::start(site.path(), &["--pdnd", &pdnd, "--department", &department]);
    assert_eq!(again.of("department"), format!("http://{department}/ws/anagrafe"));
    assert_eq!(curl(&[&format!("http://{pdnd}/.well-known/jwks.json")]).status, 200);
}
