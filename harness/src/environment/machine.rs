//! A result depends on the machine and the place of a run, beside its case: each JSON line tells them. The
//! main type is [`Machine`].

use serde::{Deserialize, Serialize};

use crate::cli::args::VERSION;
use crate::cli::pool::Setting;
use crate::confine::Isolation;
use crate::environment::{self, Surveyed};

/// The machine, the place of the files, and how far children reach. A part of each JSON line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The version of this command, with its commit.
    pub faultmap: String,
    /// The release that uname(2) gives.
    pub kernel: String,
    pub architecture: String,
    pub page_size: u64,
    /// As variants of snapshots spell it.
    pub file_system: String,
    /// The type and the options of its mount, where /proc tells: `ext4 relatime,rw`.
    #[serde(default)]
    pub mount: Option<String>,
    /// The bytes of a block of it.
    #[serde(default)]
    pub block_size: Option<u64>,
    /// The folder of the files, or `memfd`.
    pub place: String,
    /// As it was asked for.
    pub isolation: Isolation,
    /// The effective user id.
    pub user: u32,
    /// The restrictions of victims and the means of the harness that are missing here, each with the reason: `seccomp: ...`.
    pub without: Vec<String>,
}

impl Machine {
    /// Returns this machine, with the setting of its workers.
    pub fn of(setting: &Setting<'_>, surveyed: &Surveyed) -> Machine {
        Machine {
            faultmap: VERSION.to_owned(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            page_size: rustix::param::page_size() as u64,
            file_system: surveyed.file_system.clone(),
            mount: surveyed.mount.clone(),
            block_size: surveyed.block,
            place: setting.backing.place(),
            isolation: setting.isolation,
            user: rustix::process::geteuid().as_raw(),
            without: [setting.held.without(), environment::without()].concat(),
        }
    }
}
