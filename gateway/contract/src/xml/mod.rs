//! Bodies of XML: read as the `xml` of their schemas says (OpenAPI 3.0.4 §4.7.26, 3.2.0 §4.25), and held against them as JSON is.

mod graph;
mod plan;
mod read;
mod said;

pub(crate) use graph::{XmlGraph, XmlRoot};
pub(crate) use plan::XmlPlanner;
pub(crate) use read::Unread;
