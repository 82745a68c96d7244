//! The function of a program that makes the one access of a child: only what the sweeps of the case ask for. The main
//! function is [`function`].

use super::rows::Row;
use crate::case::Access;

/// Returns the function `probe`, for the accesses of these rows. `stored` is the expression for what a store gives.
pub fn function(rows: &[Row], stored: &str) -> String {
    let needs = |access: Access| rows.iter().any(|row| row.accesses.contains(&access));
    let mut lines = vec!["// Makes the access of this process, and ends it.".to_owned()];
    let mut add = |needed: bool, line: &str| lines.extend(needed.then(|| line.to_owned()));
    let copies = needs(Access::CopyFromUser) || needs(Access::CopyToUser);
    add(true, "static void probe(int sweep, char *map)");
    add(true, "{");
    add(true, "\tif (sweep != asked.sweep) return;");
    add(copies, "\tint ends[2];");
    add(copies, "\tunsigned char byte = MARK;");
    add(copies, "\tif (pipe(ends)) exit(2);");
    add(
        needs(Access::CopyToUser),
        "\tif (asked.access == COPY_TO_USER && write(ends[1], &byte, 1) != 1) exit(2);",
    );
    add(true, "\tmap += asked.at;");
    add(
        needs(Access::Exec),
        "\tif (asked.access == EXEC) map -= (uintptr_t)map % (code_end - code);",
    );
    add(true, "\ttold->address = map, told->probed = 1;");
    add(true, "\tlong came = 0;");
    add(true, "\tswitch (asked.access) {");
    add(needs(Access::Read), "\tcase READ: came = AT(uint8_t, map); break;");
    add(
        needs(Access::Write),
        &format!("\tcase WRITE: AT(uint8_t, map) = MARK; came = {stored}; break;"),
    );
    add(needs(Access::Exec), "\tcase EXEC: ((void (*)(void))map)(); came = RAN; break;");
    add(
        needs(Access::CopyFromUser),
        "\tcase COPY_FROM_USER: came = write(ends[1], map, 1) == 1 && read(ends[0], &byte, 1) == 1 ? byte : -errno; break;",
    );
    add(
        needs(Access::CopyToUser),
        &format!(
            "\tcase COPY_TO_USER: came = read(ends[0], map, 1) == 1 ? {stored} : -errno; break;"
        ),
    );
    add(true, "\t}");
    add(true, "\ttold->came = came;");
    add(true, "\t_exit(0);");
    add(true, "}");
    lines.join("\n")
}
