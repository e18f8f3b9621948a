use super::*;
use crate::{Admission, AppendError, Budget, Refusal};

const MISSING: Refusal<'static> = Refusal { stage: "authenticate", error: "voucher-missing" };

fn refuse(worker: &WorkerLog, strangers: &crate::Strangers, number: u32) {
    worker.append_unawaited(strangers, MISSING, |out| {
        Record { id: Some(id(number)), ..Record::new(Event::Exchange, "gw01", Timestamp::from_seconds(3)) }.to_jcs(out)
    });
}

/// How many refusals the summaries tell.
fn summed(disk: &FakeDisk) -> u64 {
    let mut sum = 0;
    for (_, bytes) in disk.segments() {
        let text = String::from_utf8_lossy(&bytes);
        for part in text.split("\"err\":\"voucher-missing\",\"n\":").skip(1) {
            sum += part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().expect("a count");
        }
    }
    sum
}

#[test]
fn refusals_within_the_budget_are_recorded_and_the_others_counted() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    let strangers = log.strangers("pdnd", Budget { per_second: 1, burst: 5 });
    (0..1000).for_each(|number| refuse(&worker, &strangers, number));
    log.close(MINUTE).expect("closed");
    let single = recorded(&disk, "exchange").len() as u64;
    // The burst, and one for each second that the test took.
    assert!((5..60).contains(&single), "{single}");
    assert_eq!((single + summed(&disk), log.stats().coalesced), (1000, summed(&disk)));
    assert_eq!(verify(&disk).faults, []);
}

#[test]
fn a_summary_is_written_without_any_other_traffic() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    let strangers = log.strangers("pdnd", Budget { per_second: 0, burst: 0 });
    refuse(&worker, &strangers, 1);
    until("the summary", || log.stats().coalesced == 1);
    assert_eq!(summed(&disk.synced()), 1);
    refuse(&worker, &strangers, 2);
    until("the next summary", || log.stats().coalesced == 2);
}

#[test]
fn what_begins_leaves_room_for_the_ends_of_what_has_begun() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    disk.hold();
    let mut tickets = Vec::new();
    let refused = loop {
        let number = tickets.len() as u32;
        match worker.begin(id(number), canonical(&record(Event::Begun, number, 2000))) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
    };
    assert_eq!((refused, log.admits()), (AppendError::QueueFull, Admission::Open), "the next one does not fit, a smaller one would");
    let begun = tickets.len() as u32;
    tickets.extend((0..begun).map_while(|number| worker.end(id(number), canonical(&record(Event::Exchange, number, 300))).ok()));
    assert_eq!(tickets.len() as u32, 2 * begun, "each that began has its end");
    assert_eq!((log.admits(), worker.admits()), (Admission::Crowded, Admission::Crowded));
    disk.let_go();
    for ticket in tickets {
        ticket.wait().expect("durable");
    }
    assert_eq!(log.admits(), Admission::Open, "it opens by itself");
    log.close(MINUTE).expect("closed");
    assert_eq!(verify(&disk).faults, []);
}

#[test]
fn strangers_never_take_the_queue_that_others_need() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    let strangers = log.strangers("pdnd", Budget { per_second: u32::MAX, burst: u32::MAX });
    disk.hold();
    let known = record(Event::Exchange, 1, 8000);
    let mut tickets = vec![worker.end(id(1), canonical(&known)).expect("taken")];
    (0..10_000).for_each(|number| refuse(&worker, &strangers, number));
    let options = small();
    assert!(log.stats().queued_bytes <= (options.queue_bytes - options.queue_reserve) as u64);
    // The reserve is still there for an exchange whose caller is known, until that is full too.
    let refused = loop {
        match worker.end(id(1), canonical(&known)) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
    };
    assert!(tickets.len() > 1);
    assert_eq!(refused, AppendError::QueueFull);
    disk.let_go();
    for ticket in tickets {
        ticket.wait().expect("durable");
    }
    log.close(MINUTE).expect("closed");
    assert_eq!(log.stats().queued_bytes, 0);
    let single = leaves(&disk).iter().filter(|(event, _)| event == "exchange").count() as u64;
    assert!(single + summed(&disk) > 10_000);
}
