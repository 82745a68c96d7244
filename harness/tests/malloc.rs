//! The notes name malloc of a large block as an example of a private anonymous map.
//!
//! No case can show it, because a victim does not allocate. (malloc(3), NOTES: blocks of M_MMAP_THRESHOLD
//! bytes or more are allocated by mmap as private anonymous maps; mallopt(3): the threshold adapts, up
//! to 32 MiB; TLPI 7.1.3, 49.7)

use std::ops::Range;

/// Twice the largest threshold that malloc adapts to.
const LARGE: usize = 64 << 20;

/// A line of /proc/self/maps (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Map {
    range: Range<usize>,
    permissions: String,
    inode: u64,
}

fn map_at(address: usize) -> Option<Map> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let range = number(start)?..number(end)?;
        let permissions = fields.next()?.to_owned();
        let inode = fields.nth(2)?.parse().ok()?;
        range.contains(&address).then_some(Map { range, permissions, inode })
    })
}

#[test]
fn a_large_block_is_a_private_anonymous_map_of_its_own() {
    let block: Vec<u8> = Vec::with_capacity(LARGE);
    let (first, last) = (block.as_ptr() as usize, block.as_ptr() as usize + LARGE - 1);
    let map = map_at(first).expect("the block is mapped");
    assert_eq!((map.permissions.as_str(), map.inode), ("rw-p", 0), "private, and of no file");
    assert!(map.range.contains(&last), "the whole block lies in one map: {map:?}");
    assert!(map.range.start < first, "malloc's own header comes before it");
    // The heap grows by brk(2) and stays. free returns a block that mmap has made with munmap.
    drop(block);
    assert_eq!(map_at(first), None, "free unmapped the first page");
    assert_eq!(map_at(last), None, "free unmapped the last page");
}
