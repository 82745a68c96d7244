//! The model must predict the errno of an mremap whose arguments are wrong, and what the kernel has unmapped by the time
//! it looks at the map. The main type is [`Remap`].

use std::ops::Range;

use crate::case::Arg;
use crate::model::calls::mmap::ADDRESSES;
use crate::model::interpreter::Interpreter;
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::rule::Rule;
use crate::vocabulary::linux;

/// The arguments of an mremap.
pub(super) struct Remap {
    /// The old range, in whole pages.
    pub(super) was: Range<u64>,
    /// The new length in whole pages.
    pub(super) length: u64,
    /// The address that MREMAP_FIXED or the hint of MREMAP_DONTUNMAP gives.
    pub(super) to: Option<u64>,
    pub(super) flags: i32,
}

impl Remap {
    pub(super) fn has(&self, flag: i32) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn old_length(&self) -> u64 {
        self.was.end - self.was.start
    }

    /// The end of the map with its new length, where it stays.
    pub(super) fn will_end(&self) -> u64 {
        self.was.start + self.length
    }
}

impl Interpreter<'_> {
    /// Checks the arguments as the kernel does before it looks at any map. (Linux: check_mremap_params)
    pub(super) fn checked(&mut self, args: &[Arg]) -> Result<Remap, Failure> {
        let flags = Self::flags(args, 3) as i32;
        let start = self.address(&args[0]);
        let (old, new) = (self.length(args, 1), self.length(args, 2));
        let up = |length: u64| length.div_ceil(self.state.page()).saturating_mul(self.state.page());
        let in_page = self.in_page(start) && self.state.holds(Rule::AddressInPageIsEinval);
        if in_page || (new == 0 && self.state.holds(Rule::LengthZeroIsEinval)) {
            return Err(Errno(linux::EINVAL));
        }
        let fixed = flags & linux::MREMAP_FIXED != 0;
        let leaves = flags & linux::MREMAP_DONTUNMAP != 0;
        if new > ADDRESSES {
            return Err(match !fixed && !leaves && !self.state.holds(Rule::RemapLooksFirst) {
                true => Unmodelled("mremap to a length beyond all addresses"),
                false => Errno(linux::EINVAL),
            });
        }
        if start.checked_add(old).is_none_or(|end| end > ADDRESSES) {
            let there = self.process().space.at(start).is_some();
            return match fixed || leaves || (there && old > u64::MAX - self.state.page()) {
                true => Err(Unmodelled("mremap of a length beyond all addresses")),
                false => Err(Errno(if there { linux::EINVAL } else { linux::EFAULT })),
            };
        }
        let to = args.get(4).filter(|_| fixed || leaves).map(|to| self.address(to));
        let remap = Remap { was: start..start + up(old), length: up(new), to, flags };
        if !fixed && !leaves {
            return Ok(remap);
        }
        let overlaps = |to: u64| remap.was.end > to && to + remap.length > start;
        let bad_place = remap
            .to
            .is_some_and(|to| to > ADDRESSES - remap.length || self.in_page(to) || overlaps(to));
        let resizes = leaves && remap.old_length() != remap.length;
        if flags & linux::MREMAP_MAYMOVE == 0 || resizes {
            return Err(Errno(linux::EINVAL));
        }
        if bad_place {
            let nothing = self.process().space.at(start).is_none();
            return Err(Errno(match nothing && self.looks_for_a_map_first() {
                true => linux::EFAULT,
                false => linux::EINVAL,
            }));
        }
        if fixed && remap.to.is_none_or(|to| to < crate::model::interpreter::APART / 2) {
            return Err(Unmodelled("MREMAP_FIXED at an address outside of every map"));
        }
        Ok(remap)
    }

    /// True where a hole is found before a new address that is wrong: between Linux 5.16 and 6.17.
    fn looks_for_a_map_first(&self) -> bool {
        !self.state.holds(Rule::RemapLooksFirst) && self.state.holds(Rule::RemapShrinksAMap)
    }

    /// Unmaps what lies at the new address, and what the map is to lose, where Linux does so before it looks at the
    /// map. Returns true if it has.
    pub(super) fn unmaps_first(&mut self, remap: &mut Remap) -> Result<bool, i32> {
        let target = match remap.to {
            Some(to) if remap.has(linux::MREMAP_FIXED) => to..to + remap.length,
            _ => return Ok(false),
        };
        let will = remap.will_end();
        let space = &self.process().space;
        let matters = space.any_in(&target) || will < remap.was.end;
        let own = space.at(remap.was.start);
        let (nothing, sealed) = (own.is_none(), own.is_some_and(|own| own.sealed));
        if !matters || self.state.holds(Rule::RemapLooksFirst) {
            return Ok(false);
        }
        if nothing && self.state.holds(Rule::RemapShrinksAMap) {
            return Err(linux::EFAULT); // it asks that there is a map, and no more
        }
        if sealed && self.state.holds(Rule::MsealIsEperm) {
            return Err(linux::EPERM);
        }
        self.clear(&target)?;
        if will < remap.was.end {
            self.unmap(&(will..remap.was.end))?;
            remap.was.end = will;
        }
        Ok(true)
    }
}
