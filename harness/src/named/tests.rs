//! Offsets of small cases, each for one way in which a byte comes to lie elsewhere.

use super::*;

fn within_page(text: &str) -> BTreeSet<i64> {
    Named::of(&crate::parse::case(text).unwrap(), &[], 4096).within_page
}

#[test]
fn an_offset_beyond_the_first_page_counts_in_every_page() {
    let named = within_page(
        "a = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         a[PAGE + 100] = 'x';",
    );
    assert_eq!(named, BTreeSet::from([0, 100, 101]));
}

#[test]
fn a_byte_that_two_reads_carry_is_found_where_the_second_puts_it() {
    // The byte at 1000 comes to lie 1000 - 300 bytes behind the second place.
    let named = within_page(
        "fd = file(PAGE);
         map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         pwrite(fd, \"x\", 1000);
         read(fd, map, 300);
         read(fd, map + 50, 2000);",
    );
    assert!(named.contains(&750) && named.contains(&751), "{named:?}");
}

#[test]
fn a_byte_that_is_copied_five_times_is_named_wherever_it_comes_to_lie() {
    let named = within_page(
        "fd = file(PAGE); other = open(fd);
         map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         map[7] = 'x';
         write(fd, map, 100); read(other, map + 50, 100);
         write(fd, map + 40, 100); read(other, map + 250, 100);
         write(fd, map + 240, 100);",
    );
    // 7 - 0 + 0, 7 + 50, 57 - 40 + 100, 117 - 100 + 250, 267 - 240 + 200
    for at in [7, 57, 117, 267, 227] {
        assert!(named.contains(&at), "{at}: {named:?}");
    }
}

#[test]
fn what_a_file_reads_into_its_own_map_repeats_itself() {
    let named = within_page(
        "fd = file(PAGE); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         pwrite(fd, \"q\", 100); read(fd, map + 1000, 3000);",
    );
    for at in [100, 1100, 2100, 3100] {
        assert!(named.contains(&at), "{at}: {named:?}");
    }
}

#[test]
fn a_read_after_an_append_begins_where_the_file_ended() {
    let named = within_page(
        "fd = file(300, O_RDWR | O_APPEND); other = open(fd, O_RDWR);
         map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         write(fd, map, 10); ftruncate(other, 1100); pwrite(other, \"q\", 700);
         read(fd, map + 2000, 1000);",
    );
    // 700 - 310 + 2000
    assert!(named.contains(&2390), "{named:?}");
}

#[test]
fn a_byte_is_named_where_maps_that_were_moved_show_it() {
    let bytes = |text: &str| {
        let case = crate::parse::case(&format!(
            "map = mmap(0, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             {text}"
        ));
        Named::of(&case.unwrap(), &[], 4096).bytes
    };
    let moved = "map[8 * PAGE + 3] = 'x';
        mremap(map + 5 * PAGE, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map + 35 * PAGE);";
    assert!(bytes(moved).contains(&(38 * 4096 + 3)));
    let attached = "id = shmget(IPC_PRIVATE, 9 * PAGE, IPC_CREAT | 0600);
        own = shmat(id, map + 70 * PAGE, SHM_REMAP); own[2 * PAGE + 5] = 'x';";
    assert!(bytes(attached).contains(&(72 * 4096 + 5)));
    let shown = "map[20 * PAGE + 9] = 'x'; remap_file_pages(map + 60 * PAGE, 5 * PAGE, 0, 18, 0);";
    assert!(bytes(shown).contains(&(62 * 4096 + 9)));
}

#[test]
fn many_writes_at_the_end_name_no_more_offsets_than_there_is_time_for() {
    let writes: String =
        (1..40).map(|length| format!("pwrite(fd, \"{}\", 0);", "x".repeat(length))).collect();
    let text = format!("fd = file(300, O_RDWR | O_APPEND); {writes}");
    let named = Named::of(&crate::parse::case(&text).unwrap(), &[], 4096);
    assert!(named.bytes.len() <= BYTES, "{}", named.bytes.len());
}

#[test]
fn each_byte_of_a_text_that_differs_from_the_one_before_is_named() {
    let named = within_page("fd = file(0); pwrite(fd, \"abbba\", 100);");
    for (at, is_named) in [(100, true), (101, true), (102, false), (104, true), (105, true)] {
        assert_eq!(named.contains(&at), is_named, "{at}: {named:?}");
    }
}

#[test]
fn what_is_appended_begins_where_a_file_ends() {
    let named = within_page("fd = file(300, O_RDWR | O_APPEND); pwrite(fd, \"abc\", 0);");
    assert!(named.contains(&303), "{named:?}");
}
