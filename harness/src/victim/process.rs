//! A case may have several processes: the victim itself, those of its `fork` blocks, and the unrelated ones
//! of its `process` blocks.

use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use nix::libc;

use super::failure::SetupFailure;
use super::perform::Victim;
use super::program::Op;
use crate::case::BlockKind;
use crate::sys::Slot;

impl Victim<'_> {
    /// Asks the kernel to kill this process when its parent dies, and makes sure that it had not died
    /// before it was asked (prctl(2), PR_SET_PDEATHSIG). The setting is not inherited.
    #[inline(always)]
    pub(super) fn die_with(&self, parent: i32) {
        let kill = libc::SIGKILL as usize;
        let asked =
            self.child.call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, kill, 0, 0, 0, 0]);
        if let Err(errno) = asked {
            self.give_up(SetupFailure::Death, errno);
        }
        if self.child.call(libc::SYS_getppid, [0; 6]) != Ok(parent as usize) {
            if self.in_block {
                // The steps around the block have ended their process; that is theirs to tell.
                self.child.exit(0);
            }
            self.give_up(SetupFailure::Orphaned, 0);
        }
    }

    pub(super) fn own_pid(&self) -> i32 {
        self.child.call(libc::SYS_getpid, [0; 6]).unwrap_or(0) as i32
    }

    /// Forks the process of a `process` block before the first step, so that it has none of the maps that the
    /// steps make. The new process sleeps until its block is reached, and returns the index of the block's
    /// first op.
    #[inline(always)]
    pub(super) fn fork_ahead(&mut self, process: usize) -> Option<usize> {
        let parent = self.own_pid();
        match self.child.fork() {
            Err(errno) => self.give_up(SetupFailure::Fork, errno),
            Ok(0) => {
                self.in_block = true;
                self.die_with(parent);
                let Some(word) = self.record.go.get(process) else { self.child.exit(0) };
                while word.load(Acquire) == 0 {
                    let wait = libc::FUTEX_WAIT as usize;
                    let _ = self
                        .child
                        .call(libc::SYS_futex, [word.as_ptr() as usize, wait, 0, 0, 0, 0]);
                }
                let start = self.program.processes.get(process).copied().unwrap_or(0);
                let Some(Op::Block { end, .. }) = self.program.ops.get(start) else {
                    self.child.exit(0)
                };
                self.end = *end;
                Some(start + 1)
            }
            Ok(pid) => {
                if let Some(place) = self.ahead.get_mut(process) {
                    *place = pid;
                }
                None
            }
        }
    }

    /// Starts the process of a block, and returns its pid; `None` in that process itself, if it was forked
    /// here.
    #[inline(always)]
    pub(super) fn start(&mut self, kind: BlockKind, end: usize, process: usize) -> Option<usize> {
        if matches!(kind, BlockKind::Fork) {
            let parent = self.own_pid();
            return match self.child.fork() {
                Err(errno) => self.give_up(SetupFailure::Fork, errno),
                Ok(0) => {
                    (self.end, self.in_block) = (end, true);
                    self.die_with(parent);
                    if self.program.keeps_from_children {
                        self.note_what_is_gone(0, usize::MAX);
                    }
                    None
                }
                Ok(pid) => Some(pid),
            };
        }
        if let Some(word) = self.record.go.get(process) {
            word.store(1, Release);
            let wake = libc::FUTEX_WAKE as usize;
            let _ = self.child.call(libc::SYS_futex, [word.as_ptr() as usize, wake, 1, 0, 0, 0]);
        }
        Some(self.ahead.get(process).copied().unwrap_or(0))
    }

    /// Waits for the process of a block. A block that holds the probe ends the program.
    #[inline(always)]
    pub(super) fn await_end(&self, pid: usize, block: Range<usize>, slot: &Slot) {
        let status = std::cell::Cell::new(0i32);
        let waited = self.child.call(libc::SYS_wait4, [pid, status.as_ptr() as usize, 0, 0, 0, 0]);
        if let Err(errno) = waited {
            self.give_up(SetupFailure::Wait, errno);
        }
        slot.wait_status.store(status.get() as u32, Relaxed);
        if self.probe.is_some_and(|probe| block.contains(&probe.sweep)) {
            self.record.finished.store(1, Relaxed);
            self.child.exit(0);
        }
    }
}
