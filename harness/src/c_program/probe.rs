//! The function of a program that makes the one access of a child: only what the sweeps of the case ask for. The main
//! function is [`function`].

use super::rows::Row;
use crate::case::Access;

/// Returns the function `probe`, for the accesses of these rows. `stored` is the expression for what a store gives. It
/// is told the number of the sweep where there are several.
pub fn function(rows: &[Row], stored: &str, has_several: bool) -> String {
    let needs = |access: Access| rows.iter().any(|row| row.accesses.contains(&access));
    let mut lines = vec!["// Makes the access of this process, and ends it.".to_owned()];
    let mut add = |needed: bool, line: &str| lines.extend(needed.then(|| line.to_owned()));
    let copies = needs(Access::CopyFromUser) || needs(Access::CopyToUser);
    add(!has_several, "static void probe(char *map)");
    add(has_several, "static void probe(int number, char *map)");
    add(true, "{");
    add(!has_several, "\tif (!asked.access) return;");
    add(has_several, "\tif (!asked.access || number != sweep) return;");
    add(copies, "\tint copied[2];");
    add(copies, "\tif (pipe(copied)) exit(2);");
    add(
        needs(Access::CopyToUser),
        "\tif (asked.access == COPY_TO_USER && write(copied[1], &(char){ MARK }, 1) != 1) exit(2);",
    );
    add(true, "\tmap += asked.at;");
    add(
        needs(Access::Exec),
        "\tif (asked.access == EXEC) map -= (uintptr_t)map % (code_end - code);",
    );
    add(true, "\tnow->step = asked.step, now->said = asked.said, now->want = asked.want;");
    add(true, "\tnow->address = map, now->at = asked.at, now->probed = 1;");
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
        "\tcase COPY_FROM_USER:\n\
         \t\tcame = write(copied[1], map, 1) == 1 && read(copied[0], buffer, 1) == 1 ? buffer[0] : -1;\n\
         \t\tbreak;",
    );
    add(
        needs(Access::CopyToUser),
        &format!(
            "\tcase COPY_TO_USER: came = read(copied[0], map, 1) == 1 ? {stored} : -1; break;"
        ),
    );
    add(true, "\t}");
    add(true, "\tjudge(came);");
    add(true, "\t_exit(0);");
    add(true, "}");
    lines.join("\n")
}
