//! The configuration that a command is about, as every command asks for it.

use std::path::PathBuf;

use clap::Args;
use proxy::config::{self, Configuration, Loaded};

use crate::check::print_faults;

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// The configuration.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

impl Configured {
    /// Reads it, faults and all.
    pub(crate) fn load(&self) -> Loaded {
        config::load(&self.config)
    }

    /// Reads it for a command that can do nothing without one: its faults are printed.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) fn usable(&self) -> anyhow::Result<Configuration> {
        let loaded = self.load();
        loaded.configuration.ok_or_else(|| {
            print_faults(&loaded.faults);
            anyhow::anyhow!("the configuration cannot be used; nothing was done")
        })
    }
}
