//! Metrics at one moment, read from their text (OpenMetrics 1.0).

use std::collections::HashMap;

use proxy::{Point, readings};

/// All of them, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample(HashMap<String, Vec<Point>>);

impl Sample {
    /// Reads the text; lines that are none are left out.
    pub(super) fn read(text: &str) -> Self {
        let mut sample = Self::default();
        for point in readings(text).into_iter().flat_map(|reading| reading.points) {
            sample.0.entry(point.name.clone()).or_default().push(point);
        }
        sample
    }

    /// The numbers of a name.
    pub(super) fn points(&self, name: &str) -> &[Point] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The sum of those of a name that `holds` takes.
    pub(super) fn sum(&self, name: &str, holds: impl Fn(&Point) -> bool) -> f64 {
        self.points(name).iter().filter(|point| holds(point)).map(|point| point.value).fold(0.0, std::ops::Add::add)
    }

    /// The number with the same name and labels.
    fn same(&self, name: &str, like: &Point) -> f64 {
        self.points(name).iter().find(|point| point.labels == like.labels).map_or(0.0, |point| point.value)
    }

    /// By how much each number of a name has grown since another moment. A process that was started again begins at nothing.
    pub(super) fn since<'a>(&'a self, before: &'a Self, name: &'a str) -> impl Iterator<Item = (&'a Point, f64)> {
        self.points(name).iter().map(move |point| {
            let grown = point.value - before.same(name, point);
            (point, if grown < 0.0 { point.value } else { grown })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_labels_and_numbers() {
        let sample =
            Sample::read("# HELP a b\na 1\na_total{x=\"1, {2}\",y=\"\\\"q\\\" \\\\\"} 2.5\na_total{x=\"3\",y=\"\"} 4\nnone\n# EOF\n");
        assert_eq!(sample.sum("a", |_| true).to_string(), "1");
        assert_eq!(sample.sum("a_total", |point| point.label("x") == "1, {2}" && point.label("y") == "\"q\" \\").to_string(), "2.5");
        assert_eq!(sample.sum("a_total", |_| true).to_string(), "6.5");
        assert_eq!(sample.points("a_total")[1].label("z"), "");
    }

    #[test]
    fn what_has_grown_since() {
        let (before, now) = (Sample::read("a{x=\"1\"} 5\na{x=\"2\"} 9"), Sample::read("a{x=\"1\"} 7\na{x=\"2\"} 3\na{x=\"3\"} 1"));
        let grown: Vec<String> = now.since(&before, "a").map(|(point, grown)| format!("{}:{grown}", point.label("x"))).collect();
        assert_eq!(grown, ["1:2", "2:3", "3:1"], "the second has begun anew");
    }
}
