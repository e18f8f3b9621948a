//! What schemas say of numbers, in one look and by their digits: bounds, and what they are multiples of.

use std::cmp::Ordering;

use jsonschema::json::Node as _;
use serde_json::{Map, Value};

use crate::decimal::Decimal;
use crate::digits::DIGITS;
use crate::instance::Instance;
use crate::keywords::put_under;
use crate::own::{Asked, Rules};

/// The keyword that stands for those that were merged.
pub(crate) const NUMBER: &str = "number";

const MERGED: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

/// Merges what a lowered schema says of numbers.
pub(crate) fn merge(members: &mut Map<String, Value>) {
    let merged: Vec<&str> = MERGED.into_iter().filter(|keyword| members.get(*keyword).is_some_and(Value::is_number)).collect();
    for keyword in &merged {
        let digits = members.get(DIGITS).and_then(|digits| digits.get(format!("/{keyword}"))).cloned();
        if let Some(digits) = digits {
            members.insert((*keyword).to_owned(), digits);
        }
    }
    if !merged.is_empty() {
        put_under(members, NUMBER, &merged);
    }
}

/// The rules of one schema.
#[derive(Debug)]
pub(crate) struct Bounds {
    rules: Box<[(&'static str, Box<str>)]>,
    /// Where they are whole numbers only, the least and the most of whole numbers.
    plain: Option<(i64, i64)>,
}

impl Bounds {
    /// Reads what [`merge`] wrote.
    pub(crate) fn read(merged: &Value) -> Self {
        // A number of many digits is its text.
        let text = |number: &Value| number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        let rule = |keyword: &'static str| Some((keyword, text(merged.get(keyword)?).into()));
        let whole = |keyword: &str, unsaid: i64| merged.get(keyword).map_or(Some(unsaid), Value::as_i64);
        let plain = || {
            let least = whole("minimum", i64::MIN)?.max(whole("exclusiveMinimum", i64::MIN)?.saturating_add(1));
            let most = whole("maximum", i64::MAX)?.min(whole("exclusiveMaximum", i64::MAX)?.saturating_sub(1));
            merged.get("multipleOf").is_none().then_some((least, most))
        };
        Self { rules: MERGED.into_iter().filter_map(rule).collect(), plain: plain() }
    }

    /// Whether a number keeps them.
    pub(crate) fn keeps(&self, text: &str) -> bool {
        // Of most numbers a look at a few digits says all.
        match self.plain.filter(|_| text.len() <= 18).and_then(|plain| Some((plain, text.parse::<i64>().ok()?))) {
            Some(((least, most), number)) => (least..=most).contains(&number),
            None => self.broken_by(text).next().is_none(),
        }
    }

    fn broken_by(&self, text: &str) -> impl Iterator<Item = &(&'static str, Box<str>)> {
        let number = Decimal::read(text);
        self.rules.iter().filter(move |(keyword, limit)| {
            let limit = Decimal::read(limit);
            let is_kept = match *keyword {
                "minimum" => number.compare(&limit) != Ordering::Less,
                "maximum" => number.compare(&limit) != Ordering::Greater,
                "exclusiveMinimum" => number.compare(&limit) == Ordering::Greater,
                "exclusiveMaximum" => number.compare(&limit) == Ordering::Less,
                _ => number.is_multiple_of(&limit),
            };
            !is_kept
        })
    }
}

impl Rules for Bounds {
    fn is_kept(&self, value: Instance<'_>) -> bool {
        value.as_number().is_none_or(|number| self.keeps(number.0))
    }

    fn broken(&self, value: Instance<'_>) -> Vec<Asked> {
        let number = value.as_number();
        let broken = number.iter().flat_map(|number| self.broken_by(number.0));
        broken.map(|(keyword, limit)| (*keyword, limit.to_string())).collect()
    }
}
