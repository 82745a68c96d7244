//! A stack that is full ends in a fault as any other: [`has_overflowed`] knows it by the stack pointer, and by the page
//! below the stack.

use super::maps::{Map, What};
use super::scene::{Kind, Scene};

/// An access up to so far from the stack pointer is one to the stack.
pub const NEAR_STACK: u64 = 64 << 10;

/// True where the access is to the page below a stack that is in use: the stack pointer is near, and what lies above is
/// a stack.
pub fn has_overflowed(scene: &Scene, address: u64) -> bool {
    let sp = scene.registers.sp;
    if sp.abs_diff(address) > NEAR_STACK || scene.kind() == Kind::Fetch {
        return false;
    }
    let is_stack = |map: &Map| {
        map.what == What::Stack
            || (map.holds(sp) && map.write && matches!(map.what, What::Anonymous | What::Heap))
            || (map.write && map.what == What::Anonymous)
    };
    match scene.map() {
        // The guard page of a thread: without any access, and right below the stack.
        Some(map) if map.is_closed() => {
            let above = scene.maps.above(address);
            above.is_some_and(|above| above.start == map.end && is_stack(above))
        }
        Some(map) => scene.may_be_guard() && is_stack(map),
        // Below the stack of the first thread, which cannot grow further; or below one without a guard page.
        None => scene.maps.above(address).is_some_and(|above| {
            above.what == What::Stack
                || (above.start - address < NEAR_STACK
                    && is_stack(above)
                    && scene.kind() == Kind::Store)
        }),
    }
}
