use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Answer, Wire};

/// An answer whose head arrived: whose exchange it was, and its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The exchange's id.
    pub id: String,
    /// The status.
    pub status: u16,
}

/// Callers that ask the same again and again, each on a connection of its own, and note what they saw.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<Vec<Seen>>>,
}

impl Load {
    /// So many callers that send these bytes; a caller whose connection ends makes a new one.
    pub fn start(callers: usize, address: SocketAddr, request: &[u8]) -> Self {
        Self::watched(callers, address, request, |_| {})
    }

    /// The same with somebody who looks at each answer the moment its head is there.
    pub fn watched(callers: usize, address: SocketAddr, request: &[u8], look: impl Fn(&Answer) + Clone + Send + 'static) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let spawn = |_| {
            let (stop, answered, request, look) = (stop.clone(), answered.clone(), request.to_vec(), look.clone());
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut wire) = Wire::connect(address) else {
                        std::thread::sleep(Duration::from_millis(2));
                        continue;
                    };
                    while !stop.load(Ordering::Relaxed) && wire.send(&request) {
                        let answer = wire.answer_noting(|head| {
                            look(head);
                            let id = head.header("varco-exchange").expect("every answer names its exchange").to_owned();
                            seen.push(Seen { id, status: head.status });
                        });
                        if answer.is_none() {
                            break;
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
                seen
            })
        };
        let callers = (0..callers).map(spawn).collect();
        Self { stop, answered, callers }
    }

    /// Whole answers so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more answers came. Each may take as long as anything may; a busy machine is no failure.
    pub fn wait_for_more(&self, answers: usize) {
        let goal = self.answered() + answers;
        while self.answered() < goal {
            let now = self.answered();
            crate::eventually("the load is answered", || (self.answered() > now).then_some(()));
        }
    }

    /// Ends the load; what the callers saw.
    pub fn end(mut self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.drain(..).flat_map(|caller| caller.join().expect("no caller fails")).collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
