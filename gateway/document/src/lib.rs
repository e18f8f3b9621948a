//! Documents with positions: YAML, JSON and tables in CSV read once into a tree, and the faults that a check prints.
//!
//! Configuration, OpenAPI documents, mappings and policy cases are all read here, so that a fault in any of them names its
//! file, line and column in the same way. Nothing is fetched and nothing is executed: YAML tags other than the core
//! schema's are refused, and aliases are expanded within a budget.

mod fault;
mod library;
mod paths;
mod pointer;
mod section;
mod table;
mod tree;
mod units;
mod words;

pub use fault::{Fault, Faults, Place, Position, Severity};
pub use library::{Library, Unread, file_uri};
pub use paths::tidy;
pub use pointer::{escaped, unescaped};
pub use section::Section;
pub use tree::{Key, Node, Scalar, Tree, Value};
pub use units::{parse_bytes, parse_duration, parse_rate};
pub use words::{nearest, slip_of};
