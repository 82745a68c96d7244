//! Of some faults the CPU tells no address, and the code is SI_KERNEL. [`of_no_address`] finds their cause by the operand
//! of the instruction.

use super::cause::Cause;
use super::scene::Scene;
use super::stack;

/// The cause of a fault without an address.
pub fn of_no_address(scene: &Scene) -> Cause {
    let operand = scene.access.and_then(|access| Some((access.address?, access.alignment)));
    match operand {
        Some((address, _)) if !is_canonical(address, scene) => Cause::NotCanonical,
        // Aligned accesses of SSE raise a general protection fault, too. (Intel SDM 2, "Exceptions Type 1")
        Some((address, alignment)) if alignment >= 16 && address % alignment != 0 => {
            Cause::Misaligned
        }
        // It had a handler, whose frame had no room on the same stack. The kernel then says SI_KERNEL.
        Some((address, _)) if stack::overflowed(scene, address).is_some() => Cause::StackOverflow,
        _ if scene.is_after_system_call => Cause::NoSignalFrame,
        _ => Cause::GeneralProtection,
    }
}

/// True for an address whose upper bits are all like its highest valid one: 48 bits, or 57 with five levels of page
/// tables. (Intel SDM 1, "Canonical Addressing")
fn is_canonical(address: u64, scene: &Scene) -> bool {
    let top = scene.maps.0.iter().map(|map| map.end).filter(|end| *end <= i64::MAX as u64).max();
    let bits = if top.is_some_and(|top| top > 1 << 47) { 57 } else { 48 };
    let unused = 64 - bits;
    ((address << unused) as i64 >> unused) as u64 == address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Signal;
    use crate::exec::scene::tests::{PAGE, load, map};
    use crate::exec::scene::{Access, Kind};
    use crate::vocabulary::linux::{SI_KERNEL, SIGSEGV};

    fn without_address() -> Scene {
        let scene = load(map(4 * PAGE, 0, true, (true, true)), 3 * PAGE, 4 * PAGE);
        Scene { signal: Signal(SIGSEGV), code: SI_KERNEL, ..scene }
    }

    #[test]
    fn behind_a_system_call_a_frame_was_not_written_unless_the_operand_is_a_reason() {
        let scene = without_address();
        assert_eq!(Cause::of(&scene), Cause::GeneralProtection);
        let scene = Scene { is_after_system_call: true, ..scene };
        assert_eq!(Cause::of(&scene), Cause::NoSignalFrame);
        let address = Some(0xdead_0000_0000_0000);
        let access = Some(Access::at(Kind::Load, address));
        assert_eq!(Cause::of(&Scene { access, ..scene }), Cause::NotCanonical);
    }

    #[test]
    fn five_levels_of_page_tables_have_more_addresses() {
        let scene = without_address();
        assert!(is_canonical(0x7fff_ffff_ffff, &scene));
        assert!(!is_canonical(0x8000_0000_0000, &scene));
        assert!(is_canonical(0xffff_8000_0000_0000, &scene));
        let mut large = scene.clone();
        large.maps.0.push(map(PAGE, 0, true, (true, true)).at(1 << 50));
        assert!(is_canonical(0x8000_0000_0000, &large));
    }
}
