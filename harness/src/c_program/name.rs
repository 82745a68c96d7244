//! A case may give its variables names that C keeps for itself, or that the program needs. The main function is
//! [`variable`].

use crate::vocabulary;

/// The words of C (ISO C17, 6.4.1), what GNU C and the headers define in small letters without a function's
/// parentheses, and what the parts of the program are called.
const TAKEN: &str = "
    asm auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef typeof union
    unsigned void volatile while
    action alone asked buffer child code code_end copied dprintf dup ended errno exit filled fork i386 in_file is_
    judge linux make_file memchr memcpy names now once only probe puts sees stderr stdin stdout steps sweep
    syscall sysconf try unix waitpid
";

/// Returns the name in C of a variable of a case: as a rule, the same.
pub fn variable(name: &str) -> String {
    // As headers write macros.
    let is_macro = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_own = ["ends_", "pid_", "process_", "_"].iter().any(|own| name.starts_with(own));
    if is_macro
        || is_own
        || name.ends_with("_t")
        || TAKEN.split_whitespace().any(|own| own == name)
        || vocabulary::call(name).is_some()
    {
        return format!("{name}_");
    }
    // `s_`, as another variable may be called that: it gets one more.
    if name.ends_with('_') { format!("{name}_") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn no_two_variables_get_one_name() {
        let all = ["map", "int", "int_", "read", "read_", "EOF", "EOF_", "_exit", "id", "size_t"];
        let mut names: Vec<_> = all.iter().map(|name| variable(name)).collect();
        assert_eq!((&*names[0], &*names[1], &*names[3]), ("map", "int_", "read_"));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
