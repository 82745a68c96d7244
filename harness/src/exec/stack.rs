//! A stack that is full ends in a fault as any other: [`overflowed`] knows it by the stack pointer, and by the page
//! below the stack.

use super::maps::{Map, What};
use super::scene::{Kind, Scene};

/// An access up to so far from the stack pointer is one to the stack.
pub const NEAR_STACK: u64 = 64 << 10;

/// The most bytes of a frame that skips the guard page below a stack.
const LARGEST_FRAME: u64 = 64 << 20;

/// Returns the stack that is full, where the access is to the page below a stack that is in use: the stack pointer is
/// near, and what lies above is a stack.
pub fn overflowed(scene: &Scene, address: u64) -> Option<&Map> {
    let sp = scene.registers.sp;
    if sp.abs_diff(address) > NEAR_STACK || scene.kind() == Kind::Fetch {
        return None;
    }
    let is_stack = |map: &&Map| {
        map.what == What::Stack
            || (map.holds(sp) && map.write && matches!(map.what, What::Anonymous | What::Heap))
            || (map.write && map.what == What::Anonymous)
    };
    let above = scene.maps.above(address);
    match scene.map() {
        // The guard page of a thread: without any access, and right below the stack.
        Some(map) if map.is_closed() => {
            above.filter(|above| above.start == map.end).filter(is_stack)
        }
        Some(map) => Some(map).filter(is_stack).filter(|_| scene.may_be_guard()),
        // Below the stack of the first thread, which cannot grow further; or below one without a guard page.
        None => above.filter(|above| {
            above.what == What::Stack
                || (above.start - address < NEAR_STACK
                    && is_stack(above)
                    && scene.kind() == Kind::Store)
        }),
    }
    .or_else(|| skipped(scene, address))
}

/// Returns the stack of the thread, where one large frame has taken the stack pointer past its guard page.
///
/// glibc and musl keep the thread's own data at the upper end of its stack, and the segment fs points there on x86-64.
/// (glibc: nptl/allocatestack.c; musl: src/thread/pthread_create.c)
fn skipped(scene: &Scene, address: u64) -> Option<&Map> {
    let [own_data, _] = scene.registers.x86.as_ref()?.segments?;
    let stack = scene.maps.at(own_data).filter(|map| map.write && map.file().is_none())?;
    let guard = scene.maps.below(stack.start)?;
    let has_guard = guard.is_closed() && guard.end == stack.start;
    let is_below = stack.start.checked_sub(address).is_some_and(|bytes| bytes < LARGEST_FRAME);
    let is_lost = scene.maps.at(scene.registers.sp).is_none_or(Map::is_closed);
    (has_guard && is_below && is_lost).then_some(stack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::maps::Maps;
    use crate::exec::registers::{Registers, X86};
    use crate::exec::scene::tests::{PAGE, START, load, map};

    #[test]
    fn a_large_frame_skips_the_guard_page_and_the_stack_is_found_by_the_data_of_the_thread() {
        let stack = Map { what: What::Anonymous, ..map(16 * PAGE, 0, false, (true, true)) };
        let guard = Map { write: false, read: false, ..stack.clone() };
        let guard = Map { end: START, ..guard.at(START - PAGE) };
        let address = START - 300_000;
        let x86 = X86 { segments: Some([START + 15 * PAGE, 0]), ..X86::default() };
        let registers = Registers { sp: address, x86: Some(x86), ..Registers::default() };
        let scene = load(stack.clone(), 0, 0);
        let scene = Scene { maps: Maps(vec![guard, stack.clone()]), registers, ..scene };
        assert_eq!(overflowed(&scene, address), Some(&stack));
        // A stack pointer in memory that can be used is not lost.
        let mut other = scene.clone();
        other.maps.0.insert(0, stack.clone().at(START - 80 * PAGE));
        assert_eq!(overflowed(&other, address), None);
        // Without a guard page it is no stack.
        let mut bare = scene.clone();
        bare.maps.0.remove(0);
        assert_eq!(overflowed(&bare, address), None);
    }
}
