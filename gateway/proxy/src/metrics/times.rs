//! A histogram of times that no exchange waits for: atomics, where the library's own has a lock.

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
#[derive(Clone, Debug, Default)]
pub struct Times(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// One for each bound, and one for what took longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Times {
    /// Something took so many microseconds.
    pub fn took(&self, micros: u32) {
        let bucket = BOUNDS.iter().position(|&bound| micros <= bound).unwrap_or(BOUNDS.len());
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        // Most stages of most exchanges.
        if micros > 0 {
            self.0.micros.fetch_add(u64::from(micros), Ordering::Relaxed);
        }
    }
}

impl TypedMetric for Times {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Times {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = BOUNDS.iter().map(|&micros| f64::from(micros) / 1e6).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(&self.0.buckets).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect();
        // Counted from the buckets, so that the two agree whatever is counted meanwhile.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.micros.load(Ordering::Relaxed) as f64 / 1e6;
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
        let times = Times::default();
        for micros in [1, 100, 101, 3_000_000, u32::MAX] {
            times.clone().took(micros);
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
