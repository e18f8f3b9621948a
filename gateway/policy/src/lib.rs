//! Cedar policies: schema, decisions, obligations and their test cases.
