//! Metrics at one moment, read from their text (OpenMetrics 1.0).

use std::collections::HashMap;

use proxy::{Sample, families};

/// All of them, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scrape(HashMap<String, Vec<Sample>>);

impl Scrape {
    /// Reads the text; lines that are none are left out.
    pub(super) fn read(text: &str) -> Self {
        let mut scrape = Self::default();
        for sample in families(text).into_iter().flat_map(|family| family.samples) {
            scrape.0.entry(sample.name.clone()).or_default().push(sample);
        }
        scrape
    }

    /// The numbers of a name.
    pub(super) fn samples(&self, name: &str) -> &[Sample] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The sum of those of a name that `holds` takes.
    pub(super) fn sum(&self, name: &str, holds: impl Fn(&Sample) -> bool) -> f64 {
        self.samples(name).iter().filter(|sample| holds(sample)).map(|sample| sample.value).fold(0.0, std::ops::Add::add)
    }

    /// The number with the same name and labels.
    fn same(&self, name: &str, like: &Sample) -> f64 {
        self.samples(name).iter().find(|sample| sample.labels == like.labels).map_or(0.0, |sample| sample.value)
    }

    /// By how much each number of a name has grown since another moment. A process that was started again begins at nothing.
    pub(super) fn since<'a>(&'a self, before: &'a Self, name: &'a str) -> impl Iterator<Item = (&'a Sample, f64)> {
        self.samples(name).iter().map(move |sample| {
            let grown = sample.value - before.same(name, sample);
            (sample, if grown < 0.0 { sample.value } else { grown })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_labels_and_numbers() {
        let sample =
            Scrape::read("# HELP a b\na 1\na_total{x=\"1, {2}\",y=\"\\\"q\\\" \\\\\"} 2.5\na_total{x=\"3\",y=\"\"} 4\nnone\n# EOF\n");
        assert_eq!(sample.sum("a", |_| true).to_string(), "1");
        assert_eq!(sample.sum("a_total", |sample| sample.label("x") == "1, {2}" && sample.label("y") == "\"q\" \\").to_string(), "2.5");
        assert_eq!(sample.sum("a_total", |_| true).to_string(), "6.5");
        assert_eq!(sample.samples("a_total")[1].label("z"), "");
    }

    #[test]
    fn what_has_grown_since() {
        let (before, now) = (Scrape::read("a{x=\"1\"} 5\na{x=\"2\"} 9"), Scrape::read("a{x=\"1\"} 7\na{x=\"2\"} 3\na{x=\"3\"} 1"));
        let grown: Vec<String> = now.since(&before, "a").map(|(sample, grown)| format!("{}:{grown}", sample.label("x"))).collect();
        assert_eq!(grown, ["1:2", "2:3", "3:1"], "the second has begun anew");
    }
}
