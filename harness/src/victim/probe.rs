//! A victim exists for one access: this module makes it and notes the outcome.

use std::sync::atomic::Ordering::Relaxed;

use nix::libc;

use super::ahead::{Memory, PIPE};
use super::exec;
use super::fill::Fill;
use super::maps::Maps;
use super::request;
use super::runs;
use crate::case::{Access, Clean};
use crate::sys::{Child, Record, Slot, SlotState};

/// The byte that a probe stores. No file's pattern has it and no step may store it, so that it can
/// only have come from the probe.
pub const MARK: u8 = 0x7f;

/// The things that the access needs beside the address.
pub(super) struct Surroundings<'a> {
    pub child: &'a Child,
    pub maps: &'a Maps<'a>,
    pub fill: Fill,
    /// The number of bytes of a page.
    pub page: usize,
    /// The record, which tells the harness's descriptors of the files.
    pub record: &'a Record,
    /// Files of /proc that show the memory of this process, where they were opened ahead.
    pub memory: Option<Memory>,
}

/// Makes the access at `address` and notes what was seen. Fails with the errno of a call that prepares or
/// checks it.
#[inline(always)]
pub(super) fn make(
    around: &Surroundings<'_>,
    access: Access,
    address: usize,
    slot: &Slot,
) -> Result<(), i32> {
    let child = around.child;
    let shows = around.maps.file_at(address);
    if access == Access::CopyToUser {
        let mark = std::hint::black_box(MARK); // on the stack: constants lie on a page of their own
        child.call(libc::SYS_write, [PIPE.write, child.address_of(&mark), 1, 0, 0, 0])?;
    }
    let runs = match access {
        Access::Exec => {
            let target = exec::Target { address, past_eof: past_eof(around, address)? };
            exec::runs(child, around.memory, target)?
        }
        _ => true,
    };

    slot.state.store(SlotState::Begun as u32, Relaxed); // ARMED: nothing but the access from here
    let result = match access {
        Access::Read => {
            let byte = child.load(address, 1)[0];
            runs::push(slot, runs::classify_byte(byte, shows, around.fill));
            Ok(0)
        }
        Access::Write => {
            child.store(address, 1, MARK);
            Ok(0)
        }
        Access::Exec => {
            if runs {
                child.execute(address);
            } else {
                runs::push(slot, Clean::Zero);
            }
            Ok(0)
        }
        Access::CopyFromUser => child.call(libc::SYS_write, [PIPE.write, address, 1, 0, 0, 0]),
        Access::CopyToUser => child.call(libc::SYS_read, [PIPE.read, address, 1, 0, 0, 0]),
    };
    slot.state.store(SlotState::Done as u32, Relaxed); // DONE

    match (result, access) {
        (Err(errno), _) => slot.value.store(-i64::from(errno) as u64, Relaxed),
        (Ok(_), Access::CopyFromUser) => {
            child.call(libc::SYS_read, [PIPE.read, child.scratch_address(), 1, 0, 0, 0])?;
            runs::push(slot, runs::classify_byte(crate::sys::scratch(0), shows, around.fill));
        }
        _ => {}
    }
    if access.stores() && result.is_ok() {
        // The slot's value tells where the byte went: 0 there is no file, 1 not to it, 2 to it.
        let reached = match shows {
            None => 0,
            Some((file, offset)) => {
                let descriptor =
                    request::descriptor(around.record, file).ok_or(libc::EBADF)? as usize;
                let there = child.call(
                    libc::SYS_pread64,
                    [descriptor, child.scratch_address(), 1, offset as usize, 0, 0],
                )?;
                1 + u64::from(there == 1 && crate::sys::scratch(0) == MARK)
            }
        };
        slot.value.store(reached, Relaxed);
    }
    Ok(())
}

/// True if the page of `address` shows nothing of its file: not even its first byte can be read.
#[inline(always)]
fn past_eof(around: &Surroundings<'_>, address: usize) -> Result<bool, i32> {
    let start = address & !(around.page - 1);
    let Some((file, offset)) = around.maps.file_at(start) else { return Ok(false) };
    let descriptor = request::descriptor(around.record, file).ok_or(libc::EBADF)? as usize;
    let scratch = around.child.scratch_address();
    let args = [descriptor, scratch, 1, offset as usize, 0, 0];
    Ok(around.child.call(libc::SYS_pread64, args)? == 0)
}
