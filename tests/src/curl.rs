use std::process::Command;

use serde_json::Value;

/// What curl got.
#[derive(Clone)]
pub struct Answer {
    /// The status; 0 where there was no answer.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// curl's exit code.
    pub code: i32,
    /// What curl said.
    pub errors: String,
    /// The protocol: `1.1`, `2`.
    pub version: String,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(500).collect();
        write!(f, "{} {:?} {body:?} ({}: {})", self.status, self.headers, self.code, self.errors.trim())
    }
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The last word of the problem's type: `voucher-expired`.
    pub fn problem(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().unwrap_or_default();
        kind.rsplit([':', '/']).next().unwrap_or_default().to_owned()
    }
}

/// Runs curl. `arguments` are what a user would type, the URL included; the rest is added so that the answer can be read.
pub fn curl(arguments: &[&str]) -> Answer {
    let folder = tempfile::tempdir().expect("a folder");
    let (head, body) = (folder.path().join("head"), folder.path().join("body"));
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--write-out", "%{http_version}", "--dump-header"])
        .arg(&head)
        .arg("--output")
        .arg(&body)
        .args(arguments)
        .output()
        .expect("curl is installed");
    let head = std::fs::read_to_string(head).unwrap_or_default();
    // With 100 Continue there are several heads; the last one counts.
    let last = head.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let mut lines = last.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Answer {
        status,
        headers: headers.collect(),
        body: std::fs::read(body).unwrap_or_default(),
        code: output.status.code().unwrap_or(-1),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        version: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}
