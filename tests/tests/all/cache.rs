//! The cache: what is served again, to whom, for how long, and what makes two questions one.

use serde_json::{Value, json};
use tests::{Answer, Gateway, LUCIA, Rest, SEARCH, Scene, ask, curl, eventually, get, lookup, search};

const CACHED: &str = "    operations: { cercaResidenza: { safe: true, cache: { ttl: 10m, ignore: [\"body:/idOperazioneClient\"], echo: [\"body:/idOperazioneClient\"] } } }\n";

fn exchange(answer: &Answer) -> &str {
    answer.header("varco-exchange").expect("an exchange")
}

fn record(scene: &Scene, answer: &Answer) -> Value {
    scene.records(exchange(answer))[0].clone()
}

#[test]
fn a_hit_has_an_age_and_a_record_of_its_own() {
    let scene = Scene::new();
    let mut gateway = scene.gateway(CACHED);
    let (url, voucher) = (gateway.url("pdnd", SEARCH), scene.good_voucher());
    let first = ask(&url, &voucher, &lookup("prima", LUCIA).to_string());
    assert_eq!((first.status, first.header("age")), (200, None));
    // Written otherwise, with another id of the caller's own: the same question.
    let again: String = lookup("seconda", LUCIA).to_string().replace(":{", " : {\n");
    let second = ask(&url, &voucher, &again);
    assert_eq!(second.status, 200);
    assert!(second.header("age").is_some_and(|age| age.parse::<u32>().is_ok()), "{second:?}");
    assert_eq!(scene.sandbox.department.accesses().total(), 1);
    let mut expected = first.json();
    expected["idOperazioneClient"] = json!("seconda");
    assert_eq!(second.json(), expected, "the caller's own member is its own, the rest as the department said it");
    let (miss, hit) = (record(&scene, &first), record(&scene, &second));
    assert_eq!(miss["op"]["crud"], 2, "a POST that is declared safe reads: {miss}");
    assert_eq!(miss["cache"]["state"], "miss", "{miss}");
    assert_eq!((&hit["cache"]["state"], &hit["cache"]["origin"]), (&json!("hit"), &json!(exchange(&first))), "{hit}");
    assert_eq!((&hit["out"], &hit["subj_n"]), (&json!("success"), &json!(1)));
    assert!(gateway.stop().success());
    assert!(scene.verify().0);
}

#[test]
fn a_mask_is_never_part_of_what_is_kept() {
    let scene = Scene::new();
    let gateway = scene.gateway(CACHED);
    let (whole, cut) = (scene.good_voucher(), scene.voucher("borgoselva-tributi", "tributi"));
    for _ in 0..2 {
        assert!(search(&gateway, &whole).json()["cittadino"]["reddito"].is_string());
        let answer = search(&gateway, &cut);
        assert_eq!((answer.status, answer.json()["cittadino"].get("reddito")), (200, None));
    }
    assert_eq!(scene.sandbox.department.accesses().total(), 2, "the purpose is part of the question");
    assert_eq!(
        search(&gateway, &scene.voucher("valdombra-sociale", "promozioni")).status,
        403,
        "whoever may not ask is not told from the cache"
    );
}

/// A REST department behind an instance for each of two tenants.
struct Shop {
    scene: Scene,
    rest: Rest,
    gateway: Gateway,
}

impl Shop {
    fn open(adapter: &str, cache: &str) -> Self {
        let (scene, rest) = (
            Scene::new(),
            Rest::start(
                r#"{"idOperazioneClient":"x","idOperazioneAnagrafe":"1","cittadino":{"codiceFiscale":"FNTLCU85C52X999H","cognome":"F","nome":"L","dataNascita":"1985-03-12","indirizzi":[]}}"#,
            ),
        );
        let own = scene.instance();
        let operations = format!("    operations: {{ cercaResidenza: {{ safe: true, cache: {{ {cache} }} }} }}\n");
        let configuration = scene.configuration(&operations);
        let soap = configuration.lines().find(|line| line.contains("adapter: { soap")).expect("the adapter");
        let configuration = configuration
            .replace(soap, &format!("    adapter: {{ http: {{ url: \"http://{}\"{adapter} }} }}", rest.address))
            .replace(&own, &format!("{own}, {}", own.replace("pietrachiara, pdnd", "altrove, pdnd")))
            .replace("tenants:\n", "tenants:\n  altrove: { producer: 11111111-2222-4333-8444-555555555555 }\n");
        let gateway = Gateway::start(scene.path(), &configuration);
        Self { scene, rest, gateway }
    }

    fn call(&self, voucher: &str, header: &str, body: &Value) -> Answer {
        let authorization = format!("authorization: Bearer {voucher}");
        let url = self.gateway.url("pdnd", SEARCH);
        let answer = curl(&["-H", &authorization, "-H", "content-type: application/json", "-H", header, "-d", &body.to_string(), &url]);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }
}

#[test]
fn each_part_of_a_question_is_part_of_its_key() {
    let shop = Shop::open("", "ttl: 10m, ignore: [\"body:/idOperazioneClient\"]");
    let spec = sandbox::VoucherSpec::new("valdombra-sociale", "assistenza");
    let voucher = shop.scene.made_voucher(&spec);
    let other_voucher = shop.scene.made_voucher(&spec);
    let other_tenant = shop.scene.made_voucher(&spec.clone().with_claim("producerId", "11111111-2222-4333-8444-555555555555"));
    let other_purpose = shop.scene.made_voucher(&sandbox::VoucherSpec::new("borgoselva-tributi", "tributi"));
    let body = lookup("1", LUCIA);
    let mut other_body = body.clone();
    other_body["datiRichiesta"]["motivoRichiesta"] = json!("altra pratica");
    let cases: [(&str, &str, &str, &Value, bool); 9] = [
        ("the first", &voucher, "x-lingua: it", &body, false),
        ("the same", &voucher, "x-lingua: it", &body, true),
        ("another voucher for the same purpose", &other_voucher, "x-lingua: it", &body, true),
        ("an ignored member", &voucher, "x-lingua: it", &lookup("2", LUCIA), true),
        ("another body", &voucher, "x-lingua: it", &other_body, false),
        ("another tenant", &other_tenant, "x-lingua: it", &body, false),
        ("another purpose", &other_purpose, "x-lingua: it", &body, false),
        ("a header that is forwarded", &voucher, "x-lingua: de", &body, false),
        ("another that is forwarded", &voucher, "x-request-id: 7", &body, false),
    ];
    for (name, voucher, header, body, hit) in cases {
        let before = shop.rest.asked().len();
        let answer = shop.call(voucher, header, body);
        assert_eq!((answer.header("age").is_some(), shop.rest.asked().len() - before), (hit, usize::from(!hit)), "{name}");
    }
    // The way of a message is no part of what it asks.
    let traced = shop.call(&voucher, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &body);
    assert_eq!(traced.header("age"), None, "without x-lingua it is another question");
    assert!(shop.call(&voucher, "traceparent: 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &body).header("age").is_some());
}

#[test]
fn who_asks_is_part_of_the_key_where_the_upstream_is_told() {
    let spec = sandbox::VoucherSpec::new("valdombra-sociale", "assistenza");
    for (adapter, hit) in [("", true), (", identity: { client: X-Client }", false)] {
        let shop = Shop::open(adapter, "ttl: 10m");
        let other = "e8142a35-5fb0-4d7d-a062-92d14e8fb999";
        let other_client = shop.scene.made_voucher(&spec.clone().with_claim("client_id", other).with_claim("sub", other));
        shop.call(&shop.scene.made_voucher(&spec), "x-a: 1", &lookup("1", LUCIA));
        assert_eq!(shop.call(&other_client, "x-a: 1", &lookup("1", LUCIA)).header("age").is_some(), hit, "{adapter}");
    }
}

#[test]
fn what_an_upstream_forbids_is_not_kept_and_what_it_refuses_neither() {
    let shop = Shop::open("", "ttl: 10m");
    let (voucher, body) = (shop.scene.good_voucher(), lookup("1", LUCIA));
    let right = String::from_utf8(shop.call(&voucher, "x-a: 0", &body).body).expect("UTF-8");
    for (at, forbids) in
        ["cache-control: no-store\r\n", "cache-control: private\r\n", "vary: *\r\n", "set-cookie: sessione=1\r\n"].iter().enumerate()
    {
        shop.rest.answer(200, forbids, &right);
        for _ in 0..2 {
            let answer = shop.call(&voucher, &format!("x-a: {at}-{forbids:?}"), &body);
            assert_eq!(answer.header("age"), None, "{forbids}");
        }
    }
    assert_eq!(shop.rest.asked().len(), 9);
    shop.rest.answer(404, "content-type: application/problem+json\r\n", r#"{"type":"urn:x:assente","status":404}"#);
    let url = shop.gateway.url("pdnd", SEARCH);
    let other = lookup("2", LUCIA).to_string();
    assert_eq!([ask(&url, &voucher, &other).status, ask(&url, &voucher, &other).status], [404, 404]);
    shop.rest.answer(200, "", &right);
    let found = ask(&url, &voucher, &other);
    assert_eq!((found.status, found.header("age")), (200, None), "a refusal is not kept");
}

#[test]
fn an_answer_is_used_for_its_time_and_no_longer() {
    let shop = Shop::open("", "ttl: 3s");
    let (voucher, body) = (shop.scene.good_voucher(), lookup("1", LUCIA));
    shop.call(&voucher, "x-a: 1", &body);
    assert!(shop.call(&voucher, "x-a: 1", &body).header("age").is_some());
    let ages = eventually("the answer expires", || {
        let answer = shop.call(&voucher, "x-a: 1", &body);
        (shop.rest.asked().len() == 2).then(|| answer.header("age").map(str::to_owned))
    });
    assert_eq!(ages, None, "what was asked anew is of now");
}

#[test]
fn a_policy_that_wants_it_younger_has_it_asked_anew() {
    let shop = |age: &str| {
        let scene = Scene::new();
        let cedar = std::fs::read_to_string(tests::repository().join("policies/anagrafe.cedar")).expect("the policies");
        std::fs::write(
            scene.path().join("anagrafe.cedar"),
            cedar.replacen("@max_cache_age(\"10m\")", &format!("@max_cache_age(\"{age}\")"), 1),
        )
        .expect("written");
        let shipped = format!("{}/policies/anagrafe.cedar", tests::repository().display());
        let gateway = Gateway::start(scene.path(), &scene.configuration(CACHED).replace(&shipped, "anagrafe.cedar"));
        (scene, gateway)
    };
    let (scene, gateway) = shop("200ms");
    let voucher = scene.good_voucher();
    assert_eq!(search(&gateway, &voucher).status, 200);
    eventually("the kept answer is too old for the policy", || {
        assert_eq!(search(&gateway, &voucher).status, 200);
        (scene.sandbox.department.accesses().total() == 2).then_some(())
    });
    let (scene, gateway) = shop("10m");
    let voucher = scene.good_voucher();
    for _ in 0..4 {
        assert_eq!(search(&gateway, &voucher).status, 200);
    }
    assert_eq!(scene.sandbox.department.accesses().total(), 1);
}

#[test]
fn a_get_is_kept_under_its_path_and_query() {
    let scene = Scene::new();
    let gateway = scene.gateway("    operations: { leggiCittadino: { safe: true, cache: { ttl: 10m } } }\n");
    let voucher = scene.good_voucher();
    let read = |target: &str| get(&gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{target}")), &voucher).header("age").is_some();
    let dated = format!("{LUCIA}?data_riferimento=2026-11-21");
    assert_eq!([read(LUCIA), read(LUCIA), read(&dated), read(&dated), read(LUCIA)], [false, true, false, true, true]);
}

#[test]
fn drift_that_was_let_pass_is_recorded_at_every_hit() {
    let scene = Scene::new();
    let gateway = scene.gateway(&format!("{CACHED}    answers: report\n"));
    let voucher = scene.good_voucher();
    scene.sandbox.department.switch().misbehave(sandbox::Misbehaviour::Replace("+39 0999 100001".into(), "interno 12".into()));
    for state in ["miss", "hit", "hit"] {
        let record = record(&scene, &search(&gateway, &voucher));
        assert_eq!(record["cache"]["state"], state);
        assert!(record["drift"].to_string().contains("/cittadino/telefono"), "{record}");
    }
}
