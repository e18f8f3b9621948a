use std::task::Waker;

use super::LogError;

/// The slot of an entry that nobody awaits.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// Where the results of a worker's tickets are put: as many as ever waited at once, used again and again.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
enum Slot {
    Free,
    /// Not settled; with the waker of the task that awaits it, once it was polled.
    Pending(Option<Waker>),
    Settled(Result<u64, LogError>),
    /// The ticket is gone and the result is nobody's.
    Abandoned,
}

impl Slots {
    /// A slot for a new ticket. The queue's limit bounds how many there can be.
    pub(super) fn take(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Slot::Pending(None);
            return slot;
        }
        self.slots.push(Slot::Pending(None));
        (self.slots.len() - 1) as u32
    }

    /// Puts a result and gives the waker of whoever awaits it.
    pub(super) fn settle(&mut self, slot: u32, result: Result<u64, LogError>) -> Option<Waker> {
        match std::mem::replace(&mut self.slots[slot as usize], Slot::Settled(result)) {
            Slot::Pending(waker) => waker,
            Slot::Abandoned => {
                self.release(slot);
                None
            }
            Slot::Free | Slot::Settled(_) => None,
        }
    }

    /// The result, after which the slot is free; or the waker is kept.
    pub(super) fn poll(&mut self, slot: u32, waker: &Waker) -> Option<Result<u64, LogError>> {
        match &mut self.slots[slot as usize] {
            Slot::Settled(result) => {
                let result = *result;
                self.release(slot);
                Some(result)
            }
            Slot::Pending(Some(known)) if known.will_wake(waker) => None,
            other => {
                *other = Slot::Pending(Some(waker.clone()));
                None
            }
        }
    }

    /// The ticket is dropped before it had its result.
    pub(super) fn abandon(&mut self, slot: u32) {
        match self.slots[slot as usize] {
            Slot::Settled(_) => self.release(slot),
            _ => self.slots[slot as usize] = Slot::Abandoned,
        }
    }

    fn release(&mut self, slot: u32) {
        self.slots[slot as usize] = Slot::Free;
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_however_a_ticket_ends() {
        let mut slots = Slots::default();
        for _ in 0..10 {
            let [awaited, settled_first, abandoned, dropped_late] = std::array::from_fn(|_| slots.take());
            assert_eq!(slots.poll(awaited, Waker::noop()), None);
            assert!(slots.settle(awaited, Ok(1)).is_some(), "the waker that was left");
            assert_eq!(slots.poll(awaited, Waker::noop()), Some(Ok(1)));
            assert!(slots.settle(settled_first, Err(LogError::Full)).is_none());
            assert_eq!(slots.poll(settled_first, Waker::noop()), Some(Err(LogError::Full)));
            slots.abandon(abandoned);
            assert!(slots.settle(abandoned, Ok(2)).is_none());
            assert!(slots.settle(dropped_late, Ok(3)).is_none());
            slots.abandon(dropped_late);
            assert_eq!((slots.slots.len(), slots.free.len()), (4, 4));
        }
    }
}
