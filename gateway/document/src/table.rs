//! Tables in CSV (RFC 4180), as spreadsheets write them: what is written once for hundreds of tenants.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::tree::{plain, text_of};
use crate::{Fault, Faults, Key, Node, Place, Position, Scalar, Tree, Value};

/// Reads a table as the list or mapping that it stands for.
///
/// The first line names the columns. Fields are divided by commas, or by semicolons where the first line has one; in a field, `|`
/// divides several values; an empty field is a missing value. `clients.anagrafe.key` is the key of a mapping in a mapping. Where
/// the first column is `id`, the rows are a mapping by it, else a list.
///
/// Faults are reported; a table with any is nothing.
pub(crate) fn read(path: &Path, faults: &mut Faults) -> Option<Tree> {
    let (file, text) = faults.keep(text_of(path))?;
    let before = faults.len();
    let tree = parse(&file, &text, faults);
    tree.filter(|_| faults.len() == before)
}

fn parse(file: &str, text: &str, faults: &mut Faults) -> Option<Tree> {
    let file: Arc<str> = file.into();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = match records(text) {
        Ok(records) => records.into_iter(),
        Err(position) => {
            let fault = Fault::error(Place::at(&file, position), "this field begins with a quote and does not end with one");
            faults.push(fault.hint("a quote within a field is written twice: \"\"; no other follows it"));
            return None;
        }
    };
    let Some(header) = records.next() else {
        faults.push(Fault::error(Place::file(&file), "the table is empty").hint("its first line names the columns"));
        return None;
    };
    columns(&file, &header, faults);
    let (first, by_id) = match header.first() {
        Some(column) if column.text == "id" => (1, true),
        _ => (0, false),
    };
    let mut rows = Vec::new();
    for record in records {
        if record.len() != header.len() {
            let fault = format!("this line has {} fields, and the first has {}", record.len(), header.len());
            faults.push(Fault::error(Place::at(&file, record[0].position), fault).hint("a field with a separator in it stands in quotes"));
            continue;
        }
        let mut row = Vec::new();
        for (column, field) in header[first..].iter().zip(&record[first..]) {
            put(&mut row, column, &column.text, value(field));
        }
        let position = record[0].position;
        rows.push((record.into_iter().next()?, Node { value: without_nothing(Value::Mapping(row), true), position }));
    }
    let value = if by_id { named(&file, rows, faults) } else { Value::Sequence(rows.into_iter().map(|(_, row)| row).collect()) };
    Some(Tree { file, root: Node { value, position: Position { line: 1, column: 1 } } })
}

/// A field, unquoted and trimmed, and where it begins.
struct Field {
    text: String,
    position: Position,
}

fn columns(file: &Arc<str>, header: &[Field], faults: &mut Faults) {
    for (at, column) in header.iter().enumerate() {
        let parts = || column.text.split('.');
        // A column may not be a value and a mapping of values.
        let clashes = |other: &&Field| {
            let mut ours = parts();
            other.text.split('.').all(|part| ours.next() == Some(part))
        };
        let message = if parts().any(str::is_empty) {
            "a column needs a name".to_owned()
        } else if header[..at].iter().any(|other| other.text == column.text) {
            format!("the column `{}` stands twice", column.text)
        } else if let Some(other) = header.iter().filter(|other| other.text != column.text).find(clashes) {
            format!("the column `{}` is a part of the column `{}`", column.text, other.text)
        } else {
            continue;
        };
        faults.push(Fault::error(Place::at(file, column.position), message));
    }
}

fn value(field: &Field) -> Node {
    let position = field.position;
    let scalar = |text: &str| Value::Scalar(plain(text.trim()));
    let value = if field.text.contains('|') {
        Value::Sequence(field.text.split('|').map(|part| Node { value: scalar(part), position }).collect())
    } else {
        scalar(&field.text)
    };
    Node { value, position }
}

/// Puts a value under a key, or under a key of the mapping that stands under the first part of it.
fn put(row: &mut Vec<(Key, Node)>, column: &Field, name: &str, node: Node) {
    let Some((outer, inner)) = name.split_once('.') else {
        return row.push((Key { text: name.to_owned(), position: column.position }, node));
    };
    if !row.iter().any(|(key, _)| key.text == outer) {
        let mapping = Node { value: Value::Mapping(Vec::new()), position: node.position };
        row.push((Key { text: outer.to_owned(), position: column.position }, mapping));
    }
    let under = row.iter_mut().find(|(key, _)| key.text == outer);
    if let Some((_, Node { value: Value::Mapping(inside), .. })) = under {
        put(inside, column, inner, node);
    }
}

/// In a mapping within a row, what is not there is not there: its keys are names, not all of which every row has.
fn without_nothing(value: Value, is_row: bool) -> Value {
    let Value::Mapping(pairs) = value else { return value };
    let pairs = pairs.into_iter().map(|(key, Node { value, position })| (key, Node { value: without_nothing(value, false), position }));
    let is_nothing = |(_, node): &(Key, Node)| node.value == Value::Scalar(Scalar::Null);
    // The row itself keeps its columns, so that one that nobody knows is found.
    let pairs: Vec<_> = pairs.filter(|pair| is_row || !is_nothing(pair)).collect();
    if pairs.iter().all(is_nothing) { Value::Scalar(Scalar::Null) } else { Value::Mapping(pairs) }
}

fn named(file: &Arc<str>, rows: Vec<(Field, Node)>, faults: &mut Faults) -> Value {
    let mut seen: HashMap<String, Position> = HashMap::new();
    let mut pairs = Vec::new();
    for (id, row) in rows {
        let place = Place::at(file, id.position);
        if id.text.is_empty() {
            faults.push(Fault::error(place, "a row needs its `id`"));
        } else if let Some(first) = seen.insert(id.text.clone(), id.position) {
            let fault = Fault::error(place, format!("`{}` stands twice", id.text));
            faults.push(fault.hint(format!("it stands first in line {}", first.line)));
        } else {
            pairs.push((Key { text: id.text, position: id.position }, row));
        }
    }
    Value::Mapping(pairs)
}

/// The lines of a table that are not empty, as fields with their places; or where a field begins whose quotes do not match.
fn records(text: &str) -> Result<Vec<Vec<Field>>, Position> {
    let first = text.split(['\r', '\n']).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let separator = if first.contains(';') { b';' } else { b',' };
    let mut reader: Reader = ReaderBuilder::new().delimiter(separator).build();
    let mut places = Places { text, at: 0, position: Position { line: 1, column: 1 } };
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = vec![0; 256];
    let (mut read, mut written) = (0, 0);
    let mut begins = 0;
    loop {
        if written == 0 && begins == read {
            // The reader passes over line ends before a record; a field begins after them.
            begins += if record.is_empty() { text[read..].len() - text[read..].trim_start_matches(['\r', '\n']).len() } else { 0 };
        }
        let (result, took, gave) = reader.read_field(&text.as_bytes()[read..], &mut field[written..]);
        (read, written) = (read + took, written + gave);
        match result {
            // With nothing more to give, the reader is asked once more and ends.
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull => field.resize(field.len() * 2, 0),
            ReadFieldResult::Field { record_end } => {
                if !quotes_match(&text[begins..read], separator) {
                    return Err(places.of(begins));
                }
                let text = String::from_utf8_lossy(&field[..written]).trim().to_owned();
                record.push(Field { text, position: places.of(begins) });
                (written, begins) = (0, read);
                if record_end {
                    let record = std::mem::take(&mut record);
                    // A line of separators only, as spreadsheets leave them behind, is no row.
                    if record.iter().any(|field| !field.text.is_empty()) {
                        records.push(record);
                    }
                }
            }
            ReadFieldResult::End => return Ok(records),
        }
    }
}

/// Whether a field that begins with a quote ends with one, and those between are doubled. The reader would take whatever follows an
/// open quote, other lines too, for a part of the field.
fn quotes_match(raw: &str, separator: u8) -> bool {
    let raw = raw.trim_end_matches(['\r', '\n']);
    let field = raw.strip_suffix(char::from(separator)).filter(|field| !field.starts_with('"') || is_quoted(field)).unwrap_or(raw);
    !field.starts_with('"') || is_quoted(field)
}

fn is_quoted(field: &str) -> bool {
    let inner = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| inner.split("\"\"").all(|part| !part.contains('"')))
}

/// Counts lines and characters up to an offset, forwards only.
struct Places<'a> {
    text: &'a str,
    at: usize,
    position: Position,
}

impl Places<'_> {
    fn of(&mut self, offset: usize) -> Position {
        let mut characters = self.text.get(self.at..offset).unwrap_or_default().chars().peekable();
        while let Some(character) = characters.next() {
            let Position { line, column } = self.position;
            let ends = character == '\n' || (character == '\r' && characters.peek() != Some(&'\n'));
            self.position = if ends { Position { line: line + 1, column: 1 } } else { Position { line, column: column + 1 } };
        }
        self.at = offset.max(self.at);
        self.position
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn parse(text: &str) -> Result<Json, Vec<String>> {
        let mut faults = Faults::new();
        let tree = super::parse("t.csv", text, &mut faults);
        if faults.is_empty() {
            Ok(tree.expect("no table and no fault").root.to_json())
        } else {
            Err(faults.sorted().iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn reads_what_spreadsheets_write() {
        for (text, expected) in [
            ("a,b\n1,x\n", json!([{"a": 1, "b": "x"}])),
            // Excel in Italy: byte order mark, semicolons, CRLF, rows of nothing.
            ("\u{feff}a;b\r\n1,5;\"x;\r\n\"\"y\"\"\"\r\n;\r\n\r\n", json!([{"a": "1,5", "b": "x;\r\n\"y\""}])),
            ("a,b,c\n, true ,p | q\n", json!([{"a": null, "b": true, "c": ["p", "q"]}])),
            ("id,n\nx,1\n\ny,\n", json!({"x": {"n": 1}, "y": null})),
            (
                "id,clients.a.id,clients.a.key,clients.b.id\nx,1,k,\ny,,,\n",
                json!({"x": {"clients": {"a": {"id": 1, "key": "k"}}}, "y": null}),
            ),
            ("a,b\n", json!([])),
            ("a\nx", json!([{"a": "x"}])),
            ("\n\na;b\r1;\"\"\r2;\"\"\"\"", json!([{"a": 1, "b": null}, {"a": 2, "b": "\""}])),
            ("id,p.x,p.y\nu,1,\nv,,2\n", json!({"u": {"p": {"x": 1}}, "v": {"p": {"y": 2}}})),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn refuses_with_a_place() {
        for (text, expected) in [
            ("", "t.csv: error: the table is empty\n    hint: its first line names the columns"),
            ("a,a\n1,2\n", "t.csv:1:3: error: the column `a` stands twice"),
            ("a,\n1,2\n", "t.csv:1:3: error: a column needs a name"),
            ("a.b,a\n1,2\n", "t.csv:1:1: error: the column `a.b` is a part of the column `a`"),
            (
                "a,b\n1,2\n\n3\n",
                "t.csv:4:1: error: this line has 1 fields, and the first has 2\n    hint: a field with a separator in it stands in quotes",
            ),
            ("id,b\nx,1\n\"x\",2\n", "t.csv:3:1: error: `x` stands twice\n    hint: it stands first in line 2"),
            (
                "a,b\n\"x,1\ny,2\n",
                "t.csv:2:1: error: this field begins with a quote and does not end with one\n    hint: a quote within a field is written twice: \"\"; no other follows it",
            ),
            (
                "a,b\n1,\"x\"y\n",
                "t.csv:2:3: error: this field begins with a quote and does not end with one\n    hint: a quote within a field is written twice: \"\"; no other follows it",
            ),
            ("id,b\n,1\n", "t.csv:2:1: error: a row needs its `id`"),
        ] {
            assert_eq!(parse(text), Err(vec![expected.to_owned()]), "{text:?}");
        }
    }

    #[test]
    fn a_field_knows_where_it_begins() {
        let mut faults = Faults::new();
        let tree = super::parse("t.csv", "città,b\nè,\"2\n3\"\r\n\r\nx,9\n", &mut faults).expect("a table");
        let places: Vec<_> = ["/0/città", "/0/b", "/1/b"]
            .into_iter()
            .map(|pointer| tree.root.pointer(pointer).map(|node| tree.place(node).to_string()))
            .collect();
        assert_eq!(places, ["t.csv:2:1", "t.csv:2:3", "t.csv:5:3"].map(|place| Some(place.to_owned())));
    }

    proptest::proptest! {
        /// Whatever a file says, it is read or refused, and every place lies within it.
        #[test]
        fn never_fails(text in "[a-c.,;|\"\r\n è]{0,60}") {
            let mut faults = Faults::new();
            let _ = super::parse("t.csv", &text, &mut faults);
            let lines = text.split(['\r', '\n']).count() as u32;
            for fault in faults.iter() {
                proptest::prop_assert!(fault.place.position.is_none_or(|position| position.line <= lines + 1), "{fault}");
            }
        }
    }
}
