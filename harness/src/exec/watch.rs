//! The size that a file had when it was mapped is gone when its map faults: with `--watch` a seccomp filter stops each
//! mmap(2) of a file, and the tracer looks at the size.
//!
//! A call that is stopped so and has no tracer fails with ENOSYS (seccomp(2), SECCOMP_RET_TRACE). So it is not the
//! default.

use std::mem::offset_of;

use nix::libc::{self, sock_filter};

use crate::sys::tracing;

/// The arguments of mmap(2) by their numbers.
const FLAGS: usize = 3;
const DESCRIPTOR: usize = 4;

/// The architecture of this build's system calls. (<linux/audit.h>)
const ARCHITECTURE: Option<u32> = match () {
    _ if cfg!(target_arch = "x86_64") => Some(0xc000_003e),
    _ if cfg!(target_arch = "aarch64") => Some(0xc000_00b7),
    _ if cfg!(target_arch = "riscv64") => Some(0xc000_00f3),
    _ if cfg!(all(target_arch = "powerpc64", target_endian = "little")) => Some(0xc000_0015),
    // mmap(2) of s390x has its arguments in memory, where a filter cannot look.
    _ => None,
};

/// Returns a filter that stops mmap(2) of a file and nothing else; `None` for an architecture on which it cannot be
/// told. The loader of the GNU C library maps with MAP_DENYWRITE, which Linux ignores: its maps go on.
pub fn filter() -> Option<Vec<sock_filter>> {
    let architecture = ARCHITECTURE?;
    let argument = offset_of!(libc::seccomp_data, args) + 8 * FLAGS;
    let low_half = if cfg!(target_endian = "big") { argument + 4 } else { argument };
    let not_watched = (libc::MAP_ANONYMOUS | libc::MAP_DENYWRITE) as u32;
    let load = |at: usize| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at as u32);
    let skip_unless =
        |value: u32, by: u8| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, by, value);
    let end = |action: u32| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    Some(vec![
        load(offset_of!(libc::seccomp_data, arch)),
        skip_unless(architecture, 5),
        load(offset_of!(libc::seccomp_data, nr)),
        skip_unless(libc::SYS_mmap as u32, 3),
        load(low_half),
        instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, 0, not_watched),
        end(libc::SECCOMP_RET_TRACE),
        end(libc::SECCOMP_RET_ALLOW),
    ])
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// The descriptor of the file that a thread is about to map.
pub fn mapped_descriptor(thread: i32) -> Option<i32> {
    let (_, arguments) = tracing::filtered_call(thread).ok()?;
    Some(arguments[DESCRIPTOR] as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel does, on a call with these flags.
    fn decides(filter: &[sock_filter], architecture: u32, number: i64, flags: u64) -> u32 {
        let mut data = [0u8; 64];
        data[..4].copy_from_slice(&(number as u32).to_ne_bytes());
        data[4..8].copy_from_slice(&architecture.to_ne_bytes());
        let at = 16 + 8 * FLAGS;
        data[at..at + 8].copy_from_slice(&flags.to_ne_bytes());
        let (mut at, mut value) = (0, 0);
        loop {
            let own = &filter[at];
            let code = u32::from(own.code);
            at += 1;
            match code & 7 {
                libc::BPF_LD => {
                    let k = own.k as usize;
                    value = u32::from_ne_bytes(data[k..k + 4].try_into().expect("four bytes"));
                }
                libc::BPF_RET => return own.k,
                _ => {
                    let is = match code & 0xf0 {
                        libc::BPF_JSET => value & own.k != 0,
                        _ => value == own.k,
                    };
                    at += usize::from(if is { own.jt } else { own.jf });
                }
            }
        }
    }

    #[test]
    fn only_maps_of_files_are_stopped() {
        let (Some(filter), Some(here)) = (filter(), ARCHITECTURE) else { return };
        let flags = |flags: i32| flags as u64;
        let (file, none) = (libc::MAP_SHARED, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let loader = libc::MAP_PRIVATE | libc::MAP_DENYWRITE;
        let decides = |arch, number, own| decides(&filter, arch, number, flags(own));
        assert_eq!(decides(here, libc::SYS_mmap, file), libc::SECCOMP_RET_TRACE);
        assert_eq!(decides(here, libc::SYS_mmap, none), libc::SECCOMP_RET_ALLOW);
        assert_eq!(decides(here, libc::SYS_mmap, loader), libc::SECCOMP_RET_ALLOW);
        assert_eq!(decides(here, libc::SYS_munmap, file), libc::SECCOMP_RET_ALLOW);
        assert_eq!(decides(0x4000_0003, libc::SYS_mmap, file), libc::SECCOMP_RET_ALLOW);
    }
}
