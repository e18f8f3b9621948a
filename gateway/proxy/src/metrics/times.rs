//! A histogram of times that no exchange waits for, and whose counting costs it next to nothing: the library's own has a lock,
//! and even an atomic addition waits for all that was written before it. Here each thread that counts has a part of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds in microseconds: from a tenth of a millisecond to half a minute.
const BOUNDS: [u32; 16] =
    [100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000, 30_000_000];

/// How often something took how long. A clone counts into the same.
#[derive(Clone, Debug)]
pub struct Times(Arc<[Counts]>);

/// What one thread counts, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Counts {
    /// One for each bound, and one for what took longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Times {
    /// To be counted by so many threads.
    pub fn new(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| Counts::default()).collect())
    }

    /// Something took so many microseconds. Each thread names itself by a number of its own: two that used one would lose counts.
    pub fn took(&self, thread: usize, micros: u32) {
        let Some(counts) = self.0.get(thread) else { return };
        let bucket = BOUNDS.iter().position(|&bound| micros <= bound).unwrap_or(BOUNDS.len());
        let add = |cell: &AtomicU64, more: u64| cell.store(cell.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        add(&counts.buckets[bucket], 1);
        add(&counts.micros, micros.into());
    }
}

impl TypedMetric for Times {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Times {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = BOUNDS.iter().map(|&micros| f64::from(micros) / 1e6).chain([f64::MAX]);
        let of_all = |cell: &dyn Fn(&Counts) -> &AtomicU64| self.0.iter().map(|counts| cell(counts).load(Ordering::Relaxed)).sum::<u64>();
        let buckets: Vec<(f64, u64)> = bounds.enumerate().map(|(at, bound)| (bound, of_all(&|counts| &counts.buckets[at]))).collect();
        // Counted from the buckets, so that the two agree whatever is counted meanwhile.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = of_all(&|counts| &counts.micros) as f64 / 1e6;
        encoder.encode_histogram(sum, count, &buckets, None::<&HashMap<usize, Exemplar<NoLabelSet, f64>>>)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn reads_as_a_histogram_in_seconds() {
        let times = Times::new(3);
        for (at, micros) in [1, 100, 101, 3_000_000, u32::MAX].into_iter().enumerate() {
            times.clone().took(at % 3, micros);
        }
        let mut registry = Registry::default();
        registry.register("t", "Times", times);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writable");
        let of = |bound: &str| text.lines().find_map(|line| line.strip_prefix(&format!("t_bucket{{le=\"{bound}\"}} "))).map(str::to_owned);
        let found = ["0.0001", "0.00025", "2.5", "10.0", "30.0", "+Inf"].map(|bound| of(bound).unwrap_or_default());
        assert_eq!(found, ["2", "3", "3", "4", "4", "5"], "{text}");
        assert!(text.contains("t_count 5\n") && text.contains("t_sum 4297.967497\n"), "{text}");
    }
}
