//! The model must predict which pages of its file a map shows after remap_file_pages, and the errno where
//! that fails.

use crate::case::Arg;
use crate::model::address_space::Vma;
use crate::model::interpreter::{Interpreter, Predict};
use crate::model::returned::Failure::{self, Errno, Unmodelled};
use crate::model::returned::Returned;
use crate::model::rule::Rule;
use crate::vocabulary::linux;

pub(super) const CALLS: &[(&str, Predict)] =
    &[("remap_file_pages", |p, args| p.remap_file_pages(args))];

impl Interpreter<'_> {
    /// Maps the pages anew, as Linux has emulated the call since 4.0. (remap_file_pages(2))
    fn remap_file_pages(&mut self, args: &[Arg]) -> Result<Returned, Failure> {
        let page = self.state.page();
        let (start, length) = (self.address(&args[0]), self.length(args, 1));
        let (prot, first) = (Self::flags(args, 2), self.number(args, 3) as u64);
        let (start, length) = (start / page * page, length / page * page);
        let einval = Err(Errno(linux::EINVAL));
        let wraps = first.checked_add(length / page).is_none();
        if prot != 0 || length == 0 || start.checked_add(length).is_none() || wraps {
            return einval;
        }
        let Some(own) = self.process().space.at(start).cloned() else { return einval };
        let range = start..start + length;
        let space = &self.process().space;
        let alike = space.touching(&range).all(|other| own.is_like(other));
        let hole = space.hole_in(&range).is_some();
        let hinted = space.touching(&range).any(|other| other.hints != own.hints);
        // A shared map of a descriptor that cannot be written is none here.
        if !own.writer || !alike || hole {
            return einval;
        }
        // VM_NORESERVE depends on the overcommit of the machine, VM_NOHUGEPAGE on the kernel. (Linux: do_mmap)
        if hinted {
            return Err(Unmodelled("maps with and without MAP_NORESERVE or MAP_STACK"));
        }
        if own.locked {
            self.may_lock(length, linux::EAGAIN)?;
        }
        let offset = first.checked_mul(page).filter(|at| *at <= i64::MAX as u64 - length);
        let offset = offset.ok_or(linux::EOVERFLOW)?;
        let may = match own.object {
            Some(object) => self.may_under_seals(object, (own.prot, own.may), &range)?,
            None => own.may,
        };
        if own.sealed && self.state.holds(Rule::MsealIsEperm) {
            return Err(Errno(linux::EPERM));
        }
        // The new map takes the place of the old, but the kernel asks all the same. (Linux: may_expand_vm)
        self.may_have(length, 0)?;
        // A removed segment of which this was the only map is gone before it is mapped anew. (Linux:
        // shm_mmap)
        if self.state.segments.iter().any(|s| s.removed && Some(s.object) == own.object) {
            self.process().space.remove(&range);
            let left = self.processes.iter().any(|process| process.space.shows(own.object));
            if !left {
                return einval;
            }
        }
        if self.state.holds(Rule::RemapFilePagesShowsOthers) {
            let Vma { prot, object, open_file, hints, locked, .. } = own;
            let (shared, writer) = (true, true);
            let new = Vma {
                range,
                prot,
                may,
                shared,
                writer,
                object,
                open_file,
                hints,
                offset,
                locked,
                ..Vma::default()
            };
            self.process().space.insert(new);
        }
        Ok(Returned::Nothing)
    }
}
