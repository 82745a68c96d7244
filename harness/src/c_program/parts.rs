//! The parts of a program that are the same in each that needs them: what forks, waits and makes files. The main
//! function is [`parts`].

use super::call::FIRST_FILE;
use super::shape::Shape;

/// A part, and the text by which it is needed.
pub struct Part {
    /// The text in what stands behind it.
    pub needed_by: &'static str,
    /// Its lines.
    pub text: String,
}

/// The headers, and texts by which each is needed.
pub const HEADERS: &[(&str, &[&str])] = &[
    ("errno.h", &["errno"]),
    ("fcntl.h", &["fcntl(", "open(", "fallocate("]),
    ("signal.h", &["sigaction("]),
    ("stdint.h", &["uint"]),
    ("stdio.h", &["printf("]),
    ("stdlib.h", &["\texit(", " exit(", "mkstemp("]),
    ("string.h", &["strerror("]),
    ("sys/mman.h", &["judge("]),
    ("sys/prctl.h", &["prctl("]),
    ("sys/resource.h", &["setrlimit("]),
    ("sys/shm.h", &["shmctl(", "shmdt("]),
    ("sys/syscall.h", &["syscall("]),
    ("sys/wait.h", &["waitpid("]),
    ("unistd.h", &["judge("]),
];

/// What some C library does not name, as it is old or as musl leaves it to the headers of the kernel: a program says the
/// number where it is not defined.
pub const RARELY_NAMED: &[&str] = &[
    "FALLOC_FL_COLLAPSE_RANGE",
    "FALLOC_FL_INSERT_RANGE",
    "FALLOC_FL_UNSHARE_RANGE",
    "FALLOC_FL_ZERO_RANGE",
    "F_SEAL_EXEC",
    "F_SEAL_FUTURE_WRITE",
    "MADV_COLLAPSE",
    "MADV_DONTNEED_LOCKED",
    "MADV_GUARD_INSTALL",
    "MADV_GUARD_REMOVE",
    "MADV_POPULATE_READ",
    "MADV_POPULATE_WRITE",
    "MAP_DROPPABLE",
    "MFD_EXEC",
    "MFD_NOEXEC_SEAL",
    "MREMAP_DONTUNMAP",
];

/// Returns the parts of a program of this shape, each behind those that it needs.
pub fn parts(shape: &Shape) -> Vec<Part> {
    let part = |needed_by, text: &str| {
        let text = text.replace("{filling}", FILLING).replace("{fill}", &shape.fill());
        Part { needed_by, text: text.replace("{first}", &FIRST_FILE.to_string()) }
    };
    vec![
        part("SEES(", SEES),
        part("AT(", "#define AT(type, byte) (*(volatile type *)(now->address = (byte)))\n"),
        part("ACROSS(", ACROSS),
        part("on_fault", &on_fault(shape)),
        part("ended(", ENDED),
        part("alone(", ALONE),
        part("only(", ONLY),
        part("code_end", CODE),
        part("filled(", FILLED),
        part("make_file(", &make_file(shape)),
        part("in_file(", &in_file(shape)),
    ]
}

/// Returns the handler. Without children it ends the program, and says so.
fn on_fault(shape: &Shape) -> String {
    let sent = "\tif (info->si_code <= 0) judge(FAULT(signal, 0)), _exit(0); // it was sent\n";
    let end = if shape.is_shared { "\t_exit(0);\n" } else { "\texit(END);\n" };
    ON_FAULT.replace("{sent}", if shape.has_signals { sent } else { "" }).replace("{end}", end)
}

/// Returns the function that makes a file. A memfd is filled in the same way.
fn make_file(shape: &Shape) -> String {
    let text = if shape.has_memfds { MAKE_FILE } else { FILLED_FILE };
    match shape.keeps_names {
        false => text
            .replace("{unlink}", "\tunlink(name);\n")
            .replace("{name}", "char name[] = \"faultmap-XXXXXX\""),
        true => text
            .replace("{unlink}", "")
            .replace("{name}", "char *name = strcpy(names[number], \"faultmap-XXXXXX\")"),
    }
}

/// Returns the function that looks for the byte that was stored.
fn in_file(shape: &Shape) -> String {
    let last = FIRST_FILE + shape.files;
    match shape.files {
        1 => IN_FILE.replace("{each}", "").replace("{fd}", "{first}"),
        _ => IN_FILE
            .replace("{each}", &format!("\tfor (int fd = {{first}}; fd < {last}; fd++)\n\t"))
            .replace("{fd}", "fd")
            .replace("\t\tif", "\t\t\tif"),
    }
}

const SEES: &str = r#"
// Compares bytes of the buffer, until one differs.
#define SEES(want, from, count) sees(#want, want, from, count)
static void sees(const char *said, long want, long from, long count)
{
	static char step[64];
	int before = now->differ;
	for (now->at = 0; now->at < count && now->differ == before; now->at++) {
		snprintf(step, sizeof step, "byte %ld that was read", from + now->at);
		now->step = step, now->said = said, now->want = want;
		judge(buffer[from + now->at]);
	}
	now->at = 0;
}
"#;

const ACROSS: &str = r#"// The same across the end of a page: the fault is at another byte than the first.
#define ACROSS(type, start, fault) (*(volatile type *)(now->address = (fault), (start)))
"#;

const ON_FAULT: &str = r#"
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
{sent}	now->away = (char *)info->si_addr - (char *)now->address;
	judge(FAULT(signal, info->si_code) | (now->away ? ELSEWHERE : 0));
{end}}
"#;

const ENDED: &str = r#"
// Waits for a child. One that was killed could not say so.
static void ended(pid_t pid)
{
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) exit(2);
	if (WIFSIGNALED(status)) judge(FAULT(WTERMSIG(status), 0));
}
"#;

const ALONE: &str = r#"
// Moves a map that does not lie where it was asked for to where it has no neighbours.
static void *alone(void *map, void *asked, long length, void *place)
{
	if (map == MAP_FAILED || map == (void *)((uintptr_t)asked & -PAGE)) return map;
	return mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}
"#;

const ONLY: &str = r#"
static sigset_t *only(int signal)
{
	static sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	return &set;
}
"#;

const CODE: &str = r#"
// The files are full of instructions that return, where instructions are fetched from them.
__asm__(".text\ncode: ret\ncode_end:");
extern const unsigned char code[], code_end[];
"#;

/// The statements that fill a file.
const FILLING: &str = r#"	for (long n = 0; n < size; n++) buffer[n] = {fill};
	if (pwrite(fd, buffer, size, 0) != size || dup2(fd, {first} + number) < 0) exit(2);
"#;

/// Makes and fills a file.
const FILLED_FILE: &str = r#"
// Makes a file of so many bytes. It has a second descriptor, {first} or the next, which no step closes.
static int make_file(int number, long size)
{
	{name};
	int fd = mkstemp(name);
{filling}{unlink}	return fd;
}
"#;

/// Fills a file that was made.
const FILLED: &str = r#"
// Fills a file. It has a second descriptor, {first} or the next, which no step closes.
static int filled(int fd, int number, long size)
{
{filling}	return fd;
}
"#;

/// Makes a file, and has it filled.
const MAKE_FILE: &str = r#"
static int make_file(int number, long size)
{
	{name};
	int fd = filled(mkstemp(name), number, size);
{unlink}	return fd;
}
"#;

const IN_FILE: &str = r#"
// Is the byte that was stored in a file?
static int in_file(void)
{
{each}	for (long at = 0, count; (count = pread({fd}, buffer, sizeof buffer, at)) > 0; at += count)
		if (memchr(buffer, MARK, count)) return IN_FILE;
	return NOT_IN_FILE;
}
"#;
