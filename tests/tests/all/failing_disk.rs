//! A disk that fails in the middle: no further answer leaves, the process ends with 5, and what was answered is in the log.
//! And the same with a process that is killed at the worst moments, in a system call of the log's own.

use std::collections::HashSet;

use tests::{Call, Gateway, Load, Scene, Strace, eventually};

use crate::strict_order::header;

/// Runs a gateway in which this fault happens, under load until it has ended; the exit code and the ids that were answered.
fn run(scene: &Scene, fault: &str) -> (Option<i32>, HashSet<String>, Vec<Call>) {
    let (strace, command) = Strace::new(scene.path(), &[fault]);
    let mut gateway = match Gateway::start_under(scene.path(), &scene.configuration(""), command) {
        Ok(gateway) => gateway,
        // The early ones happen while the log is opened or recovered.
        Err(error) if error.starts_with("signal: 9") => return (None, HashSet::new(), Vec::new()),
        Err(error) => panic!("{fault}: {error}"),
    };
    let load = Load::start(4, gateway.address("pdnd"), &scene.good_lookup());
    let status = eventually(fault, || gateway.has_ended());
    let answered = load.end().into_iter().map(|seen| seen.id).collect();
    // The tracer writes its last lines when its child is gone already.
    (status.code(), answered, strace.calls())
}

/// The log after a restart: whole, with everything that was answered, and nothing left open.
fn account(scene: &Scene, answered: &HashSet<String>, fault: &str) {
    let mut gateway = Gateway::start(scene.path(), &scene.configuration(""));
    assert!(gateway.stop().success(), "{fault}");
    let (whole, said) = scene.verify();
    assert!(whole && !said.contains("under way"), "{fault}: {said}");
    let records = scene.log();
    let recorded: HashSet<&str> =
        records.iter().filter(|record| record["ev"] == "exchange").filter_map(|record| record["id"].as_str()).collect();
    let lost: Vec<_> = answered.iter().filter(|id| !recorded.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "{fault}: answered and not recorded: {lost:?}");
}

#[test]
fn a_disk_that_fails_ends_the_gateway_and_no_answer_leaves_after() {
    // Counted in the committer's thread: its first commit, and one amid the load.
    for fault in ["fdatasync:error=EIO:when=3+", "fdatasync:error=EIO:when=9", "pwrite64:error=EIO:when=4+", "pwrite64:error=EIO:when=8"] {
        let scene = Scene::new();
        let (code, answered, calls) = run(&scene, fault);
        assert_eq!(code, Some(5), "{fault}");
        if fault.starts_with("fdatasync") {
            assert_eq!(unproven(&calls), Vec::<String>::new(), "{fault}: answers left whose record the failed log does not have");
        }
        account(&scene, &answered, fault);
    }
}

/// Answers that left after the sync failed and whose record no sync before had made durable. One whose record was durable may
/// still be on its way at that moment: the worker and the committer are two threads.
fn unproven(calls: &[Call]) -> Vec<String> {
    let failed = calls.iter().position(|call| *call == Call::Synced(false)).expect("the sync failed");
    let (before, after) = calls.split_at(failed);
    let synced = before.iter().rposition(|call| *call == Call::Synced(true)).unwrap_or(0);
    let written = |call: &Call| if let Call::Write(bytes) = call { bytes.clone() } else { String::new() };
    let durable: String = before[..synced].iter().map(written).collect();
    let answered = after.iter().filter_map(|call| if let Call::Send(bytes) = call { header(bytes, "varco-exchange") } else { None });
    answered.filter(|id| !durable.contains(&format!(r#"\"ev\":\"exchange\",\"id\":\"{id}\""#))).map(str::to_owned).collect()
}

#[test]
fn a_kill_in_any_system_call_of_the_log_leaves_a_log_that_goes_on() {
    // One log through all of it: each round starts from what the round before left behind.
    let scene = Scene::new();
    let mut answered = HashSet::new();
    // The first few are those of the start and of the first exchange; by the twentieth some were certainly answered.
    for when in (1..=6).chain([20]) {
        for call in ["fdatasync", "pwrite64"] {
            let fault = format!("{call}:signal=SIGKILL:when={when}");
            let (code, seen, _) = run(&scene, &fault);
            assert_eq!(code, None, "{fault}: killed by a signal");
            answered.extend(seen);
            account(&scene, &answered, &fault);
        }
    }
    assert!(!answered.is_empty());
}
