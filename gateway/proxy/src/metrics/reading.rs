//! Metrics read back from their text (OpenMetrics 1.0): by whoever shows them, or tells them on.

/// What is told of one thing: its numbers, each with its labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Its name, without what its points' names end in.
    pub name: String,
    /// `counter`, `gauge`, `histogram` …
    pub kind: String,
    /// What it is.
    pub help: String,
    /// Its numbers.
    pub points: Vec<Point>,
}

/// A number with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its own name: that of the whole, with `_total`, `_bucket`, `_count` or `_sum` behind it as the kind demands.
    pub name: String,
    /// The labels, in the order of the text.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
}

impl Point {
    /// What a label says; nothing where there is none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Reads the text; lines that are none are left out.
pub fn readings(text: &str) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    for line in text.lines() {
        if let Some((what, name, said)) = line.strip_prefix("# ").and_then(described) {
            if readings.last().is_none_or(|reading| reading.name != name) {
                readings.push(Reading { name: name.to_owned(), ..Reading::default() });
            }
            let Some(reading) = readings.last_mut() else { continue };
            match what {
                "HELP" => reading.help = unescaped(said.chars()).0,
                "TYPE" => said.clone_into(&mut reading.kind),
                _ => {}
            }
        } else if let Some(point) = point(line) {
            match readings.last_mut().filter(|reading| point.name.starts_with(&reading.name)) {
                Some(reading) => reading.points.push(point),
                // One that nothing was said of before it.
                None => readings.push(Reading { name: point.name.clone(), points: vec![point], ..Reading::default() }),
            }
        }
    }
    readings
}

/// `HELP name what it is`
fn described(line: &str) -> Option<(&str, &str, &str)> {
    let (what, rest) = line.split_once(' ')?;
    let (name, said) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((what, name, said))
}

/// `name{label="value",…} number`
fn point(line: &str) -> Option<Point> {
    let (labelled, value) = line.rsplit_once(' ')?;
    let (name, labels) = labelled.split_once('{').unwrap_or((labelled, "}"));
    Some(Point { name: name.to_owned(), labels: labels_of(labels.strip_suffix('}')?), value: value.parse().ok()? })
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
        let found = readings(text);
        let labels = |labels: &[(&str, &str)]| labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let point = |name: &str, of: &[(&str, &str)], value| Point { name: name.into(), labels: labels(of), value };
        let expected = [
            Reading {
                name: "a".into(),
                kind: "counter".into(),
                help: "b \\ c.".into(),
                points: vec![point("a_total", &[("x", "1, {2}"), ("y", "\"q\" \\")], 2.5), point("a_total", &[("x", "3"), ("y", "")], 4.0)],
            },
            Reading { name: "g".into(), kind: "gauge".into(), points: vec![point("g", &[], -1.0)], ..Reading::default() },
            Reading { name: "lone".into(), points: vec![point("lone", &[], 7.0)], ..Reading::default() },
        ];
        assert_eq!(found, expected);
        assert_eq!(found[0].points[0].label("y"), "\"q\" \\");
        assert_eq!(found[0].points[0].label("z"), "");
    }
}
