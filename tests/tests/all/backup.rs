//! A gateway that burned down, and what was kept of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tests::{Gateway, Rest, Site, curl, eventually, varco};

use crate::authority::Authority;

fn ask(gateway: &Gateway) -> String {
    let answer = curl(&[&gateway.url("web", "/c/v1/cose")]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("varco-exchange").expect("an exchange").to_owned()
}

fn records(folder: &Path) -> Vec<Value> {
    let output = varco(folder, &["audit", "list", "-n", "1000000", "--json", "--store", "audit"]);
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Everything that it was is there again, while the log says that something may be missing and goes on under another name.
#[test]
fn what_was_kept_is_put_back_and_the_log_says_so() {
    let (site, upstream, kept) = (Site::new(), Rest::start("{}"), tempfile::tempdir().expect("a folder"));
    Authority::new(site.path(), "ca").sign(site.path(), "server", &["localhost"]);
    let more = format!(
        "  altre:\n    direction: inbound\n    listener: web\n    base_path: /a/v1\n    contract: ../cose.yaml\n    security: [open]\n    \
         acknowledge: [open]\n    adapter: {{ http: {{ url: \"http://{}\" }} }}\n",
        upstream.address
    );
    std::fs::create_dir(site.path().join("altri")).expect("a folder");
    std::fs::write(site.path().join("altri/altre.yaml"), format!("eservices:\n{more}")).expect("it is written");
    std::fs::set_permissions(site.path().join("server.key"), std::fs::Permissions::from_mode(0o640)).expect("it is ours");
    let second = ", tls: [{ certificate: server.pem, key: \"file:server.key\" }]";
    let yaml = Site::configuration("include: [altri/altre.yaml]\n", "", &format!("http://{}", upstream.address), "")
        .replace("listeners:\n", &format!("listeners:\n  sicuro: {{ address: \"127.0.0.1:0\"{second} }}\n"));
    let mut gateway = Gateway::start(site.path(), &yaml);
    let before: Vec<String> = (0..20).map(|_| ask(&gateway)).collect();
    eventually("they are recorded", || (records(site.path()).len() > 20).then_some(()));
    let backup = kept.path().join("copia").display().to_string();
    let run = |arguments: &[&str]| varco(site.path(), arguments);
    let made = run(&["backup", "-c", "varco.yaml", "--to", &backup]);
    assert!(made.status.success(), "{made:?}");
    assert!(String::from_utf8_lossy(&made.stdout).contains("prova at prova, 5 files, the log up to frame"), "{made:?}");
    assert!(!run(&["backup", "-c", "varco.yaml", "--to", &backup]).status.success(), "into a folder of its own");
    let mode = std::fs::metadata(&backup).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "it holds keys");
    let after = ask(&gateway);
    gateway.kill();

    let over = run(&["restore", &backup]);
    assert!(String::from_utf8_lossy(&over.stderr).contains("a log is never overwritten"), "{over:?}");
    std::fs::rename(site.path().join("audit"), kept.path().join("burned")).expect("it is gone");
    std::fs::write(site.path().join("cose.yaml"), "openapi: 3.0.3").expect("somebody tries to mend it");
    let refused = run(&["restore", &backup]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("have changed since") && !site.path().join("audit").exists(), "{refused:?}");
    for name in ["varco.yaml", "cose.yaml", "altri/altre.yaml", "server.pem", "server.key"] {
        std::fs::remove_file(site.path().join(name)).expect("all is gone");
    }
    let restored = run(&["restore", &backup]);
    assert!(restored.status.success(), "{restored:?}");
    assert!(String::from_utf8_lossy(&restored.stdout).contains("the log goes on as prova.example/log/e20"), "{restored:?}");
    let mode = std::fs::metadata(site.path().join("server.key")).expect("it is back").permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "with its rights");

    let gateway = Gateway::start(site.path(), &std::fs::read_to_string(site.path().join("varco.yaml")).expect("it is back"));
    let anew = ask(&gateway);
    let found =
        eventually("it is recorded", || Some(records(site.path())).filter(|found| found.iter().any(|record| record["id"] == *anew)));
    assert!(before.iter().all(|id| found.iter().any(|record| record["id"] == **id)), "what was kept is there");
    assert!(found.iter().all(|record| record["id"] != *after), "what came after is not");
    let at = found.iter().position(|record| record["ev"] == "log.restored").expect("the log says so");
    assert_eq!(found[at]["restored"]["origin"], "prova.example/log");
    assert!(found[at + 1..].iter().all(|record| before.iter().all(|id| record["id"] != **id)), "first of all that is new");
    let verified = run(&["audit", "verify", "--store", "audit"]);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("the log is whole"), "{verified:?}");
    assert!(String::from_utf8_lossy(&verified.stdout).contains("restored from a backup 1 times"), "{verified:?}");
}

/// A backup that is not what was kept, or that only a later version knows, is not put back, and nothing of it.
#[test]
fn what_is_not_what_was_kept_is_not_put_back() {
    let (site, upstream, kept) = (Site::new(), Rest::start("{}"), tempfile::tempdir().expect("a folder"));
    let mut gateway = site.gateway("", "", &format!("http://{}", upstream.address), "");
    ask(&gateway);
    gateway.stop();
    let backup = kept.path().join("copia");
    assert!(varco(site.path(), &["backup", "-c", "varco.yaml", "--to", &backup.display().to_string()]).status.success());
    let root = kept.path().join("altrove");
    let restore = || varco(kept.path(), &["restore", &backup.display().to_string(), "--root", &root.display().to_string()]);
    let manifest = backup.join("manifest.json");
    let whole = std::fs::read_to_string(&manifest).expect("a manifest");
    let log = std::fs::read_dir(backup.join("log")).expect("a log").flatten().next().expect("a segment").path();
    let segment = std::fs::read(&log).expect("a segment");
    let contract = std::fs::read_dir(backup.join("files")).expect("files").flatten().map(|entry| entry.path());
    let contract = contract.into_iter().find(|path| path.to_string_lossy().ends_with("cose.yaml")).expect("the contract");
    let text = std::fs::read(&contract).expect("the contract");
    let mut damaged = segment.clone();
    damaged[700] ^= 1;
    for (path, now, was, said) in [
        (&manifest, whole.replace("\"format\": 1", "\"format\": 2").into_bytes(), whole.clone().into_bytes(), "is of the format 2"),
        (&manifest, whole.replace("files/0000", "../files/0000").into_bytes(), whole.clone().into_bytes(), "is no name in a backup"),
        (&manifest, whole.replace("cose.yaml\",", "../cose.yaml\",").into_bytes(), whole.clone().into_bytes(), "is no place of a file"),
        (&contract, b"openapi: 3.1.0".to_vec(), text, "is not what"),
        (&log, damaged, segment, "is not the one that was copied"),
    ] {
        std::fs::write(path, now).expect("it can be altered");
        let refused = restore();
        assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains(said), "{said}: {refused:?}");
        assert!(!root.exists(), "{said}");
        std::fs::write(path, was).expect("it can be mended");
    }
    let restored = restore();
    assert!(restored.status.success(), "{restored:?}");
    let elsewhere = root.join(site.path().strip_prefix("/").expect("an absolute path"));
    assert!(elsewhere.join("varco.yaml").is_file() && elsewhere.join("audit").is_dir());
    std::fs::remove_file(&manifest).expect("it is there");
    assert!(String::from_utf8_lossy(&restore().stderr).contains("a backup is whole once it is there"));
}

/// Links are links again and lead to what they led to; one that was never started is put back too; what cannot be written stops it before
/// anything is there; and it can be done again.
#[test]
fn a_restoration_that_breaks_off_can_be_done_again() {
    let (site, kept) = (Site::new(), tempfile::tempdir().expect("a folder"));
    std::fs::create_dir(site.path().join("vero")).expect("a folder");
    std::fs::rename(site.path().join("cose.yaml"), site.path().join("vero/cose.yaml")).expect("it is moved");
    std::os::unix::fs::symlink("vero/cose.yaml", site.path().join("cose.yaml")).expect("a link");
    std::fs::create_dir(site.path().join("audit")).expect("a folder as systemd makes it");
    std::fs::write(site.path().join("varco.yaml"), Site::configuration("", "", "http://127.0.0.1:1", "")).expect("it is written");
    let backup = kept.path().join("copia").display().to_string();
    let made = varco(site.path(), &["backup", "-c", "varco.yaml", "--to", &backup]);
    assert!(String::from_utf8_lossy(&made.stdout).contains("3 files, no log yet"), "{made:?}");
    for name in ["cose.yaml", "vero/cose.yaml", "varco.yaml"] {
        std::fs::remove_file(site.path().join(name)).expect("it is gone");
    }
    // A folder in the place of a file: nothing can be written there.
    std::fs::create_dir(site.path().join(".varco.yaml.restored")).expect("something in the way");
    assert!(!varco(site.path(), &["restore", &backup]).status.success());
    assert!(!site.path().join("cose.yaml").exists() && !site.path().join("varco.yaml").exists(), "nothing is there yet");
    std::fs::remove_dir(site.path().join(".varco.yaml.restored")).expect("it is gone");
    let restored = varco(site.path(), &["restore", &backup]);
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(std::fs::read_link(site.path().join("cose.yaml")).expect("a link"), Path::new("vero/cose.yaml"));
    let said = varco(site.path(), &["check", "-c", "varco.yaml"]);
    assert!(said.status.success(), "{said:?}");
}
