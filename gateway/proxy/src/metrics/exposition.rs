//! Metrics read back from their exposition as text (OpenMetrics 1.0): by whoever shows them, or exports them.

/// A metric with its samples (§3.2.1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricFamily {
    /// Its name, without what its samples' names end in.
    pub name: String,
    /// `counter`, `gauge`, `histogram` …
    pub kind: String,
    /// What it is.
    pub help: String,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// A number with its labels (§3.2.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its own name: that of the whole, with `_total`, `_bucket`, `_count` or `_sum` behind it as the kind demands.
    pub name: String,
    /// The labels, in the order of the text.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
}

impl Sample {
    /// What a label says; nothing where there is none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Reads the text; lines that are none are left out.
pub fn families(text: &str) -> Vec<MetricFamily> {
    let mut families: Vec<MetricFamily> = Vec::new();
    for line in text.lines() {
        if let Some((what, name, said)) = line.strip_prefix("# ").and_then(described) {
            if families.last().is_none_or(|family| family.name != name) {
                families.push(MetricFamily { name: name.to_owned(), ..MetricFamily::default() });
            }
            let Some(family) = families.last_mut() else { continue };
            match what {
                "HELP" => family.help = unescaped(said.chars()).0,
                "TYPE" => said.clone_into(&mut family.kind),
                _ => {}
            }
        } else if let Some(sample) = sample(line) {
            match families.last_mut().filter(|family| sample.name.starts_with(&family.name)) {
                Some(family) => family.samples.push(sample),
                // One that nothing was said of before it.
                None => families.push(MetricFamily { name: sample.name.clone(), samples: vec![sample], ..MetricFamily::default() }),
            }
        }
    }
    families
}

/// `HELP name what it is`
fn described(line: &str) -> Option<(&str, &str, &str)> {
    let (what, rest) = line.split_once(' ')?;
    let (name, said) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((what, name, said))
}

/// `name{label="value",…} number`
fn sample(line: &str) -> Option<Sample> {
    let (labelled, value) = line.rsplit_once(' ')?;
    let (name, labels) = labelled.split_once('{').unwrap_or((labelled, "}"));
    Some(Sample { name: name.to_owned(), labels: labels_of(labels.strip_suffix('}')?), value: value.parse().ok()? })
}

fn labels_of(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some((name, quoted)) = rest.split_once("=\"") {
        let (value, bytes) = unescaped(quoted.chars());
        labels.push((name.trim_start_matches(',').to_owned(), value));
        rest = &quoted[bytes..];
    }
    labels
}

/// What is written until the next quotation mark, and how many bytes that takes with the mark.
fn unescaped(mut symbols: std::str::Chars<'_>) -> (String, usize) {
    let (before, mut value) = (symbols.as_str().len(), String::new());
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' => break,
            '\\' => match symbols.next() {
                Some('n') => value.push('\n'),
                Some(symbol) => value.push(symbol),
                None => {}
            },
            symbol => value.push(symbol),
        }
    }
    (value, before - symbols.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_there_is() {
        let text = "# HELP a b \\\\ c.\n# TYPE a counter\n# UNIT a seconds\n\
            a_total{x=\"1, {2}\",y=\"\\\"q\\\" \\\\\"} 2.5\na_total{x=\"3\",y=\"\"} 4\nnone\n# TYPE g gauge\ng -1\nlone 7\n# EOF\n";
        let found = families(text);
        let labels = |labels: &[(&str, &str)]| labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let sample = |name: &str, of: &[(&str, &str)], value| Sample { name: name.into(), labels: labels(of), value };
        let expected = [
            MetricFamily {
                name: "a".into(),
                kind: "counter".into(),
                help: "b \\ c.".into(),
                samples: vec![
                    sample("a_total", &[("x", "1, {2}"), ("y", "\"q\" \\")], 2.5),
                    sample("a_total", &[("x", "3"), ("y", "")], 4.0),
                ],
            },
            MetricFamily { name: "g".into(), kind: "gauge".into(), samples: vec![sample("g", &[], -1.0)], ..MetricFamily::default() },
            MetricFamily { name: "lone".into(), samples: vec![sample("lone", &[], 7.0)], ..MetricFamily::default() },
        ];
        assert_eq!(found, expected);
        assert_eq!(found[0].samples[0].label("y"), "\"q\" \\");
        assert_eq!(found[0].samples[0].label("z"), "");
    }
}
