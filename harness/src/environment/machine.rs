//! A result depends on the machine, the user, and the place of a run, beside its case. The main type is [`Machine`].

use serde::{Deserialize, Serialize};

use super::{User, VERSION, read, without};
use crate::backing::{Surveyed, Unexecutable, cpu_flags, version};
use crate::case::PROTECTION_KEYS;
use crate::case::limits::FILE_BYTES;
use crate::confine::Isolation;
use crate::model::{Environment, Noexec};
use crate::sys;

/// All that decides a result, beside the case. It is a part of each JSON line, and harness/docs/json.md tells of each
/// field. The model's [`Environment`] is made of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The version of this command, with its commit.
    pub faultmap: String,
    /// The release that uname(2) gives.
    pub kernel: String,
    /// As in `requires(arch == ...)`.
    pub architecture: String,
    /// Bytes.
    pub page_size: u64,
    /// The place of the files.
    #[serde(flatten)]
    pub files: Surveyed,
    #[serde(flatten)]
    pub user: User,
    /// As it was asked for.
    pub isolation: Isolation,
    /// The number of cases that are measured at the same time.
    #[serde(default)]
    pub jobs: u64,
    /// `vm.overcommit_memory`: with 2, memory is refused before it is used up. (proc_sys_vm(5))
    #[serde(default)]
    pub overcommit_memory: Option<u8>,
    /// When shared memory of processes may have huge pages: `never`, `advise`, ...
    /// (Documentation/admin-guide/mm/transhuge.rst: shmem_enabled)
    #[serde(default)]
    pub shared_memory_huge: Option<String>,
    /// Which of the flags of /proc/cpuinfo that cases can ask for the CPU has.
    #[serde(default)]
    pub cpu_flags: Vec<String>,
    /// The restrictions of victims and the means of the harness that are missing here, each with the reason: `seccomp: ...`.
    pub without: Vec<String>,
}

impl Machine {
    /// This machine and its user, who measures so many cases at the same time, so isolated, with their files in this
    /// place. No restriction of victims is missing.
    pub fn here(jobs: usize, isolation: Isolation, files: &Surveyed) -> Machine {
        Machine {
            faultmap: VERSION.to_owned(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            page_size: rustix::param::page_size() as u64,
            files: files.clone(),
            user: User::of(isolation),
            isolation,
            jobs: jobs as u64,
            overcommit_memory: read("/proc/sys/vm/overcommit_memory").trim().parse().ok(),
            shared_memory_huge: sys::shared_memory_huge(),
            cpu_flags: cpu_flags().iter().map(ToString::to_string).collect(),
            without: without(),
        }
    }

    /// The same machine, whose victims are without these restrictions too.
    #[cfg(feature = "cli")]
    pub fn lacking(mut self, restrictions: Vec<String>) -> Machine {
        self.without.splice(0..0, restrictions);
        self
    }

    /// What the model has to know of it.
    pub fn environment(&self) -> Environment {
        let Surveyed { file_system, block_size, noexec, huge, free_bytes, .. } = &self.files;
        let wanted = FILE_BYTES.saturating_mul(self.jobs);
        let is_own = self.architecture == std::env::consts::ARCH;
        Environment {
            page: self.page_size,
            instruction_bytes: if is_own { sys::instruction_bytes() as u64 } else { 1 },
            kernel: Some(version(&self.kernel)),
            file_system: Some(file_system.clone()),
            block: *block_size,
            limits: self.user.limits(self.overcommit_memory == Some(2)),
            noexec: Noexec {
                files: noexec.contains(&Unexecutable::Files),
                devices: noexec.contains(&Unexecutable::Devices),
                root: noexec.contains(&Unexecutable::Root),
            },
            little_disk: free_bytes.is_some_and(|free| free < wanted),
            large_pages: [huge, &self.shared_memory_huge]
                .into_iter()
                .flatten()
                .any(|word| sys::allows_huge(word)),
            protection_keys: self.cpu_flags.iter().any(|flag| flag == PROTECTION_KEYS),
            without: Vec::new(),
        }
    }

    /// The kernel, the CPU and the user, for people: `Linux 6.18.44 on x86_64 as root`.
    #[cfg(feature = "cli")]
    pub fn words(&self) -> String {
        let Machine { kernel, architecture, user, .. } = self;
        // Strict isolation is told itself.
        let lacks = if self.isolation == Isolation::Strict { vec![] } else { user.lacks() };
        let lacks = match lacks.is_empty() {
            true => String::new(),
            false => format!(" without {}", lacks.join(" and ")),
        };
        format!("Linux {kernel} on {architecture} as {}{lacks}{}", user.name(), user.bounds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: Surveyed) -> Machine {
        let here = Machine::here(1, Isolation::Default, &files);
        Machine { shared_memory_huge: None, overcommit_memory: None, ..here }
    }

    /// Of a line of JSON of another machine the model knows as much as there.
    #[test]
    fn the_environment_survives_json() {
        let files = Surveyed {
            file_system: "xfs".to_owned(),
            block_size: Some(1024),
            free_bytes: Some(1),
            noexec: vec![Unexecutable::Files, Unexecutable::Root],
            ..Surveyed::default()
        };
        let own = machine(files);
        let user = User {
            id: 5,
            capabilities: vec!["CAP_IPC_LOCK".to_owned()],
            limits: vec![crate::environment::Limit {
                resource: "RLIMIT_MEMLOCK".to_owned(),
                soft: Some(7),
                hard: None,
            }],
        };
        let own = Machine { user, overcommit_memory: Some(2), ..own };
        let text = serde_json::to_string(&own).expect("JSON");
        let read: Machine = serde_json::from_str(&text).expect("as it was written");
        assert_eq!(read, own);
        let Environment { limits, noexec, block, little_disk, .. } = read.environment();
        assert!(limits.locks && !limits.raises && limits.little_memory);
        assert_eq!((limits.lockable, limits.hard.len()), (7, 0));
        assert!(noexec.files && noexec.root && !noexec.devices);
        assert_eq!((block, little_disk), (Some(1024), true));
    }

    #[test]
    fn huge_pages_are_those_that_the_words_allow() {
        for (word, expected) in
            [("never", false), ("deny", false), ("advise", true), ("always", true)]
        {
            let files = || Surveyed { huge: Some(word.to_owned()), ..Surveyed::default() };
            assert_eq!(machine(files()).environment().large_pages, expected, "{word}");
            let shared = Machine {
                shared_memory_huge: Some(word.to_owned()),
                ..machine(Surveyed::default())
            };
            assert_eq!(shared.environment().large_pages, expected, "{word}");
            let told = files().about();
            assert_eq!(told.is_empty(), !expected, "{told}");
        }
        assert!(!machine(Surveyed::default()).environment().large_pages);
    }
}
