//! What group commit is worth on this disk: records a second with 64 and with 256 exchanges at once, against one fdatasync a
//! record.
//!
//! Rounds of both alternate in the same folder, so that what else the machine does troubles them alike; the ratio is the median
//! of the rounds'. Usage: `commit_bench [folder] [seconds a round] [rounds]`; it prints one line of JSON.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use audit::{Canonical, Event, Record};
use exchange::{ExchangeId, Timestamp};
use store::{AuditLog, Options, WorkerLog};

const RECORD: usize = 512;
/// How many exchanges wait for their records at once: a quiet gateway, and one that has something to do.
const EXCHANGES: [u64; 2] = [64, 256];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(|| PathBuf::from("target/commit-bench"), PathBuf::from);
    let seconds = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    std::fs::create_dir_all(&folder)?;
    let span = Duration::from_secs_f64(seconds);
    let mut single = Vec::new();
    let mut group = EXCHANGES.map(|_| Vec::new());
    let mut ratios = EXCHANGES.map(|_| Vec::new());
    for _ in 0..rounds {
        let one = single_rate(&folder, span)?;
        single.push(one);
        for (at, exchanges) in EXCHANGES.into_iter().enumerate() {
            let many = group_rate(&folder, span, exchanges)?;
            group[at].push(many);
            ratios[at].push(many / one);
        }
    }
    let groups: Vec<String> = EXCHANGES
        .iter()
        .zip(group.iter_mut().zip(&mut ratios))
        .map(|(exchanges, (rates, ratios))| {
            format!("{{\"exchanges\":{exchanges},\"per_s\":{:.0},\"ratio\":{:.1}}}", median(rates), median(ratios))
        })
        .collect();
    println!("{{\"single_fdatasync_per_s\":{:.0},\"group_commit\":[{}]}}", median(&mut single), groups.join(","));
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Records of the same size, each appended to an allocated file and synced by itself.
fn single_rate(folder: &Path, span: Duration) -> std::io::Result<f64> {
    let path = folder.join("single");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let room = 64 << 20;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, room)?;
    file.sync_all()?;
    let record = record();
    let start = Instant::now();
    let mut written = 0_u32;
    while start.elapsed() < span {
        file.write_all_at(&record, u64::from(written) * RECORD as u64 % room)?;
        file.sync_data()?;
        written += 1;
    }
    let rate = f64::from(written) / start.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

/// The same records through the log, from one worker's runtime with so many exchanges at once.
fn group_rate(folder: &Path, span: Duration, exchanges: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let path = folder.join("log");
    let log = AuditLog::open(&path, Options::new("varco.example/log/bench", "bench"))?;
    let worker = log.worker();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let start = Instant::now();
    let written: u64 = runtime.block_on(async {
        let pump = tokio::spawn(worker.pump());
        let tasks: Vec<_> = (0..exchanges).map(|_| tokio::spawn(append_until(worker.clone(), start + span))).collect();
        let mut written = 0;
        for task in tasks {
            written += task.await.unwrap_or(0);
        }
        pump.abort();
        written
    });
    let rate = written as f64 / start.elapsed().as_secs_f64();
    log.close(Duration::from_secs(30))?;
    std::fs::remove_dir_all(path)?;
    Ok(rate)
}

async fn append_until(worker: WorkerLog, end: Instant) -> u64 {
    let record = record();
    let id = ExchangeId::new(Timestamp::from_seconds(1), [0; 10]);
    let mut written = 0;
    // What the proxy writes is canonical by its type; only this program has to check.
    let Ok(record) = Canonical::check(&record) else { return 0 };
    while Instant::now() < end {
        let Ok(ticket) = worker.end(id, record) else { break };
        if ticket.await.is_err() {
            break;
        }
        written += 1;
    }
    written
}

/// A record of exactly 512 bytes.
fn record() -> Vec<u8> {
    let id = ExchangeId::new(Timestamp::from_seconds(1), [0; 10]);
    let build = |filler: &str| {
        let mut bytes = Vec::new();
        let record = Record { id: Some(id), error: Some(filler), ..Record::new(Event::Exchange, "bench", Timestamp::from_seconds(1)) };
        // Far below the longest record.
        record.to_jcs(&mut bytes).map(|_| ()).map(|()| bytes).unwrap_or_default()
    };
    build(&"x".repeat(RECORD - build("").len()))
}
