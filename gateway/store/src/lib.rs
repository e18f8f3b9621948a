//! Where the audit log is kept: segment files, the lock, and the committer thread.
