//! Random programs with a map of more pages than can all be probed at each offset.
//!
//! A program stores bytes in a few pages, and then moves them: by mremap(2), by a segment that is attached
//! over the map, by remap_file_pages(2), by maps of the file at other offsets, and by chains of write(2) and
//! read(2).

use fastrand::Rng;

/// Returns the text of a program, with a map of at most this many pages.
pub fn program(seed: u64, most_pages: u64) -> String {
    let mut random = Rng::with_seed(seed);
    let pages = random.u64(65..=most_pages);
    let mut text = format!("fd = file({pages} * PAGE);\nother = open(fd);\n");
    let (flags, from) = match random.u32(0..3) {
        0 => ("MAP_PRIVATE | MAP_ANONYMOUS", "-1"),
        1 => ("MAP_SHARED", "fd"),
        _ => ("MAP_PRIVATE", "fd"),
    };
    text +=
        &format!("map = mmap(0, {pages} * PAGE, PROT_READ | PROT_WRITE, {flags}, {from}, 0);\n");
    let shared = flags == "MAP_SHARED";
    let mut places = vec![random.u64(0..pages)];
    for number in 0..random.u64(3..14) {
        text += &step(&mut random, number, pages, shared, &mut places);
        text.push('\n');
    }
    text + match random.u32(0..4) {
        0 => "sweep(map, copy_from_user);\n",
        1 => "sweep(map, write);\n",
        _ => "sweep(map, read);\n",
    }
}

/// Returns a step. `places` are the pages that earlier steps have changed, which further steps prefer.
fn step(random: &mut Rng, number: u64, pages: u64, shared: bool, places: &mut Vec<u64>) -> String {
    let count = random.u64(1..8);
    let near = places[random.usize(0..places.len())];
    let at = near.saturating_sub(random.u64(0..3)).min(pages - count);
    let to = random.u64(0..=pages - count);
    let byte = random.u64(0..4096);
    places.push(to);
    let letter = char::from(random.u8(b'a'..=b'z'));
    match random.u32(0..12) {
        0..=3 => {
            let to = if random.bool() { to } else { near };
            places.push(to);
            format!("map[{to} * PAGE + {byte}] = '{letter}';")
        }
        4 => {
            let prot = ["PROT_NONE", "PROT_READ", "PROT_WRITE"][random.usize(0..3)];
            format!("mprotect(map + {to} * PAGE, {count} * PAGE, {prot});")
        }
        5 | 6 => {
            let flags = ["MREMAP_FIXED", "MREMAP_FIXED | MREMAP_DONTUNMAP"][random.usize(0..2)];
            format!(
                "mremap(map + {at} * PAGE, {count} * PAGE, {count} * PAGE, MREMAP_MAYMOVE | {flags}, \
                 map + {to} * PAGE);"
            )
        }
        7 => format!(
            "s{number} = shmget(IPC_PRIVATE, {count} * PAGE, IPC_CREAT | 0600);\n\
             a{number} = shmat(s{number}, map + {to} * PAGE, SHM_REMAP);\n\
             a{number}[{} * PAGE + {byte}] = '{letter}';\nshmctl(s{number}, IPC_RMID);",
            random.u64(0..count)
        ),
        8 if shared => format!("remap_file_pages(map + {to} * PAGE, {count} * PAGE, 0, {at}, 0);"),
        8 | 9 => format!(
            "m{number} = mmap(map + {to} * PAGE, {count} * PAGE, PROT_READ | PROT_WRITE, \
             MAP_SHARED | MAP_FIXED, fd, {at} * PAGE);"
        ),
        10 => {
            let file = ["fd", "other"][random.usize(0..2)];
            format!("write({file}, map + {at} * PAGE + {byte}, {});", random.u64(1..9000))
        }
        _ => {
            let file = ["fd", "other"][random.usize(0..2)];
            format!("read({file}, map + {to} * PAGE + {byte}, {});", random.u64(1..9000))
        }
    }
}
