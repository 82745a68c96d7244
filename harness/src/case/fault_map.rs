//! The fault map: the regions of equal outcome along a mapping, one row an access.

use serde::{Deserialize, Serialize};

use super::{Access, Outcome};

/// What a sweep found: one row for each access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultMap {
    /// The rows, in the order in which the case asks for them.
    pub rows: Vec<Row>,
}

/// One access along the whole mapping and a page to either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How each byte was touched.
    pub access: Access,
    /// Neighbours differ in outcome; the first is open to the left, the last to the right.
    pub regions: Vec<Region>,
}

/// A run of bytes with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// First byte, relative to the map; `None` where the region is open to the left.
    pub from: Option<i64>,
    /// One past the last byte, relative to the map; `None` where it is open to the right.
    pub to: Option<i64>,
    /// What each byte of it came to.
    pub outcome: Outcome,
}

impl Row {
    /// The row of these outcomes, told by the first offset of each run, in rising order.
    /// Neighbours of equal outcome become one region.
    pub fn from_starts(access: Access, starts: impl IntoIterator<Item = (i64, Outcome)>) -> Row {
        let mut regions: Vec<Region> = Vec::new();
        for (from, outcome) in starts {
            match regions.last_mut() {
                Some(last) if last.outcome == outcome => {}
                Some(last) => {
                    last.to = Some(from);
                    regions.push(Region { from: Some(from), to: None, outcome });
                }
                None => regions.push(Region { from: None, to: None, outcome }),
            }
        }
        Row { access, regions }
    }

    /// The offsets at which the outcome changes.
    pub fn boundaries(&self) -> impl Iterator<Item = i64> + '_ {
        self.regions.iter().filter_map(|region| region.from)
    }

    /// The outcome at one byte.
    pub fn at(&self, offset: i64) -> Option<Outcome> {
        let holds = |region: &&Region| {
            region.from.is_none_or(|from| from <= offset) && region.to.is_none_or(|to| offset < to)
        };
        self.regions.iter().find(holds).map(|region| region.outcome)
    }
}
