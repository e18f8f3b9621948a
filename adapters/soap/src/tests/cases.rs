//! REST to SOAP to REST, one exchange a folder of `cases/`: the call, the envelope that it becomes, what the upstream
//! answers, and what the caller gets. A folder without a WSDL or mapping of its own uses those of `cases/` itself.

use std::path::Path;

use adapter_api::{Adapter, AdapterError, AnswerBody, UpstreamBody};
use serde_json::{Value, json};

use super::support::{call, load, spec, upstream};

#[test]
fn every_case_goes_as_written() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut folders: Vec<_> = std::fs::read_dir(&cases).expect("the cases").flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() >= 10, "the cases are there");
    folders.iter().for_each(|folder| check(&cases, folder));
}

fn check(cases: &Path, folder: &Path) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(folder.join("call.json")).unwrap_or_else(|error| panic!("{name}: {error}"));
    let case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let file = |file: &str| if folder.join(file).is_file() { folder.join(file) } else { cases.join(file) };
    let version = case["soap_version"].as_str().unwrap_or("1.1");
    let yaml =
        format!("{{ wsdl: {}, mapping: {}, soap_version: {version} }}", file("service.wsdl").display(), file("mapping.yaml").display());
    let names = |key: &str| case["operation"][key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let operation = spec(case["operation"]["id"].as_str().unwrap_or_default(), &names("path"), &names("query"));
    let (adapter, faults) = load(folder, &yaml, &[operation]);
    let adapter = adapter.unwrap_or_else(|| panic!("{name}: {faults:?}"));

    let pairs = |key: &str| {
        case[key]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let body = case.get("body").map(Value::to_string);
    let mut call = call(&pairs("path"), &pairs("query"), body.as_deref());
    let request = match adapter.request(&mut call) {
        Ok(request) => request,
        Err(error) => return golden(&folder.join("answer.json"), &pretty(&outcome(Err(error)))),
    };
    let UpstreamBody::Bytes(bytes) = request.body else { panic!("{name}: no envelope") };
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let head = format!("<!-- {} | {} -->\n", header("content-type"), header("soapaction"));
    golden(&folder.join("request.xml"), &(head + &String::from_utf8_lossy(&bytes) + "\n"));

    let answer = std::fs::read(folder.join("answer.xml")).unwrap_or_default();
    let status = case["answer"]["status"].as_u64().unwrap_or(200) as u16;
    let media = case["answer"]["content_type"].as_str().unwrap_or("text/xml; charset=utf-8");
    golden(&folder.join("answer.json"), &pretty(&outcome(adapter.answer(&call, upstream(status, media, &answer)))));
}

fn outcome(result: Result<adapter_api::Answer, AdapterError>) -> Value {
    match result {
        Ok(answer) => {
            let AnswerBody::Bytes(bytes) = answer.body else { panic!("the answer is built") };
            let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
            json!({ "status": answer.status.as_u16(), "body": body })
        }
        Err(AdapterError::Call(problem)) => json!({ "call": serde_json::from_slice::<Value>(&problem.to_json("", None)).expect("JSON") }),
        Err(AdapterError::Upstream(problem)) => {
            json!({ "upstream": serde_json::from_slice::<Value>(&problem.to_json("", None)).expect("JSON") })
        }
        Err(AdapterError::Answer { detail, place }) => json!({ "answer": { "detail": detail, "place": place } }),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn golden(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, text).expect("a golden file");
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, expected, "{}; set UPDATE_GOLDEN to write it anew", path.display());
}
