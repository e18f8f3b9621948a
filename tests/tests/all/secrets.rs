//! What must not be anywhere: people, vouchers and keys, in the log, the lines, the metrics and the refusals.

use std::path::Path;

use sandbox::{Misbehaviour, VoucherSpec};
use tests::{LUCIA, Scene, curl, lookup};

/// Everything that may be written, as one text.
fn written(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(written(&path));
        } else if path.file_name().is_some_and(|name| name != "varco.yaml") {
            files.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    files
}

#[test]
fn no_person_voucher_or_key_is_written_anywhere() {
    let scene = Scene::new();
    let department = &scene.sandbox.department;
    let mut gateway = scene.gateway("    operations: { cercaResidenza: { safe: true, cache: { ttl: 10m, ignore: [\"body:/idOperazioneClient\"], echo: [\"body:/idOperazioneClient\"] } } }\n");
    let search = gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca");
    let good = scene.good_voucher();
    let other = scene.voucher("borgoselva-tributi", "tributi");
    let expired = scene.made_voucher(&VoucherSpec::new("valdombra-sociale", "assistenza").issued_ago(3600));
    let vouchers = [&good, &other, &expired];
    let mut refusals = String::new();
    let mut ask = |arguments: &[&str], voucher: &str| {
        let bearer = format!("authorization: Bearer {voucher}");
        let answer = curl(&[&["-H", &bearer, "-H", "content-type: application/json"], arguments].concat());
        if answer.status >= 400 {
            refusals += &format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        }
        answer.status
    };

    // Found twice, once from the cache; by path; unknown; malformed in body, path and query; twice the same member.
    let citizens = department.citizens();
    assert!(citizens.len() > 3);
    for citizen in &citizens {
        let body = lookup("20261121000001", &citizen.codice_fiscale).to_string();
        for voucher in vouchers {
            ask(&["-d", &body, &search], voucher);
        }
        ask(&[&gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{}", citizen.codice_fiscale))], &good);
    }
    let unknown = "RSSMRA80A01H501U";
    let malformed = "RSSMRA80A01H501UU";
    assert_eq!(ask(&["-d", &lookup("1", unknown).to_string(), &search], &good), 404);
    assert_eq!(ask(&["-d", &lookup("1", malformed).to_string(), &search], &good), 400);
    assert_eq!(ask(&[&gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{malformed}"))], &good), 400);
    ask(&[&gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{LUCIA}?{unknown}={LUCIA}"))], &good);
    assert_eq!(ask(&[&gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{LUCIA}?data_riferimento={unknown}"))], &good), 400);
    assert_eq!(ask(&["-d", &format!("{{\"{LUCIA}\":1,\"{LUCIA}\":2}}"), &search], &good), 400);
    assert_eq!(ask(&["-d", &format!("{{\"{LUCIA}\": "), &search], &good), 400);
    assert_eq!(ask(&["-X", LUCIA, &search], &good), 405);
    assert_eq!(ask(&[&gateway.url("pdnd", &format!("/{LUCIA}/{unknown}"))], &good), 404);
    // A department that breaks the contract with a person's data, or cannot be understood at all.
    for how in [
        Misbehaviour::Replace("99010".into(), format!("{LUCIA}-99010")),
        Misbehaviour::Replace("<cognome>".into(), format!("<altro>{unknown}</altro><cognome>")),
        Misbehaviour::WrongElement,
        Misbehaviour::Html,
        Misbehaviour::Doctype,
        Misbehaviour::Cut,
    ] {
        department.switch().misbehave_times(1, how);
        ask(&[&gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{LUCIA}"))], &good);
    }
    let metrics = curl(&[&gateway.url("admin", "/metrics")]);
    assert_eq!(metrics.status, 200);
    assert!(gateway.stop().success());
    assert!(scene.log().len() > citizens.len() * 4, "the session left its records");

    let mut secrets = vec![unknown.to_owned(), malformed.to_owned(), unknown.to_lowercase()];
    for citizen in &citizens {
        secrets.extend([citizen.codice_fiscale.clone(), citizen.codice_fiscale.to_lowercase(), citizen.cognome.clone()]);
        secrets.push(format!("{} {}", citizen.cognome, citizen.nome));
    }
    for voucher in vouchers {
        // Whole, and its signature alone: the claims are the record's business.
        secrets.extend([voucher.clone(), voucher.rsplit('.').next().expect("a signature").to_owned()]);
    }
    let mut places = written(scene.path());
    assert!(places.iter().any(|(place, _)| place.ends_with("stderr.log")) && places.iter().any(|(place, _)| place.ends_with("00.log")));
    places.push(("the metrics".to_owned(), metrics.body));
    places.push(("the refusals".to_owned(), refusals.into_bytes()));
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for secret in &secrets {
            if let Some(at) = text.find(secret.as_str()) {
                let start = text.floor_char_boundary(at.saturating_sub(200));
                panic!("{secret} is in {place}: …{}", &text[start..text.floor_char_boundary(at + secret.len() + 50)]);
            }
        }
        assert!(!text.contains("PRIVATE KEY"), "a key is in {place}");
    }
}
