//! What is remembered of a voucher is its signature and claims, never the verdict: each e-service judges anew.

use std::time::Duration;

use sandbox::VoucherSpec;
use serde_json::Value;
use tests::{Answer, Gateway, LUCIA, Scene, eventually, lookup, search};

/// The e-service of the sandbox with another name, base path and instances.
fn service(scene: &Scene, name: &str, instances: &str) -> String {
    scene
        .anagrafe("")
        .replace("  anagrafe:\n", &format!("  {name}:\n"))
        .replace("/anagrafe/v1\n", &format!("/{name}/v1\n"))
        .replace(&scene.instance(), instances)
}

fn start(scene: &Scene, services: &[String]) -> Gateway {
    let first = scene.configuration("").split("eservices:\n").next().expect("a head").to_owned();
    let head = first.replace("tenants:\n", "tenants:\n  altrove: { producer: 11111111-2222-4333-8444-555555555555 }\n");
    Gateway::start(scene.path(), &format!("{head}eservices:\n{}", services.concat()))
}

fn ask(gateway: &Gateway, service: &str, voucher: &str) -> Answer {
    tests::ask(&gateway.url("pdnd", &format!("/{service}/v1/residenze/ricerca")), voucher, &lookup("1", LUCIA).to_string())
}

fn records(scene: &Scene, answer: &Answer) -> Vec<Value> {
    scene.records(answer.header("varco-exchange").expect("an exchange"))
}

#[test]
fn one_voucher_two_e_services() {
    let scene = Scene::new();
    let own = scene.instance();
    let other_audience = own.replace("anagrafe.pietrachiara.example", "altro.pietrachiara.example");
    let other_descriptor = own.replace("6a9f4b0e-52c3-4d8e-8a11-7b2f9c3e5b11", "6a9f4b0e-52c3-4d8e-8a11-7b2f9c3e5b99");
    let other_tenant = own.replace("pietrachiara, pdnd", "altrove, pdnd");
    assert!([&other_audience, &other_descriptor, &other_tenant].iter().all(|instance| **instance != own));
    let names = [("anagrafe", &own), ("udienza", &other_audience), ("versione", &other_descriptor), ("ente", &other_tenant)];
    let services: Vec<String> = names.iter().map(|(name, instance)| service(&scene, name, instance)).collect();
    let gateway = start(&scene, &services);
    let judged = |voucher: &str, name: &str| {
        let answer = ask(&gateway, name, voucher);
        (answer.status, answer.problem())
    };
    let expected = |name: &str| match name {
        "anagrafe" => (200, String::new()),
        "udienza" => (401, "voucher-wrong-audience".into()),
        "versione" => (403, "voucher-wrong-descriptor".into()),
        _ => (403, "voucher-wrong-producer".into()),
    };
    // Accepted first by the one, and refused first by the others; again and again.
    for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
        let voucher = scene.good_voucher();
        for at in order.into_iter().chain(order) {
            let name = names[at].0;
            assert_eq!(judged(&voucher, name), expected(name), "{name} in the order {order:?}");
        }
    }
    assert_eq!(scene.sandbox.department.accesses().total(), 4);
}

#[test]
fn the_voucher_chooses_the_tenant() {
    let scene = Scene::new();
    let own = scene.instance();
    let other = own.replace("pietrachiara, pdnd", "altrove, pdnd");
    let gateway = start(&scene, &[service(&scene, "anagrafe", &format!("{own}, {other}"))]);
    let spec = VoucherSpec::new("valdombra-sociale", "assistenza");
    for (producer, tenant) in
        [("2b7cbf2e-7a0e-4c1c-9a55-6f6f0c2f0a01", "pietrachiara"), ("11111111-2222-4333-8444-555555555555", "altrove")]
    {
        let answer = search(&gateway, &scene.made_voucher(&spec.clone().with_claim("producerId", producer)));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(records(&scene, &answer)[0]["tenant"], tenant);
    }
    let stranger = spec.clone().with_claim("producerId", "99999999-2222-4333-8444-555555555555");
    let answer = search(&gateway, &scene.made_voucher(&stranger));
    assert_eq!((answer.status, &*answer.problem()), (403, "voucher-wrong-producer"));
    let old = spec.with_claim("descriptorId", "6a9f4b0e-52c3-4d8e-8a11-7b2f9c3e5b99");
    let answer = search(&gateway, &scene.made_voucher(&old));
    assert_eq!((answer.status, &*answer.problem()), (403, "voucher-wrong-descriptor"));
}

#[test]
fn a_remembered_voucher_still_expires() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let voucher = scene.made_voucher(&VoucherSpec::new("valdombra-sociale", "assistenza").living(Duration::from_secs(3)));
    assert_eq!(search(&gateway, &voucher).status, 200);
    let refused = eventually("the voucher expires", || Some(search(&gateway, &voucher)).filter(|answer| answer.status != 200));
    assert_eq!((refused.status, &*refused.problem()), (401, "voucher-expired"));
}
