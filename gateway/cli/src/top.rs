//! `varco top`: what the running gateway has done since the last look.

mod page;
mod scrape;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use http::Method;
use proxy::Status;

use crate::asking::{self, Asking};
use page::Page;
use scrape::Scrape;

/// What to watch, and how.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: asking::Arguments,
    /// How often to look.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = every)]
    every: Duration,
    /// How many pages to show; until interrupted if left out.
    #[arg(short = 'n', long, value_name = "PAGES")]
    pages: Option<u64>,
}

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(100);

fn every(text: &str) -> Result<Duration, &'static str> {
    let every = document::parse_duration(text).filter(|every| *every >= SHORTEST);
    every.ok_or("a time with its unit, such as `2s` or `500ms`, from 100ms on")
}

/// Shows pages until as many as were asked for are there. Each is of the time since the one before it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let asking = Asking::new(&arguments.asked.configured)?;
    let mut out = std::io::stdout().lock();
    // Home, and what was below the last page goes: nothing flickers, and what scrolled away stays.
    let (before_page, after_page) = match (arguments.asked.json, out.is_terminal()) {
        (true, _) => ("", ""),
        (false, true) => ("\x1b[H\x1b[2J", ""),
        (false, false) => ("", "\n"),
    };
    let (mut before, mut looked) = (look(&asking)?.1, Instant::now());
    let mut shown = 0;
    while arguments.pages.is_none_or(|pages| shown < pages) {
        std::thread::sleep(arguments.every);
        let (status, now) = look(&asking)?;
        let page = Page::new(&status, &before, &now, looked.elapsed());
        (before, looked) = (now, Instant::now());
        let page = if arguments.asked.json { serde_json::to_string(&page)? + "\n" } else { page.to_string() };
        if write!(out, "{before_page}{page}{after_page}").and_then(|()| out.flush()).is_err() {
            // Whoever read has read enough.
            break;
        }
        shown += 1;
    }
    Ok(ExitCode::SUCCESS)
}

fn look(asking: &Asking) -> anyhow::Result<(Status, Scrape)> {
    let (code, status) = asking.json(Method::GET, "/status")?;
    if !code.is_success() {
        bail!("{}", status["detail"].as_str().unwrap_or("the gateway refused"));
    }
    let status = serde_json::from_value(status).context("the gateway answered something else")?;
    let (_, metrics) = asking.ask(Method::GET, "/metrics")?;
    Ok((status, Scrape::read(&String::from_utf8_lossy(&metrics))))
}
