//! A program of one access makes the steps and the access in `main`, so that it is short enough for the report of a
//! bug. A child makes them only where a step or the access may end its process. The main function is [`body`].

use super::rows::Row;
use super::shape::Shape;
use super::steps::Functions;
use super::text::{SHARE, catch, indented, no_core_files};
use crate::case::{Access, Case};

/// Returns the functions of the program.
pub fn body(case: &Case, shape: &Shape, functions: &Functions, row: Option<&Row>) -> String {
    let with_access = |lines: &[String]| {
        let lines = lines.iter().flat_map(|line| match probed(line) {
            Some((indent, map)) => {
                access(shape, row, map).into_iter().map(|own| format!("{indent}{own}")).collect()
            }
            None => vec![line.clone()],
        });
        lines.map(|line| line + "\n").collect::<String>()
    };
    let mut out = with_access(&functions.processes);
    let (make, clear) = shape.around(case, &functions.refused);
    out += "\nint main(void)\n{\n";
    out += &functions.pages;
    if shape.is_shared {
        out += SHARE;
        out += no_core_files(shape);
        out += &indented(&make, 1);
        out += "\tpid_t child = fork();\n\tif (child != 0) {\n\t\tended(child);\n";
        out += &indented(&clear, 2);
        out += "\t\treturn END;\n\t}\n";
    }
    out += &catch();
    out += &with_access(&functions.steps);
    out + if shape.is_shared { "\t_exit(0);\n}\n" } else { "\treturn END;\n}\n" }
}

/// Returns the indent and the map of a line that stands for the access.
fn probed(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start();
    let map = text.strip_prefix("probe(")?.strip_suffix(");")?;
    Some((&line[..line.len() - text.len()], map))
}

/// Returns the statements that make the access.
fn access(shape: &Shape, row: Option<&Row>, map: &str) -> Vec<String> {
    let Some((row, want)) = row.and_then(|row| Some((row, row.want.as_deref()?))) else {
        return vec!["// It is not run, as it is no code.".to_owned()];
    };
    let byte = match row.from.strip_prefix('-') {
        Some(before) => format!("{map} - {before}"),
        None if row.from == "0" => map.to_owned(),
        None => format!("{map} + {}", row.from),
    };
    let fails = want.contains("FAULT");
    let stored = shape.stored();
    let pipe = ["int copied[2];".to_owned(), "EXPECT(0, pipe(copied));".to_owned()];
    let read = format!("EXPECT({want}, AT(uint8_t, {byte}));");
    match row.accesses.first() {
        Some(Access::Write) if fails => vec![format!("EXPECT({want}, AT(uint8_t, {byte}) = MARK);")],
        Some(Access::Write) => vec![
            format!("EXPECT(MARK, AT(uint8_t, {byte}) = MARK);"),
            format!("EXPECT({want}, {stored});"),
        ],
        Some(Access::Exec) => vec![
            format!("now->address = {byte} - (uintptr_t)({byte}) % (code_end - code);"),
            format!("EXPECT({want}, (((void (*)(void))now->address)(), RAN));"),
        ],
        Some(Access::CopyFromUser) => pipe
            .into_iter()
            .chain([match fails {
                true => format!("EXPECT({want}, write(copied[1], {byte}, 1));"),
                false => format!(
                    "EXPECT({want}, write(copied[1], {byte}, 1) == 1 && read(copied[0], buffer, 1) == 1 ? buffer[0] : -1);"
                ),
            }])
            .collect(),
        Some(Access::CopyToUser) => pipe
            .into_iter()
            .chain(["EXPECT(1, write(copied[1], &(char){ MARK }, 1));".to_owned(), match fails {
                true => format!("EXPECT({want}, read(copied[0], {byte}, 1));"),
                false => format!("EXPECT({want}, read(copied[0], {byte}, 1) == 1 ? {stored} : -1);"),
            }])
            .collect(),
        Some(Access::Read) | None => vec![read],
    }
}
