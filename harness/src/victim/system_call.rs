//! A victim makes the system calls of its case: it checks what they reach and take, and notes what their
//! success does to its maps and descriptors.

use nix::libc;

use super::failure::SetupFailure;
use super::guard::Verdict;
use super::maps::Shown;
use super::perform::{FAILED, Victim};
use super::program::{Operand, System, Then};
use super::reach::Span;
use crate::sys::Slot;

impl Victim<'_> {
    /// Makes a system call, and notes its effect on maps and descriptors.
    #[inline(always)]
    pub(super) fn system_call(&mut self, system: &System, slot: &Slot) -> Result<usize, i32> {
        self.pass_taken_places();
        let mut args = [0; 6];
        for (arg, operand) in args.iter_mut().zip(&system.args) {
            *arg = self.argument(operand);
        }
        let verdict = match system.span {
            Span::Nothing => Verdict::Harmless,
            span => {
                let verdict = self.guard.call(span, &args);
                self.admit(verdict);
                verdict
            }
        };
        self.admit_buffer(system.buffer, &args, verdict);
        if matches!(system.then, Then::Remapped { .. }) {
            self.note_what_has_grown(args[0], args[1]);
            if args[3] & libc::MREMAP_FIXED as usize != 0 {
                self.note_what_has_grown(args[4], args[2]);
            }
        }
        self.pay_for_call(system.price, &args);
        let descriptor = args[0];
        if system.reads {
            self.admit_reading(descriptor);
        }
        if matches!(system.then, Then::Closed) {
            // Also where close(2) fails, Linux has closed it.
            self.program.descriptors.note(descriptor, Shown::Nothing);
        }
        let result = match system.then {
            Then::Segment => self.child.new_segment(args)?,
            then => match (self.child.call(system.number, args), then) {
                (Ok(result), _) => result,
                (Err(errno), Then::Remapped { old, length }) => {
                    self.note_moved_parts(&args, (old, length), errno);
                    return Err(errno);
                }
                (Err(errno), Then::Mapped { address, length, .. }) => {
                    // mmap(2), MAP_FIXED: the kernel unmaps the range, and the new map may fail after that
                    // (Linux: mmap_region).
                    let place = args.get(address).copied().unwrap_or(0);
                    self.note_what_is_gone(place, length);
                    return Err(errno);
                }
                (Err(errno), _) => return Err(errno),
            },
        };
        if let Then::Mapped { .. } = system.then {
            let hinted = system.args.iter().any(|operand| matches!(operand, Operand::Place));
            if hinted && result != self.addresses.place() {
                self.give_up(SetupFailure::Placement, 0);
            }
        }
        let result = self.note_effect(system.then, &args, result);
        self.keep_track();
        self.see_buffer(system.buffer, &args, result, slot);
        Ok(result)
    }

    #[inline(always)]
    fn argument(&self, operand: &Operand) -> usize {
        match operand {
            Operand::Number(number) => *number,
            // MAP_FAILED is no address: it stays what it is, whatever is added to it.
            Operand::Variable(variable, offset) => match self.value(*variable) {
                FAILED if self.guarded => FAILED as usize,
                value => (value as usize).wrapping_add_signed(*offset),
            },
            Operand::Bytes(bytes) => bytes.as_ptr() as usize,
            Operand::Place => self.addresses.place(),
            Operand::Buffer => self.child.scratch_address(),
        }
    }

    /// Ends the process if this descriptor shows a file that differs from run to run. The name of a variable
    /// does not tell: the kernel gives the number of a descriptor that was closed to the next (open(2)).
    #[inline(always)]
    fn admit_reading(&self, descriptor: usize) {
        if matches!(self.program.descriptors.shown_by(descriptor), Shown::Varying) {
            self.give_up(SetupFailure::Varying, 0);
        }
    }

    /// Notes the effect of a call that has succeeded. Returns its result, or the address to which its new map
    /// was moved.
    #[inline(always)]
    fn note_effect(&mut self, then: Then, args: &[usize; 6], result: usize) -> usize {
        let maps = self.program.maps;
        let in_page = self.program.page as usize - 1;
        match then {
            Then::Nothing | Then::Closed | Then::Segment => result,
            // shmdt(2) unmaps the parts of the segment from that address on, wherever mremap has put others.
            Then::Detached => {
                self.note_what_is_gone(args[0], usize::MAX);
                result
            }
            Then::Mapped { address, grows, offset, length } => {
                let asked = args.get(address).copied().unwrap_or(0) & !in_page;
                let made = self.settle(result, length, asked);
                let descriptor = args[4];
                let file = offset.and_then(|offset| {
                    Some((self.program.descriptors.file_of(descriptor)?, offset))
                });
                maps.note(made, length, file);
                if grows {
                    maps.grows_down();
                }
                made
            }
            Then::Shows { offset, length } => {
                maps.show_from(args[0] & !in_page, length, offset);
                result
            }
            Then::Remapped { old, length } => {
                let [from, _, _, flags, ..] = *args;
                let made = self.settle(result, length, from);
                if flags & libc::MREMAP_DONTUNMAP as usize != 0 {
                    maps.show_again((from, old), made);
                } else {
                    maps.remap((from, old), made, length);
                }
                made
            }
            Then::Unmapped => {
                let [start, length, ..] = *args;
                maps.unmap(start, length.wrapping_add(in_page) & !in_page);
                result
            }
        }
    }
}
