//! REST upstreams.
