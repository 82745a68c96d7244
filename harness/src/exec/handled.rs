//! A program may handle its faults: a JVM takes hundreds of them and is well, and another program prints a message of its
//! own and gives up. So the faults that a handler took are kept, and told only of a program that fails afterwards.
//!
//! The last one is not always the reason: the report of a JVM raises further faults. While a handler runs, its signal
//! frame is on the stack, and says where the fault was: [`HandledFaults::live`] looks for it.

use std::collections::VecDeque;

use super::live::{Memory, Raised};
use super::maps::Maps;
use super::registers::{FRAME_ADDRESS, FRAME_ERROR, FRAME_PC, FRAME_TRAP, FRAME_WORDS, Registers};

/// The number of faults that are kept for each process.
const KEPT: usize = 256;
/// The bytes of a stack that are searched.
const SEARCHED: u64 = 1 << 20;
/// The number of a page fault on x86, and of a general protection fault. (arch/x86/include/asm/trapnr.h)
const TRAPS: [u64; 2] = [14, 13];

/// The faults that a process has handled, the last one at the end.
#[derive(Debug, Default)]
pub struct HandledFaults(VecDeque<Raised>);

impl HandledFaults {
    pub fn keep(&mut self, raised: Raised) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(raised);
    }

    pub fn last(&self) -> Option<&Raised> {
        self.0.back()
    }

    /// The fault whose signal frame the kernel could not write: the thread stops once more before any of its registers
    /// has changed.
    pub fn undelivered(&self, thread: i32, registers: &Registers) -> Option<&Raised> {
        self.last().filter(|last| last.thread == thread && last.registers == *registers)
    }

    /// Looks for the signal frame of a kept fault on the stack of a stopped thread. Of several the outermost one counts:
    /// its handler was called first.
    pub fn live(&self, process: i32, thread: i32) -> Option<Raised> {
        if self.0.is_empty() || !cfg!(target_arch = "x86_64") {
            return None;
        }
        let sp = Registers::of_thread(process, thread)?.sp;
        let maps = Maps::of_process(thread);
        let end = maps.at(sp)?.end.min(sp.saturating_add(SEARCHED));
        let bytes = Memory::of(thread).read(sp, (end - sp) as usize);
        self.in_stack(&bytes, thread)
    }

    fn in_stack(&self, bytes: &[u8], thread: i32) -> Option<Raised> {
        let words = bytes.chunks_exact(8);
        let words: Vec<u64> = words
            .map(|word| word.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)))
            .collect();
        words.windows(FRAME_WORDS).rev().find_map(|frame| {
            if !TRAPS.contains(&frame[FRAME_TRAP]) || frame[FRAME_ERROR] > u64::from(u16::MAX) {
                return None;
            }
            let is_it = |own: &&Raised| {
                let address = own.info.address;
                own.thread == thread
                    && own.registers.pc == frame[FRAME_PC]
                    && (address == frame[FRAME_ADDRESS] || frame[FRAME_TRAP] != TRAPS[0])
            };
            let kept = self.0.iter().rev().find(is_it)?;
            let frame: &[u64; FRAME_WORDS] = frame.try_into().ok()?;
            let mut registers = Registers::of_signal_frame(frame);
            // Only a page fault has this error code.
            if let (Some(x86), true) = (&mut registers.x86, frame[FRAME_TRAP] != TRAPS[0]) {
                x86.error_code = None;
            }
            Some(Raised { registers, ..kept.clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tracing::SignalInfo;

    fn raised(pc: u64, address: u64) -> Raised {
        let info = SignalInfo { signal: 11, code: 1, address, sender: 0 };
        Raised { info, thread: 7, registers: Registers { pc, ..Registers::default() } }
    }

    fn frame(pc: u64, address: u64) -> [u64; FRAME_WORDS] {
        let mut frame = [0x1111; FRAME_WORDS];
        frame[FRAME_PC] = pc;
        frame[FRAME_ERROR] = 6;
        frame[FRAME_TRAP] = TRAPS[0];
        frame[FRAME_ADDRESS] = address;
        frame
    }

    #[test]
    fn the_outermost_frame_of_a_kept_fault_is_found() {
        let mut handled = HandledFaults::default();
        handled.keep(raised(0x400, 0x10));
        handled.keep(raised(0x500, 0x20)); // raised later, within the handler of the first
        let stack = [&[1; 5][..], &frame(0x500, 0x20), &[2; 3], &frame(0x400, 0x10), &[3; 9]];
        let stack: Vec<u8> = stack.concat().iter().flat_map(|word| word.to_le_bytes()).collect();
        let found = handled.in_stack(&stack, 7).expect("a frame");
        assert_eq!((found.registers.pc, found.info.address), (0x400, 0x10));
        assert_eq!(found.registers.x86.and_then(|x86| x86.error_code), Some(6));
        assert!(handled.in_stack(&stack, 8).is_none(), "the stack of another thread");
        assert!(handled.in_stack(&stack[..64], 7).is_none(), "half a frame");
    }

    #[test]
    fn only_the_last_faults_are_kept() {
        let mut handled = HandledFaults::default();
        (0..1000).for_each(|pc| handled.keep(raised(pc, pc)));
        assert_eq!(handled.0.len(), KEPT);
        let at = |pc| raised(pc, 0).registers;
        assert!(handled.undelivered(7, &at(999)).is_some());
        assert!(handled.undelivered(7, &at(998)).is_none());
        assert!(handled.undelivered(7, &Registers { sp: 1, ..at(999) }).is_none());
    }
}
