//! Maps that show another part of their file.

use linux_raw_sys::general as header;

use crate::vocabulary::Parameter::*;
use crate::vocabulary::{Action, Effect, Family, Lack, PLAIN, Reach, Syscall};

pub(super) const CALLS: &[Syscall] = &[Syscall {
    name: "remap_file_pages",
    manual: "remap_file_pages(2)",
    parameters: &[Address, Length, Flags(Family::Protection), Number, Flags(Family::Map)],
    action: Action::System(header::__NR_remap_file_pages),
    effect: Effect::Rearranges { address: 0, length: 1, page_offset: 3 },
    reach: Reach::ToTheGap { aligned: false },
    lacks: &[Lack::Memory],
    weight: 8,
    ..PLAIN
}];
