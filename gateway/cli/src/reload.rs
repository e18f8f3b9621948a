//! `varco plan` and `varco reload`: what another configuration would change, and that it come into force.

use std::process::ExitCode;

use anyhow::Context as _;
use http::{Method, StatusCode};
use proxy::Plan;
use serde_json::Value;

use crate::asking::{Arguments, Asking};

pub(crate) fn plan(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ask(arguments, Method::GET, "/plan")
}

pub(crate) fn reload(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    ask(arguments, Method::POST, "/reload")
}

fn ask(arguments: &Arguments, method: Method, path: &'static str) -> anyhow::Result<ExitCode> {
    let (status, answer): (StatusCode, Value) = Asking::new(&arguments.configured)?.json(method, path)?;
    if arguments.json {
        println!("{answer:#}");
    } else if status.is_success() {
        print!("{}", serde_json::from_value::<Plan>(answer).context("the gateway answered something else")?);
    } else {
        println!("{}", answer["detail"].as_str().unwrap_or("the gateway refused"));
    }
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
