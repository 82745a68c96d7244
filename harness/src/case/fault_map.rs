//! The fault map: for each access, the regions of a mapping in which every byte has the same
//! outcome.

use serde::{Deserialize, Serialize};

use super::{Access, Outcome};

/// The result of a sweep: one row for each access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultMap {
    /// The rows, in the order in which the case asks for them.
    pub rows: Vec<Row>,
}

/// The outcomes of one access along the whole mapping and a page on either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The access that was made to each byte.
    pub access: Access,
    /// The regions in order. Neighbours differ in outcome; the first has no start, the last no end.
    pub regions: Vec<Region>,
}

/// A run of bytes with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// The offset of the first byte from the start of the map; `None` in the first region.
    pub from: Option<i64>,
    /// The offset just past the last byte; `None` in the last region.
    pub to: Option<i64>,
    /// The outcome of every byte in the region.
    pub outcome: Outcome,
}

impl Row {
    /// Builds a row from runs: each is its first offset and its outcome, in rising order of
    /// offsets. Neighbouring runs of equal outcome become one region.
    #[doc(hidden)]
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

    /// The outcome of the byte at this offset.
    pub fn at(&self, offset: i64) -> Option<Outcome> {
        let holds = |region: &&Region| {
            region.from.is_none_or(|from| from <= offset) && region.to.is_none_or(|to| offset < to)
        };
        self.regions.iter().find(holds).map(|region| region.outcome)
    }
}
