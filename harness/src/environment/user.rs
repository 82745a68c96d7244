//! What a user may do decides what mlock(2), setrlimit(2) and mmap(2) answer: this module reads it. The main type
//! is [`User`].

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use serde::{Deserialize, Serialize};

use super::read;
use crate::confine::Isolation;
use crate::model::Limits;

/// The limits that a case can set.
const RESOURCES: &[Resource] = &[
    Resource::RLIMIT_AS,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_MEMLOCK,
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_STACK,
];

const LOCKS: &str = "CAP_IPC_LOCK";
const RAISES: &str = "CAP_SYS_RESOURCE";

/// The capabilities that change what a call of a case answers. (capabilities(7))
const CAPABILITIES: &[(&str, CapabilitySet)] =
    &[(LOCKS, CapabilitySet::IPC_LOCK), (RAISES, CapabilitySet::SYS_RESOURCE)];

/// The user, and what a process of this user may do before its case sets limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The effective user id.
    #[serde(rename = "user")]
    pub id: u32,
    /// Those of [`CAPABILITIES`] that measured processes have, and not in a user namespace alone.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The limits that are not infinite, of the resources that a case can limit.
    #[serde(default)]
    pub limits: Vec<Limit>,
}

/// The limit of a resource, see setrlimit(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Its name: `RLIMIT_MEMLOCK`.
    pub resource: String,
    /// In the unit of the resource, mostly bytes; `None` where it is infinite.
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

impl User {
    /// The user of this process, whose cases are isolated so.
    pub fn of(isolation: Isolation) -> User {
        let is_own = |(_, capability): &&(&str, CapabilitySet)| {
            isolation == Isolation::Default && has(*capability)
        };
        let capabilities = CAPABILITIES.iter().filter(is_own).map(|(name, _)| (*name).to_owned());
        User {
            id: rustix::process::geteuid().as_raw(),
            capabilities: capabilities.collect(),
            limits: RESOURCES.iter().filter_map(|resource| Limit::of(*resource)).collect(),
        }
    }

    /// For people: `root`, `user 1000`.
    #[cfg(feature = "cli")]
    pub fn name(&self) -> String {
        match self.id {
            0 => "root".to_owned(),
            id => format!("user {id}"),
        }
    }

    /// The capabilities that root has and this root has not; nothing for another user.
    #[cfg(feature = "cli")]
    pub fn lacks(&self) -> Vec<&'static str> {
        let names = CAPABILITIES.iter().map(|(name, _)| *name);
        names.filter(|name| self.id == 0 && !self.may(name)).collect()
    }

    /// The limits that few users have, for people: `, RLIMIT_FSIZE 1024`.
    #[cfg(feature = "cli")]
    pub fn bounds(&self) -> String {
        let rare = [Resource::RLIMIT_AS, Resource::RLIMIT_DATA, Resource::RLIMIT_FSIZE].map(name);
        let rare = self.limits.iter().filter(|own| rare.contains(&own.resource));
        rare.filter_map(|own| Some(format!(", {} {}", own.resource, own.soft?))).collect()
    }

    fn may(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|own| own == capability)
    }

    /// What the model has to know of it. Where memory is never overcommitted, it may be refused at any time.
    pub fn limits(&self, never_overcommits: bool) -> Limits {
        let limit = |resource: &Resource| {
            let name = name(*resource);
            self.limits.iter().find(|own| own.resource == name)
        };
        let soft = |resource: Resource| limit(&resource).and_then(|own| own.soft);
        let hard = |resource: &Resource| {
            limit(resource).and_then(|own| Some((*resource as i64, own.hard?)))
        };
        let finite = [Resource::RLIMIT_AS, Resource::RLIMIT_DATA].map(|own| soft(own).is_some());
        Limits {
            raises: self.may(RAISES),
            locks: self.may(LOCKS),
            hard: RESOURCES.iter().filter_map(hard).collect(),
            lockable: soft(Resource::RLIMIT_MEMLOCK).unwrap_or(u64::MAX),
            little_memory: finite.contains(&true) || never_overcommits,
        }
    }
}

impl Limit {
    /// The limit of this process, if it is finite.
    fn of(resource: Resource) -> Option<Limit> {
        let (soft, hard) = getrlimit(resource).ok()?;
        let [soft, hard] = [soft, hard].map(|own| Some(own).filter(|own| *own < RLIM_INFINITY));
        let resource = name(resource);
        (soft.is_some() || hard.is_some()).then_some(Limit { resource, soft, hard })
    }
}

fn name(resource: Resource) -> String {
    format!("{resource:?}")
}

/// True if this process has a capability, and not only in a user namespace of its own: a user who is root there alone
/// is bound like any other.
fn has(capability: CapabilitySet) -> bool {
    let map = read("/proc/self/uid_map");
    // Without user namespaces, or without /proc, there is no such file.
    let is_whole = map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"]);
    is_whole && capabilities(None).is_ok_and(|own| own.effective.contains(capability))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{Family, flags};

    #[test]
    fn the_limits_are_those_that_a_case_can_set() {
        let own: Vec<String> = RESOURCES.iter().map(|resource| name(*resource)).collect();
        let named: Vec<&str> = flags(Family::Resource).iter().map(|flag| flag.name).collect();
        assert_eq!(own, named);
    }
}
