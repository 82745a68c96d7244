//! The parts of a program that are the same in each that needs them: what reports, forks, waits and makes files. The
//! main item is [`PARTS`].

/// A part, and the text by which it is needed.
pub struct Part {
    /// The text in what stands behind it.
    pub needed_by: &'static str,
    /// Its lines.
    pub text: &'static str,
}

/// The headers, and texts by which each is needed.
pub const HEADERS: &[(&str, &[&str])] = &[
    ("errno.h", &["errno"]),
    ("fcntl.h", &["fcntl(", "open(", "fallocate("]),
    ("signal.h", &["sigaction("]),
    ("stdint.h", &["uint"]),
    ("stdio.h", &["printf("]),
    ("stdlib.h", &["exit(", "mkstemp("]),
    ("string.h", &["strerror(", "memcpy(", "memchr("]),
    ("sys/mman.h", &["mmap("]),
    ("sys/prctl.h", &["prctl("]),
    ("sys/resource.h", &["setrlimit("]),
    ("sys/shm.h", &["shmctl(", "shmdt("]),
    ("sys/syscall.h", &["syscall("]),
    ("sys/wait.h", &["waitpid("]),
    ("unistd.h", &["PAGE"]),
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

/// The parts that judge what comes, where children tell it.
pub const JUDGING: &[Part] = &[
    Part {
        needed_by: "expect(",
        text: r#"
// Prints what came, if it is not what was wanted.
static void expect(const char *what, const char *said, long came, long want, long at)
{
	long byte = want >> 60 == 1 ? PATTERN((want & ~(1L << 60)) + at) : want;
	if (want == ANY ? came >= 0 : want == FILLED ? came >= PATTERN(0) && came < 0x100 : came == byte) return;
	told->differ++;
	if (came >= 0 && came >> 61)
		dprintf(1, "%s: expected %s, came %s with si_code %ld%s\n", what, said, strsignal(came >> 8 & 0xff),
			came & 0xff, came & ELSEWHERE ? " elsewhere" : "");
	else
		dprintf(1, "%s: expected %s, came %ld (%s)\n", what, said, came, came < 0 ? strerror(-came) : "no error");
}
"#,
    },
    Part {
        needed_by: "EXPECT(",
        text: r#"
// A step, and what it is to give. The results are compared once, and not again before each access.
#define EXPECT(want, step) ({ __typeof__(step) is_ = (step); given(#step, #want, (long)is_, want); is_; })
static void given(const char *step, const char *said, long came, long want)
{
	if (!asked.access) expect(step, said, came == -1 ? -errno : came, want, 0);
}
"#,
    },
    Part {
        needed_by: "SEES(",
        text: r#"
#define SEES(want, from, count) sees(#want, want, from, count)
static void sees(const char *said, long want, long from, long count)
{
	char what[64];
	int before = told->differ;
	for (long at = 0; at < count && !asked.access && told->differ == before; at++) {
		snprintf(what, sizeof what, "byte %ld that was read", from + at);
		expect(what, said, buffer[from + at], want, at);
	}
}
"#,
    },
    Part {
        needed_by: "AT(",
        text: r#"
// One load or store.
#define AT(type, byte) (*(volatile type *)(told->address = (byte)))
"#,
    },
    Part {
        needed_by: "ACROSS(",
        text: r#"// The same across the end of a page: the fault is at another byte than the first.
#define ACROSS(type, start, fault) (*(volatile type *)(told->address = (fault), (start)))
"#,
    },
    Part {
        needed_by: "on_fault",
        text: r#"
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code > 0)
		told->came = FAULT(signal, info->si_code) | (info->si_addr == told->address ? 0 : ELSEWHERE);
	raise(signal); // the process dies of it when the handler returns
}
"#,
    },
    Part {
        needed_by: "child(",
        text: r#"
#define child() (told->came = 0, fork())

// How a process ended: its exit status or its signal; or what its access saw.
static long end_of(pid_t pid)
{
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) exit(2);
	if (WIFEXITED(status) && !told->probed)
		told->came = WEXITSTATUS(status);
	if (WIFSIGNALED(status) && (told->came >> 61 == 0 || (told->came >> 8 & 0xff) != WTERMSIG(status)))
		told->came = FAULT(WTERMSIG(status), 0); // the handler was not called
	return told->came;
}
"#,
    },
    Part {
        needed_by: "ended(",
        text: r#"
static long ended(pid_t pid)
{
	long came = end_of(pid);
	if (told->probed) _exit(0); // the access was one of that process
	return came;
}
"#,
    },
];

/// The parts that any program may need, each behind those that it needs.
pub const PARTS: &[Part] = &[
    Part {
        needed_by: "NEW_PLACE",
        text: r#"
// An address around which nothing is mapped.
static char *next_place;
#define NEW_PLACE (next_place += 1L << 31)
"#,
    },
    Part {
        needed_by: "alone(",
        text: r#"
// Moves a map that does not lie where it was asked for to where it has no neighbours.
static void *alone(void *map, void *asked, long length)
{
	if (map == MAP_FAILED || map == (void *)((uintptr_t)asked & -PAGE)) return map;
	return mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, NEW_PLACE);
}
"#,
    },
    Part {
        needed_by: "reopen(",
        text: r#"
static int reopen(int file, int flags)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", files[file]);
	return open(path, flags);
}
"#,
    },
    Part {
        needed_by: "only(",
        text: r#"
static sigset_t *only(int signal)
{
	static sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	return &set;
}
"#,
    },
    Part {
        needed_by: "code_end",
        text: r#"
// The files are full of instructions that return, where instructions are fetched from them.
__asm__(".text\ncode: ret\ncode_end:");
extern const unsigned char code[], code_end[];
"#,
    },
    Part {
        needed_by: "filled(",
        text: r#"
// Fills a file, under a number that no step of the case is given.
static int filled(int fd, int file, long size)
{
	for (long at = 0; at < size; at++)
		buffer[at] = {fill};
	if (pwrite(fd, buffer, size, 0) != size || dup2(fd, 40 + file) < 0) exit(2);
	close(fd);
	return 40 + file;
}
"#,
    },
    Part {
        needed_by: "in_file(",
        text: r#"
// Is the byte that was stored in a file?
static int in_file(void)
{
	for (int file = 0; file < FILES; file++)
		for (long at = 0, count; (count = pread(files[file], buffer, sizeof buffer, at)) > 0; at += count)
			if (memchr(buffer, MARK, count)) return IN_FILE;
	return NOT_IN_FILE;
}
"#,
    },
];
