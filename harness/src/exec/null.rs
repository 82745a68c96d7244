//! What MAP_FAILED seems to point to lies where the members of NULL are: it is the last address, and wraps around to 0.
//! [`near`] tells both apart, as far as the registers and the alignment show it.

use super::scene::{Kind, Scene};
use super::words::bytes;

/// A pointer near the address of a fault. If it is not certain, the other one is possible, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    Null { is_certain: bool },
    MapFailed { is_certain: bool },
}

const NOT_CHECKED: &str = "a call of mmap(2) has failed, and its result was not checked";

impl Near {
    /// The reason in sentences.
    pub fn reason(self, scene: &Scene) -> String {
        let (address, last) = (scene.address.unwrap_or(0), scene.map_failed());
        // The addresses before NULL are the last ones.
        let is_before = address > last / 2;
        let of_null = format!("byte {address} of what a null pointer points to");
        let of_failed = format!(
            "byte {} of what MAP_FAILED seems to point to: {NOT_CHECKED}",
            address.wrapping_add(1)
        );
        match self {
            Near::Null { .. } if scene.kind() == Kind::Fetch => format!(
                "The program has tried to go on at {address:#x}: a null pointer to a function, as a rule."
            ),
            Near::Null { .. } if address == 0 => "A null pointer.".to_owned(),
            Near::Null { .. } if is_before => {
                format!("{} before what a null pointer points to.", bytes(last - address + 1))
            }
            Near::Null { is_certain: true } => format!("It is {of_null}."),
            Near::Null { is_certain: false } => format!("It is {of_null}; or {of_failed}."),
            Near::MapFailed { .. } if address == last => {
                format!("The pointer is MAP_FAILED: {NOT_CHECKED}.")
            }
            Near::MapFailed { .. } if is_before => {
                format!("The pointer is MAP_FAILED, or near: {NOT_CHECKED}.")
            }
            Near::MapFailed { is_certain: true } => format!("It is {of_failed}."),
            Near::MapFailed { is_certain: false } => {
                format!("It is {of_failed}. Or it is {of_null}, which would not be aligned.")
            }
        }
    }
}

/// The first bytes of the address space that no map has: `mmap_min_addr` of most systems.
const FIRST_MAPPABLE: u64 = 0x10000;

/// Returns the pointer of which this address is a member; `None` for one that is near none of both.
pub fn near(scene: &Scene, address: u64) -> Option<Near> {
    let failed = scene.map_failed();
    let is_near = address < FIRST_MAPPABLE || (failed - FIRST_MAPPABLE..=failed).contains(&address);
    is_near.then(|| of_both(scene, address))
}

fn of_both(scene: &Scene, address: u64) -> Near {
    let failed = scene.map_failed();
    let [base, index] = scene.access.map_or([None; 2], |access| access.pointers);
    if (base, index) == (Some(0), None) {
        return Near::Null { is_certain: true };
    }
    // Of two registers either may be the pointer: byte -1 of NULL is byte 0 of MAP_FAILED.
    let has = |value| base == Some(value) || index == Some(value);
    let start = scene.access.and_then(|access| access.address).unwrap_or(address);
    if (has(failed) && !has(0)) || start == failed {
        // An index of -1 is no proof: the base may be a member of NULL.
        let is_index = base.is_some_and(|base| base < FIRST_MAPPABLE) && start != failed;
        return Near::MapFailed { is_certain: !is_index };
    }
    // The members of an object are aligned, as a rule, and 8 bytes are the most that most of them need.
    let bytes = scene.access.map_or(0, |access| access.bytes.min(8));
    let is_aligned = |pointer: u64| {
        bytes > 1 && bytes.is_power_of_two() && start.wrapping_sub(pointer) % bytes == 0
    };
    match (is_aligned(0), is_aligned(failed)) {
        (true, _) => Near::Null { is_certain: true },
        (_, true) => Near::MapFailed { is_certain: false },
        _ if start < FIRST_MAPPABLE => Near::Null { is_certain: start == 0 },
        _ => Near::MapFailed { is_certain: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::registers::{Registers, X86};
    use crate::exec::scene::Access;
    use crate::exec::scene::tests::{PAGE, load, map};

    fn with(access: Option<Access>) -> Scene {
        Scene { access, ..load(map(PAGE, 0, true, (true, true)), 0, PAGE) }
    }

    #[test]
    fn the_register_or_the_alignment_tells_null_from_map_failed() {
        const FAILED: u64 = u64::MAX;
        let null = |is_certain| Near::Null { is_certain };
        let failed = |is_certain| Near::MapFailed { is_certain };
        for (pointers, address, bytes, expected) in [
            ([Some(0), None], 4095, 1, null(true)),
            ([Some(0), None], FAILED - 7, 8, null(true)),
            ([Some(FAILED), None], 4095, 1, failed(true)),
            ([Some(FAILED), Some(4096)], 4095, 1, failed(true)),
            ([Some(4096), Some(FAILED)], 4095, 1, failed(false)), // or byte -1 of a member of NULL
            ([Some(0), Some(FAILED)], FAILED, 1, failed(true)),   // NULL[-1] is there as well
            // The register holds the sum.
            ([Some(4095), None], 4095, 1, null(false)),
            ([Some(4095), None], 4095, 4, failed(false)),
            ([Some(24), Some(0)], 24, 8, null(true)),
            ([None, None], 0, 0, null(true)),
            ([None, None], 8, 0, null(false)),
            ([None, None], FAILED - 7, 0, failed(false)),
        ] {
            let access = Access { bytes, pointers, ..Access::at(Kind::Load, Some(address)) };
            let found = near(&with(Some(access)), address);
            assert_eq!(found, Some(expected), "{pointers:?} {address:#x} {bytes}");
        }
        assert_eq!(near(&with(None), FIRST_MAPPABLE), None);
    }

    #[test]
    fn map_failed_of_32_bits_is_the_last_address_of_32_bits() {
        let x86 = Some(X86 { is_32_bit: true, ..X86::default() });
        let scene = Scene { registers: Registers { x86, ..Registers::default() }, ..with(None) };
        let address = u64::from(u32::MAX);
        assert_eq!(near(&scene, address), Some(Near::MapFailed { is_certain: true }));
        assert_eq!(near(&with(None), address), None);
    }

    #[test]
    fn where_nothing_tells_both_pointers_are_named() {
        let told = |address, near: Near| {
            let scene = Scene { address: Some(address), ..with(None) };
            near.reason(&scene)
        };
        let null = |is_certain| Near::Null { is_certain };
        let failed = |is_certain| Near::MapFailed { is_certain };
        let has = |told: &str| (told.contains("null pointer"), told.contains("MAP_FAILED"));
        assert_eq!(has(&told(4095, null(true))), (true, false));
        assert_eq!(has(&told(4095, null(false))), (true, true));
        assert_eq!(has(&told(4095, failed(true))), (false, true));
        assert_eq!(has(&told(4095, failed(false))), (true, true));
        let before = "8 bytes before what a null pointer points to.";
        assert_eq!(told(u64::MAX - 7, null(true)), before);
    }
}
