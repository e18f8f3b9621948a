//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More are never asked for.
const MOST: u64 = 1 << 20;

/// Raises the soft limit, which is 1,024 in most shells and units for the sake of programs older than `poll`, to the hard one. Tells how
/// many may be open then.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(MOST);
    let most = limit.maximum.unwrap_or(MOST).min(MOST);
    if now >= most {
        return now;
    }
    let raised = Rlimit { current: Some(most), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_or(now, |()| most)
}

/// Warns where the listeners may have more connections than the process may have files open: callers beyond would wait for others to
/// leave, and upstreams could not be reached.
pub(crate) fn warn(open: u64, connections: u64) {
    if open <= connections {
        tracing::warn!(
            open,
            connections,
            "the listeners may have more connections than files may be open: raise `ulimit -n`, or `LimitNOFILE`"
        );
    }
}
