//! OpenAPI documents compiled into contracts that validate requests and answers.
//!
//! A document of version 3.0, 3.1 or 3.2 is read once, at load, with the documents that its references lead to ([`Documents`]): its
//! operations become routes, its Schema Objects validators of JSON Schema 2020-12, and then it is dropped. What is wrong in it is a fault
//! with file, line and column; all faults are found in one run. At run time nothing is compiled or looked up by name that could be settled
//! before: a request is held against the index of an operation, and the validators read the gateway's own JSON values in place.
//!
//! Nothing here fetches a reference, opens a file (whoever reads the documents does), or puts a piece of a citizen's data into an error,
//! unless the sender is to be told (`tell_values`): a violation names its place and the rule that it breaks.

mod accept;
mod answer;
mod body;
mod bounds;
mod broken;
mod circle;
mod compile;
mod content;
mod contract;
mod credentials;
mod decimal;
mod definitions;
mod described;
mod dialect30;
mod digest;
mod digits;
mod discriminator;
mod documents;
mod drift;
mod ecma;
mod fields;
mod formats;
mod instance;
mod keywords;
mod lint;
mod listed;
mod lower;
mod marks;
mod media;
mod merged;
mod methods;
mod mode;
mod multipart;
mod names;
mod objects;
mod own;
mod own_uri;
mod parameter;
mod path;
mod pattern;
mod pieces;
mod quick;
mod read30;
mod read31;
mod read32;
mod readers;
mod references;
mod request;
mod required;
mod resources;
mod route;
mod rule;
mod schemas;
mod security;
mod servers;
mod shape;
mod sound;
mod source;
mod suggest;
mod template;
mod text;
mod unknown;
mod unreached;
mod version;
mod violation;
mod whole_query;
mod xml;

pub use accept::Accept;
pub use answer::AnswerCheck;
pub use compile::{CompileOptions, Formats, Repeated, Unknown};
pub use contract::Contract;
pub use credentials::{MissingCredentials, Proof, SecurityScheme, Shown};
pub use described::Location;
pub use documents::Documents;
pub use drift::{Drift, Finding};
pub use lint::lint;
pub use methods::{is_query, is_safe};
pub use mode::{AnswerMode, AnswerModes, AnswerVerdict, verdict};
pub use request::{CheckedRequest, ContractError, Payload, RequestParts};
pub use route::RouteMatch;
pub use security::Promise;
pub use suggest::{Suggestion, overlay, suggest};
pub use violation::{Place, Violation};
