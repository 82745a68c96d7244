//! The harness may do more than its plan says, or leave something undone, while it measures a case, and the
//! user has to know that.
//!
//! A [`Note`] stands below a picture when that is printed, and is not kept in a snapshot: two
//! measurements that saw the same are equal, whatever it took to see it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Access;

/// A circumstance of a measurement that its picture does not show. `sweep` counts the sweeps of the case from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// A random byte of a region was not what was drawn there: the row was bisected further.
    BisectedFurther {
        /// The sweep.
        sweep: usize,
        /// The row of it.
        access: Access,
        /// The byte, relative to the map.
        at: i64,
    },
    /// The map is so large, or the case names so many offsets, that some pages were not probed, or not at
    /// each of these offsets.
    Capped {
        /// The sweep.
        sweep: usize,
        /// Pages that were probed at each offset that a step names.
        closely: u64,
        /// Pages that were probed, these included, before any bisection.
        probed: u64,
        /// Pages that there are, the one to either side of the map included.
        pages: u64,
    },
    /// Accesses never return, and each costs the time of two children that are killed: not all were asked for.
    NeverReturns {
        /// The sweep.
        sweep: usize,
        /// The row of it.
        access: Access,
        /// Pages that were not asked about, since pages on both sides of them never return; bytes, where every byte was
        /// to be probed.
        left_out: u64,
    },
    /// No other case was measured at the same time, and each probe had what is scarce to itself.
    MeasuredAlone {
        /// The thing that is scarce.
        scarce: Scarce,
    },
}

/// The thing that two cases, measured at once, might use up for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scarce {
    /// Room on the file system.
    Room,
    /// Huge pages.
    HugePages,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::BisectedFurther { sweep, access, at } => {
                let number = sweep + 1;
                write!(
                    f,
                    "sweep {number}: the {access} row was bisected further, because byte {at}, "
                )?;
                f.write_str("which was chosen at random, differed from it")
            }
            Note::Capped { sweep, closely, probed, pages } => {
                let number = sweep + 1;
                write!(
                    f,
                    "sweep {number}: {probed} of {pages} pages were probed, {closely} of them "
                )?;
                f.write_str("at each offset that a step names")
            }
            Note::NeverReturns { sweep, access, left_out } => {
                let number = sweep + 1;
                write!(
                    f,
                    "sweep {number}: the {access} row was not asked at {left_out} places amid "
                )?;
                f.write_str("accesses that never return, as each of them takes seconds")
            }
            Note::MeasuredAlone { scarce: Scarce::Room } => {
                f.write_str("measured alone: each probe has the file system's free room to itself")
            }
            Note::MeasuredAlone { scarce: Scarce::HugePages } => {
                f.write_str("measured alone: each probe has the machine's huge pages to itself")
            }
        }
    }
}
