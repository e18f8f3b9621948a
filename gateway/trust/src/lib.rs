//! Vouchers, keys and client assertions: issue and verify, as pure functions.
