//! OpenAPI documents compiled into contracts that validate requests and answers.
