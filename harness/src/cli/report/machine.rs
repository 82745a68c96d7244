//! A result depends on the machine and the place of a run, beside its case: each JSON line tells them. The
//! main type is [`Machine`].

use serde::Serialize;

use crate::cli::pool::Setting;
use crate::confine::Isolation;

/// The machine, the place of the files, and how far children reach. A part of each JSON line.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The version of this command.
    pub faultmap: &'static str,
    /// The release that uname(2) gives.
    pub kernel: String,
    pub architecture: &'static str,
    pub page_size: u64,
    /// As variants of snapshots spell it.
    pub file_system: String,
    /// The folder of the files, or `memfd`.
    pub place: String,
    /// As it was asked for.
    pub isolation: Isolation,
    /// The effective user id.
    pub user: u32,
    /// The restrictions of victims that are missing here, each with the reason: `seccomp: ...`.
    pub without: Vec<String>,
}

impl Machine {
    /// Returns this machine, with the setting of its workers.
    pub fn of(setting: &Setting<'_>, file_system: String) -> Machine {
        Machine {
            faultmap: env!("CARGO_PKG_VERSION"),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            architecture: std::env::consts::ARCH,
            page_size: rustix::param::page_size() as u64,
            file_system,
            place: setting.backing.place(),
            isolation: setting.isolation,
            user: rustix::process::geteuid().as_raw(),
            without: setting.held.without(),
        }
    }
}
