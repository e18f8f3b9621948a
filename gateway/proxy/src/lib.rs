//! Listeners, the pipeline, the upstream client, admission, cache and the admin API.
