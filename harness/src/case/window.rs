//! The range of a `sweep(map, ...)`: the map at its greatest length, and a page on either side.

use std::ops::Range;

use super::{Arg, Case, Size, Step};
use crate::vocabulary::Effect;

/// The offsets that a sweep of the variable `map` covers, from the start of the map, on a machine
/// with pages of `page` bytes.
///
/// ```
/// use faultmap::internals::case::window;
/// let case = faultmap::internals::parse::case(
///     "map = mmap(0, 100, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, read);",
/// );
/// assert_eq!(window(&case.unwrap(), "map", 4096), -4096..8192);
/// ```
pub fn window(case: &Case, map: &str, page: u64) -> Range<i64> {
    let unit = page as i64;
    let length = extent(case, map, page).max(1);
    let pages = length.div_euclid(unit) + i64::from(length % unit != 0);
    -unit..(pages + 1) * unit
}

/// The greatest length in bytes that the map of this variable can have at any point of the case.
fn extent(case: &Case, map: &str, page: u64) -> i64 {
    let value = |size: &Size| {
        let value = size.eval(page).and_then(|value| i64::try_from(value).ok()).unwrap_or(0);
        if value.unsigned_abs() <= super::limits::MAP_BYTES { value } else { 0 }
    };
    let mut segment = 0;
    let mut longest = 0;
    for (_, _, step) in case.walk() {
        let Step::Call { assign, call, args } = step else {
            continue;
        };
        let own = assign.as_deref() == Some(map);
        let size = |index: usize| match args.get(index) {
            Some(Arg::Size(size)) => value(size),
            _ => 0,
        };
        // The length, and the arguments that may be within the map of the variable.
        let (length, bases): (i64, &[usize]) = match call.effect {
            Effect::Maps { address, length, .. } => (size(length), &[address]),
            Effect::Remaps { address, new, target, .. } => (size(new), &[address, target]),
            Effect::Attaches { address, .. } => (segment, &[address]),
            Effect::MakesSegment { length, .. } => {
                segment = segment.max(size(length));
                continue;
            }
            _ => continue,
        };
        if own {
            longest = longest.max(length);
        }
        for base in bases.iter().filter_map(|index| args.get(*index)) {
            if let Arg::Address { map: Some(name), offset } = base {
                if name == map {
                    longest = longest.max(value(offset) + length);
                }
            }
        }
    }
    longest
}
