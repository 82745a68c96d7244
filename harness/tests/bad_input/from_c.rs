//! Steps as a programmer of C writes them by habit: the hint says how a case says it.

use rstest::rstest;

use crate::refused;

#[rstest]
#[case::a_type(
    "int fd = file(1);",
    "1:1",
    "a case has no declarations",
    "leave the type out: `fd = file(1);`"
)]
#[case::pointer(
    "char *p = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);",
    "1:1",
    "a case has no declarations",
    "leave the type out: `p = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);`"
)]
#[case::declaration("struct stat st;", "1:1", "a case has no declarations", "leave it out")]
#[case::main("int main(void) {\n}", "1:1", "a case has no declarations", "leave it out: the steps")]
#[case::type_on_two_lines(
    "int fd =\n  file(1);",
    "1:1",
    "a case has no declarations",
    "leave the type out: `fd = ...`"
)]
#[case::declared_load(
    "char c = m[0];",
    "1:1",
    "a load gives nothing",
    "write the load alone: `m[0];`"
)]
#[case::declared_number(
    "size_t len = 10;",
    "1:1",
    "a variable holds no number",
    "write the number"
)]
#[case::cast(
    "p = (char *)mmap(0, 1);",
    "1:1",
    "a case has no casts",
    "leave the cast out: `p = mmap(0, 1);`"
)]
#[case::store_by_offset(
    "*(p + 10) = 'x';",
    "1:1",
    "a pointer cannot be followed here",
    "name the byte: `p[10];` to load it, `p[10] = 'x';` to store"
)]
#[case::declared_cast(
    "char *p = (char *)mmap(0, 1);",
    "1:1",
    "a case has no declarations",
    "leave type and cast out: `p = mmap(0, 1);`"
)]
#[case::declared_fork(
    "pid_t pid = fork();",
    "1:1",
    "a case has no declarations",
    "write the child's"
)]
#[case::declared_struct(
    "struct stat st;",
    "1:1",
    "a case has no declarations",
    "leave it out: `st = "
)]
#[case::load_by_pointer(
    "char c = *p;",
    "1:1",
    "a load gives nothing",
    "write the load alone: `p[0];`"
)]
#[case::increment(
    "p++;",
    "1:1",
    "a variable cannot be changed",
    "write `p + 1` where it is needed"
)]
#[case::an_if(
    "if (p == MAP_FAILED) {\n}",
    "1:1",
    "a case has no `if`",
    "leave it out: the picture"
)]
#[case::compared(
    "memcmp(a, b, 8);",
    "1:1",
    "unknown step `memcmp`",
    "write the loads: `map[0..8];`"
)]
#[case::freed("free(p);", "1:1", "unknown step `free`", "unmap the map: `munmap(map, PAGE);`")]
#[case::a_stream(
    "f = fopen(\"x\", \"r\");",
    "1:5",
    "unknown step `fopen`",
    "write `fd = file(SIZE);`"
)]
#[case::a_thread("pthread_create(0);", "1:1", "unknown step `pthread_create`", "write the child's")]
#[case::load("x = m[0];", "1:1", "a load gives nothing to keep", "write the load alone: `m[0];`")]
#[case::number("len = 4096;", "1:1", "a variable holds no number", "write the number where")]
#[case::store(
    "*p = 'x';",
    "1:1",
    "a pointer cannot be followed here",
    "name the byte: `p[0];` to load it, `p[0] = 'x';` to store"
)]
#[case::a_fork("pid = fork();", "1:7", "unknown step `fork`", "write the child's steps in a block")]
#[case::if_fork("if (fork() == 0) {\n}", "1:1", "a case has no `if`", "write the child's steps")]
#[case::wait("wait(0);", "1:1", "unknown step `wait`", "leave it out: the steps behind `fork {")]
#[case::a_for(
    "for (i = 0; i < 10; i++) {\n}",
    "1:1",
    "a case has no `for`",
    "every step is performed once"
)]
#[case::open(
    "fd = open(\"x\", O_RDWR | O_CREAT);",
    "1:11",
    "a case cannot open `x`",
    "`fd = file(SIZE);` makes a file and opens it"
)]
#[case::creat(
    "fd = file(1, O_RDWR | O_CREAT);",
    "1:23",
    "unknown flag `O_CREAT`",
    "write `fd = file(SIZE);`"
)]
#[case::sizeof("fd = file(sizeof(int));", "1:11", "`sizeof` is no number", "write the number of")]
#[case::page_size(
    "fd = file(sysconf(_SC_PAGESIZE));",
    "1:11",
    "`sysconf` is no number",
    "write `PAGE`"
)]
#[case::page_size_kept(
    "n = sysconf(_SC_PAGESIZE);",
    "1:5",
    "unknown step `sysconf`",
    "write `PAGE`"
)]
#[case::printf(
    "printf(\"%d\\n\", fd);",
    "1:1",
    "unknown step `printf`",
    "leave it out: the picture"
)]
#[case::a_return(
    "fd = file(1);\nreturn 0;",
    "2:1",
    "a case has no `return`",
    "leave it out: a case ends"
)]
#[case::include("#include <stdio.h>", "1:1", "a case has no preprocessor", "leave the line out")]
#[case::pread(
    "fd = file(1);\npread(fd, buf, 10, 0);",
    "2:11",
    "a `pread` has no buffer here",
    "leave the buffer out, and write the offset before the count: `pread(fd, 0, 10);`"
)]
#[case::pread_kept("n = pread(fd, buf, 10, 0);", "1:15", "a `pread` has no buffer", "leave the")]
#[case::sum_kept(
    "m = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\np = m + 10;",
    "2:1",
    "a variable holds what a call gives",
    "write `m` where it is needed, such as `m + 10`"
)]
#[case::unit("fd = file(8g);", "1:12", "a size has no unit", "write `8 * 1024 * 1024 * 1024`;")]
#[case::unit_of_two_letters("fd = file(4KiB);", "1:12", "a size has no unit", "write `4 * 1024`;")]
#[case::pages("fd = file(2PAGE);", "1:12", "a size has no unit", "write `2 * PAGE`;")]
#[case::exponent("fd = file(1e6);", "1:12", "a size has no unit", "a size is a number of bytes")]
#[case::suffix("fd = file(4096UL);", "1:15", "a size has no unit", "write the number alone")]
#[case::shift("fd = file(1 << 20);", "1:13", "a size cannot be shifted", "write it as a product")]
#[case::division(
    "fd = file(PAGE / 2);",
    "1:16",
    "unexpected `/`",
    "a comment is `// ...` or `/* ... */`; a size has `+`"
)]
#[case::swapped_flags(
    "m = mmap(0, PAGE, MAP_PRIVATE, PROT_READ, -1, 0);",
    "1:19",
    "`MAP_PRIVATE` is no flag of this argument",
    "one of: PROT_NONE, PROT_READ"
)]
#[case::kept_sweep(
    "x = sweep(m, read);",
    "1:5",
    "`sweep` is no call",
    "it stands alone, in this form"
)]
#[case::sweep_without_comma(
    "m = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(m read);",
    "1:72",
    "expected `,` or `)`",
    "sweep(map, read, write);"
)]
#[case::fork_without_block(
    "fork m[0];",
    "1:1",
    "unknown step `fork`",
    "write the child's steps in a block"
)]
#[case::process_without_block(
    "process m[0];",
    "1:1",
    "`process` is no call",
    "it stands alone, in this form: `process {"
)]
#[case::kill("kill(0, SIGBUS);", "1:1", "unknown step `kill`", "write `raise(SIGBUS);`")]
#[case::sleep("sleep(1);", "1:1", "unknown step `sleep`", "leave it out")]
#[case::memfd("fd = memfd_create(0);", "1:6", "unknown step `memfd_create`", "write `fd = memfd(")]
#[case::address_of(
    "fd = file(1);\nread(fd, &b, 1);",
    "2:10",
    "a case has no addresses",
    "name a map"
)]
fn a_habit_of_c(
    #[case] text: &str,
    #[case] place: &str,
    #[case] message: &str,
    #[case] hint: &str,
) {
    refused(text, place, message, hint);
}
