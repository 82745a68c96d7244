//! A run may be spread over several machines: each measures one part of the cases, and `faultmap merge` puts
//! their results together. The main types are [`Partition`] and [`Chosen`].

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::cases::seed_of;
use super::select::{Loaded, Selection};

/// The largest number of parts.
const MOST: u32 = 10_000;
/// The form of a partition, for messages.
const FORM: &str = "write for example 1/4, which is hash:1/4, or count:1/4";

/// One of several parts of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    by: By,
    /// The part, counted from 1.
    part: u32,
    parts: u32,
}

/// What decides to which part a case belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Its id alone: other cases come and go, and it stays in its part.
    Hash,
    /// Its place among the chosen cases: the parts are of equal size.
    Count,
}

impl Partition {
    /// True if a case with this index among all chosen ones, and with this id, belongs to this part.
    fn holds(&self, index: usize, id: &str) -> bool {
        let (part, parts) = (u64::from(self.part), u64::from(self.parts));
        let number = match self.by {
            By::Hash => ((mixed(seed_of(id)) >> 32) * parts) >> 32,
            By::Count => index as u64 % parts,
        };
        number + 1 == part
    }

    /// Returns all parts of the whole, this one included.
    pub fn all(self) -> impl Iterator<Item = Partition> {
        (1..=self.parts).map(move |part| Partition { part, ..self })
    }
}

/// Spreads each bit over all of them: in FNV-1a the last bytes of an id change few bits. (fmix64 of MurmurHash3)
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            By::Hash => "hash",
            By::Count => "count",
        };
        write!(f, "{by}:{}/{}", self.part, self.parts)
    }
}

impl FromStr for Partition {
    type Err = String;

    /// Parses `1/4`, `hash:1/4` or `count:1/4`.
    fn from_str(text: &str) -> Result<Partition, String> {
        let (by, numbers) = match text.split_once(':') {
            None => (By::Hash, text),
            Some(("hash", numbers)) => (By::Hash, numbers),
            Some(("count", numbers)) => (By::Count, numbers),
            Some((other, _)) => return Err(format!("`{other}` divides no cases; {FORM}")),
        };
        let numbers = numbers.split_once('/').and_then(|(part, parts)| {
            Some((part.parse::<u32>().ok()?, parts.parse::<u32>().ok()?))
        });
        match numbers {
            None => Err(FORM.to_owned()),
            Some((_, parts)) if !(1..=MOST).contains(&parts) => {
                Err(format!("there are 1 to {MOST} parts; {FORM}"))
            }
            Some((part, parts)) if !(1..=parts).contains(&part) => {
                Err(format!("the parts of {parts} are 1 to {parts}; {FORM}"))
            }
            Some((part, parts)) => Ok(Partition { by, part, parts }),
        }
    }
}

/// The cases of a run, with the position of each among all that were named.
#[derive(Debug)]
pub struct Chosen {
    /// The cases of this part.
    pub cases: Vec<Loaded>,
    /// The position of each.
    pub positions: Vec<Position>,
    /// The number of all cases, and this part of them.
    pub of: usize,
    pub partition: Option<Partition>,
    /// The snapshots that belong to no case. Each is in one part, like a case.
    pub snapshots_without_case: Vec<String>,
}

/// The position of a case among all cases that were named. It is a part of each JSON line.
#[derive(Debug, Clone, Serialize)]
pub struct Position {
    /// Its number, counted from 1.
    pub number: usize,
    /// The number of all cases, those of other parts included.
    pub of: usize,
    /// The part that was run; none if it was the whole.
    pub partition: Option<String>,
}

impl Chosen {
    /// Returns the cases of a part; all of them where there is none.
    pub fn of(all: Selection, partition: Option<Partition>) -> Chosen {
        let of = all.cases.len();
        let holds = |index: usize, name: &str| {
            partition.is_none_or(|partition| partition.holds(index, name))
        };
        let without_case = all.snapshots_without_case.into_iter().enumerate();
        let without_case = without_case.filter(|(index, path)| holds(*index, path));
        let snapshots_without_case = without_case.map(|(_, path)| path).collect();
        let own = all.cases.into_iter().enumerate();
        let own = own.filter(|(index, loaded)| holds(*index, &loaded.id));
        let position = |index| Position {
            number: index + 1,
            of,
            partition: partition.map(|partition| partition.to_string()),
        };
        let (positions, cases) = own.map(|(index, loaded)| (position(index), loaded)).unzip();
        Chosen { cases, positions, of, partition, snapshots_without_case }
    }

    /// Returns why there is no case.
    pub fn nothing(&self) -> String {
        match (self.of, self.partition) {
            (0, _) | (_, None) => {
                "the folder holds no case; the built-in ones run where no folder is called cases/"
                    .to_owned()
            }
            (of, Some(partition)) => format!("part {partition} holds no case, of {of}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<Partition> {
        text.parse::<Partition>().expect("a part").all().collect()
    }

    #[test]
    fn a_case_is_in_exactly_one_part_whichever_others_there_are() {
        let ids: Vec<String> = (0..1000).map(|number| format!("family/case_{number}")).collect();
        for text in ["1/1", "hash:1/2", "2/3", "1/7", "count:1/5"] {
            for (index, id) in ids.iter().enumerate() {
                let holding = parts(text).iter().filter(|part| part.holds(index, id)).count();
                assert_eq!(holding, 1, "{text}: {id}");
            }
        }
        let first: Partition = "1/4".parse().expect("a part");
        for id in &ids {
            assert_eq!(first.holds(0, id), first.holds(17, id), "{id}");
        }
    }

    #[test]
    fn parts_by_hash_are_of_about_the_same_size() {
        let ids: Vec<String> = (0..1000).map(|number| format!("family/case_{number}")).collect();
        for part in parts("1/4") {
            let size = ids.iter().filter(|id| part.holds(0, id)).count();
            assert!((200..300).contains(&size), "{part}: {size}");
        }
    }

    /// Results of different releases are merged: an id must not change its part.
    #[test]
    fn the_part_of_an_id_is_the_same_for_ever() {
        let part = |id: &str| parts("1/4").iter().position(|part| part.holds(0, id));
        let ids = ["notes/map_of_empty_file", "notes/open_rdonly", "a", ""];
        assert_eq!(ids.map(part), [Some(3), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn what_is_no_part_is_refused_with_the_form() {
        for text in ["", "1", "0/4", "5/4", "1/0", "1/10001", "-1/4", "slice:1/4", "1/4/2", "a/b"] {
            let why = text.parse::<Partition>().expect_err(text);
            assert!(why.ends_with(FORM), "{text}: {why}");
        }
        assert_eq!(parts("3/4")[0].to_string(), "hash:1/4");
        assert_eq!(parts("count:3/4")[3].to_string(), "count:4/4");
    }
}
