//! Whether a caller takes what an operation answers (RFC 9110 §12.5.1).

use std::sync::Arc;

use http::HeaderMap;
use http::header::ACCEPT;

use crate::media::{MediaRange, MediaType};

/// What becomes of a request whose `Accept` takes nothing that the operation answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    /// It passes: whoever answers may disregard the field.
    #[default]
    Ignore,
    /// It is refused before anybody is asked.
    Enforce,
}

/// The media types of an operation's successes.
#[derive(Debug)]
pub(crate) struct Offered {
    ranges: Vec<MediaRange>,
    /// Their names.
    pub(crate) listed: Arc<str>,
}

impl Offered {
    /// Those that are listed, each by its name; `None` where a success may have no body, or of any type.
    pub(crate) fn new<'a>(media: impl Iterator<Item = (&'a MediaRange, &'a str)>) -> Option<Self> {
        let (ranges, mut names): (Vec<MediaRange>, Vec<&str>) = media.map(|(range, name)| (range.clone(), name)).unzip();
        names.sort_unstable();
        names.dedup();
        (!ranges.is_empty()).then(|| Self { ranges, listed: names.join(", ").into() })
    }

    /// Whether one of them is taken. A field that cannot be read says nothing.
    pub(crate) fn is_taken(&self, headers: &HeaderMap) -> bool {
        let mut taken = Vec::new();
        for line in headers.get_all(ACCEPT) {
            let Ok(line) = line.to_str() else { return true };
            for item in line.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                let Some(range) = MediaType::parse(item) else { return true };
                taken.push(range);
            }
        }
        taken.is_empty() || self.ranges.iter().any(|offered| is_among(offered, &taken))
    }
}

/// The closest of the ranges that take a media type in says whether it is wanted: `text/*, text/html;q=0`.
fn is_among(offered: &MediaRange, taken: &[MediaType<'_>]) -> bool {
    let closest = taken.iter().filter_map(|range| Some((range.nearness(offered)?, range.weight()))).max_by_key(|(nearness, _)| *nearness);
    closest.is_some_and(|(_, weight)| weight > 0.0)
}
