//! A picture may differ on a file system, a kernel, a page size or an architecture, for a good reason: a variant of the
//! snapshot holds it. Its name says where it counts: `id@tmpfs.snap`, `id@linux-6.12+xfs.snap`.
//!
//! Of several variants that fit, the one with the most conditions counts. The main types are [`Place`] and
//! [`Condition`].

use std::fmt;

use crate::case::ARCHITECTURES;

/// The machine and the file system on which a picture was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the file system, as in `requires(fs == ...)`.
    pub file_system: String,
    /// The major and the minor number of the kernel's release.
    pub kernel: (u32, u32),
    /// The architecture, as in `requires(arch == ...)`.
    pub architecture: String,
    /// The bytes of a page.
    pub page: u64,
}

/// One condition of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `tmpfs`: this file system.
    FileSystem(String),
    /// `linux-6.12`: a kernel of this release series.
    Kernel(u32, u32),
    /// `x86_64`, or `arm64`, which is aarch64.
    Architecture(String),
    /// `16k`: pages of so many bytes.
    Page(u64),
}

/// The name that many use for an architecture, and the one that `requires` uses.
const ARM64: (&str, &str) = ("arm64", "aarch64");

impl Place {
    /// The place of a run on this machine, with its files on this file system.
    pub fn here(file_system: &str) -> Place {
        Place {
            file_system: file_system.to_owned(),
            kernel: crate::backing::kernel(),
            architecture: std::env::consts::ARCH.to_owned(),
            page: rustix::param::page_size() as u64,
        }
    }

    /// All that a variant can say of the place.
    pub fn conditions(&self) -> [Condition; 4] {
        [
            Condition::FileSystem(self.file_system.clone()),
            Condition::Kernel(self.kernel.0, self.kernel.1),
            Condition::Architecture(self.architecture.clone()),
            Condition::Page(self.page),
        ]
    }
}

impl Condition {
    /// Reads a word of the name of a variant. A word that is nothing else is the name of a file system.
    pub fn parse(word: &str) -> Condition {
        let release = || {
            let (major, minor) = word.strip_prefix("linux-")?.split_once('.')?;
            Some(Condition::Kernel(major.parse().ok()?, minor.parse().ok()?))
        };
        let page = || {
            let kibibytes: u64 = word.strip_suffix('k')?.parse().ok()?;
            Some(Condition::Page(kibibytes.checked_mul(1024)?))
        };
        let architecture = || {
            let word = if word == ARM64.0 { ARM64.1 } else { word };
            ARCHITECTURES.contains(&word).then(|| Condition::Architecture(word.to_owned()))
        };
        let known = release().or_else(page).or_else(architecture);
        known.unwrap_or_else(|| Condition::FileSystem(word.to_owned()))
    }

    /// True if both are about the file system, and so on.
    pub fn is_like(&self, other: &Condition) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::FileSystem(name) | Condition::Architecture(name) => f.write_str(name),
            Condition::Kernel(major, minor) => write!(f, "linux-{major}.{minor}"),
            Condition::Page(bytes) => write!(f, "{}k", bytes / 1024),
        }
    }
}

/// The conditions that the name of a variant says, joined by `+`.
pub fn conditions(variant: &str) -> Vec<Condition> {
    variant.split('+').map(Condition::parse).collect()
}

/// The number of conditions of a variant, if it fits this place.
pub fn fits(variant: &str, place: &Place) -> Option<usize> {
    let (wanted, own) = (conditions(variant), place.conditions());
    wanted.iter().all(|condition| own.contains(condition)).then_some(wanted.len())
}

/// What would count without a variant, wherever that counts: others that tie, or one, or the base, which is `None` inside.
/// Nothing where that is not the same everywhere.
pub fn stand_ins<'a>(variant: &str, others: &'a [String]) -> Vec<Option<&'a str>> {
    let own = conditions(variant);
    let mut less: Vec<(usize, &str)> = Vec::new();
    for other in others.iter().filter(|other| *other != variant) {
        let wanted = conditions(other);
        let contradicts = |one: &Condition| own.iter().any(|own| own.is_like(one) && own != one);
        // Where it counts, this variant does not.
        if wanted.len() >= own.len() || wanted.iter().any(contradicts) {
            continue;
        }
        if wanted.iter().any(|condition| !own.contains(condition)) {
            return Vec::new();
        }
        less.push((wanted.len(), other.as_str()));
    }
    let Some(most) = less.iter().map(|(conditions, _)| *conditions).max() else {
        return vec![None];
    };
    let best = less.iter().filter(|(conditions, _)| *conditions == most);
    best.map(|(_, name)| Some(*name)).collect()
}

/// The name of a variant for what differs between this place and one that was written down; none where nothing does.
/// What was not written down differs in nothing.
pub fn difference(place: &Place, written: &[Condition]) -> Option<String> {
    let own = place.conditions();
    let differs = own
        .iter()
        .filter(|own| written.iter().any(|other| own.is_like(other)) && !written.contains(own));
    let words: Vec<String> = differs.map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            file_system: "xfs".to_owned(),
            kernel: (6, 12),
            architecture: "aarch64".to_owned(),
            page: 16384,
        }
    }

    #[test]
    fn a_variant_fits_where_all_its_conditions_hold() {
        for (variant, expected) in [
            ("xfs", Some(1)),
            ("linux-6.12+xfs", Some(2)),
            ("arm64", Some(1)),
            ("aarch64+16k+linux-6.12+xfs", Some(4)),
            ("ext4", None),
            ("xfs+4k", None),
            ("linux-6.1", None),
            ("linux-6", None),
            ("", None),
        ] {
            assert_eq!(fits(variant, &place()), expected, "{variant}");
        }
    }

    #[test]
    fn what_counts_without_a_variant_has_fewer_of_its_conditions() {
        let others = ["xfs", "xfs+4k", "ext4", "ext4+16k", "ext4+linux-6.1", "linux-6.12+ext4+16k"];
        let others = others.map(str::to_owned);
        for (variant, expected) in [
            ("xfs", vec![None]),
            ("xfs+4k", vec![Some("xfs")]),
            ("xfs+4k+arm64", vec![Some("xfs+4k")]),
            ("ext4+linux-6.1", vec![Some("ext4")]),
            ("linux-6.12+ext4+16k", vec![Some("ext4+16k")]),
            ("ext4+16k+linux-6.1", vec![Some("ext4+16k"), Some("ext4+linux-6.1")]),
            // With pages of 16 KiB, `ext4+16k` would count.
            ("ext4+linux-6.12+arm64", vec![]),
            ("btrfs", vec![None]),
        ] {
            assert_eq!(stand_ins(variant, &others), expected, "{variant}");
        }
    }

    #[test]
    fn what_differs_is_the_name_of_the_variant() {
        let told = |written: &str| difference(&place(), &conditions(written));
        assert_eq!(told("xfs+linux-6.12+aarch64+16k"), None);
        assert_eq!(told("ext4+linux-6.18+aarch64+16k").as_deref(), Some("xfs+linux-6.12"));
        assert_eq!(told("xfs"), None);
        assert_eq!(told("4k").as_deref(), Some("16k"));
    }
}
