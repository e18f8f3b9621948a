//! `varco demo`: the main job, shown.
//!
//! A sandbox and a gateway are started in this process, real exchanges are sent over real connections, and for each the
//! request, its way with the time in each stage, the answer and the record are shown. Then the log is verified. It ends with
//! an error if anything differs from what it promises.

mod setting;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use exchange::ExchangeId;
use http::{Request, Response};
use proxy::{Stage, Way};
use sandbox::VoucherSpec;
use sandbox::client::{Consumer, send};
use serde_json::{Value, json};

use setting::Setting;
use steps::{Promise, Step, Voucher, steps};

/// How the demo is shown.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print JSON instead.
    #[arg(long)]
    json: bool,
    /// Keep configuration, contract, policy and log in this folder, to try on.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// How long an answer may take, and a record that nobody waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = match &arguments.keep {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("varco-demo-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let played = runtime.block_on(play(arguments, &folder));
    if arguments.keep.is_none() {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(if played? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One step as it went.
struct Shown {
    id: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
    way: Vec<(Stage, u32)>,
    record: Value,
    broken: Vec<String>,
}

async fn play(arguments: &Arguments, folder: &std::path::Path) -> anyhow::Result<bool> {
    let setting = Setting::build(folder).await?;
    let mut all_kept = true;
    let mut shown_json = Vec::new();
    let mut origin = None;
    for (number, step) in steps().iter().enumerate() {
        let mut shown = show(&setting, step).await.with_context(|| step.title)?;
        check_origin(&mut shown, &mut origin);
        all_kept &= shown.broken.is_empty();
        if arguments.json { shown_json.push(as_json(step, &shown)) } else { print(number + 1, step, &shown) }
    }
    let log = setting.log();
    let Setting { sandbox, gateway, .. } = setting;
    sandbox.stop().await;
    let ended = tokio::task::spawn_blocking(move || gateway.stop()).await?;
    let report = store::read::verify(&log, |_| {})?;
    let whole = report.fault_count == 0 && ended == proxy::Ended::Drained;
    if arguments.json {
        println!("{:#}", json!({ "steps": shown_json, "log": crate::audit::report_json(&report), "kept": all_kept && whole }));
    } else {
        println!("──── the log");
        crate::audit::print_report(&report);
        println!("{}", if all_kept && whole { "\nevery exchange went as promised" } else { "\nNOT everything went as promised" });
    }
    Ok(all_kept && whole)
}

/// A hit must name the exchange whose answer it is: the miss before it.
fn check_origin(shown: &mut Shown, origin: &mut Option<String>) {
    match shown.record.pointer("/cache/state").and_then(Value::as_str) {
        Some("miss") => *origin = Some(shown.id.clone()),
        Some("hit") if shown.record.pointer("/cache/origin").and_then(Value::as_str) != origin.as_deref() => {
            shown.broken.push("the record does not name the exchange that the answer came from".into());
        }
        _ => {}
    }
}

async fn show(setting: &Setting, step: &Step) -> anyhow::Result<Shown> {
    if let Some((from, to)) = step.reload {
        setting.reload(from, to)?;
    }
    let response = send(request(setting, step).await?, PATIENCE).await?;
    let id = response.headers().get("varco-exchange").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (record, way) = (record(setting, &id).await?, way(setting, &id));
    let mut broken = differences(&step.promise, &response, &record);
    if way.is_empty() {
        broken.push("nothing tells which stages it passed".into());
    }
    Ok(Shown {
        status: response.status().as_u16(),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: serde_json::from_slice(response.body()).unwrap_or_default(),
        id,
        way,
        record,
        broken,
    })
}

async fn request(setting: &Setting, step: &Step) -> anyhow::Result<Request<Bytes>> {
    let voucher = match step.voucher {
        Voucher::None | Voucher::Key { .. } => None,
        Voucher::Asked { client, purpose } => {
            let consumer = Consumer::of(&setting.sandbox.pdnd, client, Some(purpose)).context("a client of the registry")?;
            Some(consumer.voucher().await?.token)
        }
        Voucher::Expired { client, purpose } => Some(setting.sandbox.voucher(&VoucherSpec::new(client, purpose).issued_ago(3600))?),
    };
    let url = if matches!(step.voucher, Voucher::Key { .. }) { &setting.departments } else { &setting.url };
    let mut request = Request::builder().method(step.method).uri(format!("{url}{}", step.path));
    if let Voucher::Key { key, purpose } = step.voucher {
        request = request.header("x-api-key", key);
        if let Some(purpose) = purpose {
            request = request.header("varco-purpose", purpose);
        }
    }
    for (name, value) in step.headers {
        request = request.header(*name, *value);
    }
    if let Some(voucher) = voucher {
        request = request.header("authorization", format!("Bearer {voucher}"));
    }
    let body = match &step.body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Bytes::from(body.to_string())
        }
        None => Bytes::new(),
    };
    Ok(request.body(body)?)
}

/// The record of an exchange. That of a stranger's refusal is written without anybody waiting, so it may come a moment later.
async fn record(setting: &Setting, id: &str) -> anyhow::Result<Value> {
    let id = ExchangeId::parse(id).context("the answer names its exchange")?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stored) = store::read::show(&setting.log(), id)?.first() {
            return Ok(serde_json::from_slice(&stored.bytes)?);
        }
        anyhow::ensure!(Instant::now() < deadline, "the exchange {id} left no record");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn way(setting: &Setting, id: &str) -> Vec<(Stage, u32)> {
    let found = setting.ways.try_iter().find(|way: &Way| way.id.to_string() == id);
    found.map(|way| way.stages).unwrap_or_default()
}

fn differences(promise: &Promise, response: &Response<Bytes>, record: &Value) -> Vec<String> {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let mut broken = Vec::new();
    let mut expect = |what: &str, expected: &str, found: &str| {
        if expected != found {
            broken.push(format!("{what} is {found}, and {expected} was promised"));
        }
    };
    expect("the status", &promise.status.to_string(), response.status().as_str());
    expect("the outcome in the record", promise.outcome, record["out"].as_str().unwrap_or("missing"));
    if let Some(problem) = promise.problem {
        let kind = body["type"].as_str().unwrap_or("missing");
        expect("the problem", problem, kind.rsplit([':', '/']).next().unwrap_or(kind));
    }
    if let Some(cache) = promise.cache {
        expect("the cache", cache, record.pointer("/cache/state").and_then(Value::as_str).unwrap_or("missing"));
    }
    for pointer in promise.present {
        expect(pointer, "present", if body.pointer(pointer).is_some() { "present" } else { "absent" });
    }
    for pointer in promise.absent {
        expect(pointer, "absent", if body.pointer(pointer).is_some() { "present" } else { "absent" });
    }
    broken
}

fn print(number: usize, step: &Step, shown: &Shown) {
    println!("──── {number}. {}", step.title);
    println!("\n  {} {}", step.method, step.path);
    if let Some(body) = &step.body {
        println!("{}", indented(&format!("{body:#}"), "    "));
    }
    println!("\n  its way, in microseconds");
    let line: Vec<String> = shown.way.iter().map(|(stage, micros)| format!("{} {micros}", stage.name())).collect();
    println!("    {}", line.join(" → "));
    println!("\n  the answer: {}", shown.status);
    for (name, value) in
        shown.headers.iter().filter(|(name, _)| ["content-type", "age", "retry-after", "x-ratelimit-remaining"].contains(&name.as_str()))
    {
        println!("    {name}: {value}");
    }
    println!("{}", indented(&format!("{:#}", shown.body), "    "));
    println!("\n  the record");
    println!("    {}", shown.record);
    for difference in &shown.broken {
        println!("\n  NOT AS PROMISED: {difference}");
    }
    println!();
}

fn indented(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}")).collect::<Vec<_>>().join("\n")
}

fn as_json(step: &Step, shown: &Shown) -> Value {
    json!({
        "title": step.title,
        "request": { "method": step.method, "path": step.path, "body": step.body },
        "way": shown.way.iter().map(|(stage, micros)| json!({ "stage": stage.name(), "micros": micros })).collect::<Vec<_>>(),
        "answer": { "status": shown.status, "headers": shown.headers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(), "body": shown.body },
        "record": shown.record,
        "broken": shown.broken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISE: Promise = Promise {
        status: 403,
        problem: Some("denied"),
        outcome: "refused",
        cache: Some("miss"),
        present: &["/title"],
        absent: &["/secret"],
    };

    fn broken(status: u16, body: &Value, record: &Value) -> usize {
        let response = Response::builder().status(status).body(Bytes::from(body.to_string())).expect("an answer");
        differences(&PROMISE, &response, record).len()
    }

    #[test]
    fn whatever_differs_from_the_promise_is_told() {
        let body = json!({ "type": "https://varco.example/problems/denied", "title": "x" });
        let record = json!({ "out": "refused", "cache": { "state": "miss" } });
        assert_eq!(broken(403, &body, &record), 0);
        assert_eq!(broken(200, &body, &record), 1);
        for (pointer, value) in [("/type", json!("urn:other")), ("/title", Value::Null), ("/secret", json!(1))] {
            let mut other = body.clone();
            other[&pointer[1..]] = value.clone();
            if value.is_null() {
                other.as_object_mut().expect("an object").remove("title");
            }
            assert_eq!(broken(403, &other, &record), 1, "{pointer}");
        }
        assert_eq!(broken(403, &body, &json!({ "out": "success", "cache": { "state": "hit" } })), 2);
        assert_eq!(broken(403, &Value::Null, &json!({})), 4, "nothing of it came");
    }

    #[test]
    fn a_hit_that_names_another_exchange_is_told() {
        let shown = |id: &str, cache: Value| Shown {
            id: id.into(),
            status: 200,
            headers: Vec::new(),
            body: Value::Null,
            way: Vec::new(),
            record: json!({ "cache": cache }),
            broken: Vec::new(),
        };
        let mut origin = None;
        for (id, cache, told) in [
            ("one", json!({ "state": "miss" }), 0),
            ("two", json!({ "state": "hit", "origin": "one" }), 0),
            ("three", json!({ "state": "hit", "origin": "two" }), 1),
            ("four", json!({ "state": "hit" }), 1),
        ] {
            let mut shown = shown(id, cache);
            check_origin(&mut shown, &mut origin);
            assert_eq!(shown.broken.len(), told, "{id}");
        }
    }
}
