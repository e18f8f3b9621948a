//! Metrics as OpenTelemetry's data model has them: the same numbers that Prometheus reads, under the same names.

use exchange::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{nanos, scope, text};
use crate::metrics::{MetricFamily, Sample};

/// What is exported of the metrics, which have been counted since `began`; but for those of an e-service that a reload took out and
/// another brought back, which begin anew under the same beginning.
pub(super) fn request(resource: &Resource, families: &[MetricFamily], began: Timestamp, now: Timestamp) -> ExportMetricsServiceRequest {
    let metrics = families.iter().filter_map(|family| metric(family, Period { began: nanos(began), now: nanos(now) })).collect();
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource: Some(resource.clone()), scope_metrics, ..ResourceMetrics::default() }],
    }
}

/// From when on something was counted, and until when.
#[derive(Clone, Copy)]
struct Period {
    began: u64,
    now: u64,
}

/// A metric, as far as there is anything in it.
fn metric(family: &MetricFamily, period: Period) -> Option<Metric> {
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind.as_str() {
        "counter" => Data::Sum(Sum { data_points: numbers(family, period), aggregation_temporality: cumulative, is_monotonic: true }),
        "gauge" => Data::Gauge(Gauge { data_points: numbers(family, Period { began: 0, ..period }) }),
        "histogram" => Data::Histogram(Histogram { data_points: histograms(family, period), aggregation_temporality: cumulative }),
        _ => return None,
    };
    let unit = if family.name.ends_with("_seconds") {
        "s"
    } else if family.name.ends_with("_bytes") {
        "By"
    } else {
        ""
    };
    let (name, description) = (family.name.clone(), family.help.clone());
    (!family.samples.is_empty()).then(|| Metric { name, description, unit: unit.into(), data: Some(data), ..Metric::default() })
}

fn numbers(family: &MetricFamily, period: Period) -> Vec<NumberDataPoint> {
    let number = |sample: &Sample| NumberDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: period.began,
        time_unix_nano: period.now,
        value: Some(Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    };
    family.samples.iter().map(number).collect()
}

/// The text counts what took *at most* so long, one line a bound; the protocol what fell between two bounds.
fn histograms(family: &MetricFamily, period: Period) -> Vec<HistogramDataPoint> {
    let mut found: Vec<HistogramDataPoint> = Vec::new();
    for sample in &family.samples {
        let attributes = attributes(sample);
        if found.last().is_none_or(|last| last.attributes != attributes) {
            found.push(HistogramDataPoint {
                attributes,
                start_time_unix_nano: period.began,
                time_unix_nano: period.now,
                ..HistogramDataPoint::default()
            });
        }
        let Some(histogram) = found.last_mut() else { continue };
        match sample.name.strip_prefix(family.name.as_str()) {
            Some("_sum") => histogram.sum = Some(sample.value),
            Some("_count") => histogram.count = sample.value as u64,
            Some("_bucket") => {
                let below: u64 = histogram.bucket_counts.iter().sum();
                histogram.bucket_counts.push((sample.value as u64).saturating_sub(below));
                // The last bucket has no bound.
                histogram.explicit_bounds.extend(sample.label(BOUND).parse().ok().filter(|bound: &f64| bound.is_finite()));
            }
            _ => {}
        }
    }
    found
}

/// The label that says how long at most.
const BOUND: &str = "le";

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    sample.labels.iter().filter(|(name, _)| name != BOUND).map(|(name, value)| text(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::families;

    fn exported(exposition: &str) -> Vec<Metric> {
        let at = Timestamp::from_seconds;
        let request = request(&Resource::default(), &families(exposition), at(1), at(2));
        request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics).flat_map(|of| of.metrics).collect()
    }

    #[test]
    fn a_histogram_is_told_between_its_bounds() {
        let found = exported(
            "# HELP t_seconds Times.\n# TYPE t_seconds histogram\n\
             t_seconds_sum{s=\"a\"} 4.5\nt_seconds_count{s=\"a\"} 6\n\
             t_seconds_bucket{le=\"0.1\",s=\"a\"} 1\nt_seconds_bucket{le=\"2.0\",s=\"a\"} 4\nt_seconds_bucket{le=\"+Inf\",s=\"a\"} 6\n\
             t_seconds_sum{s=\"b\"} 0\nt_seconds_count{s=\"b\"} 0\nt_seconds_bucket{le=\"+Inf\",s=\"b\"} 0\n# EOF\n",
        );
        let [metric] = found.as_slice() else { panic!("one metric: {found:?}") };
        assert_eq!((metric.name.as_str(), metric.description.as_str(), metric.unit.as_str()), ("t_seconds", "Times.", "s"));
        let Some(Data::Histogram(histogram)) = &metric.data else { panic!("a histogram: {metric:?}") };
        assert_eq!(histogram.aggregation_temporality, AggregationTemporality::Cumulative as i32);
        let [a, b] = histogram.data_points.as_slice() else { panic!("two of them: {histogram:?}") };
        assert_eq!((a.attributes.as_slice(), a.count, a.sum), (&[text("s", "a")][..], 6, Some(4.5)));
        assert_eq!((a.bucket_counts.as_slice(), a.explicit_bounds.as_slice()), (&[1, 3, 2][..], &[0.1, 2.0][..]));
        assert_eq!((b.bucket_counts.as_slice(), b.explicit_bounds.len()), (&[0][..], 0));
        assert_eq!((a.start_time_unix_nano, a.time_unix_nano), (1_000_000_000, 2_000_000_000));
    }

    #[test]
    fn counters_and_gauges_are_told_and_what_is_empty_is_not() {
        let found = exported(
            "# TYPE c counter\nc_total{x=\"1\"} 3\n# TYPE q_bytes gauge\nq_bytes 7\n# TYPE e counter\n# TYPE i info\ni 1\n# EOF\n",
        );
        let [counter, gauge] = found.as_slice() else { panic!("two metrics: {found:?}") };
        let Some(Data::Sum(sum)) = &counter.data else { panic!("a sum: {counter:?}") };
        assert!(sum.is_monotonic && sum.aggregation_temporality == AggregationTemporality::Cumulative as i32);
        let [sample] = sum.data_points.as_slice() else { panic!("one sample: {sum:?}") };
        assert_eq!((&sample.attributes, sample.value), (&vec![text("x", "1")], Some(Value::AsDouble(3.0))));
        let Some(Data::Gauge(of)) = &gauge.data else { panic!("a gauge: {gauge:?}") };
        assert_eq!((counter.name.as_str(), gauge.unit.as_str(), of.data_points[0].value), ("c", "By", Some(Value::AsDouble(7.0))));
    }
}
