// mremap of an address where nothing is mapped fails with EFAULT.
//
// mremap(2), ERRORS: "EFAULT Some address in the range old_address to old_address+old_size is an invalid virtual
// memory address for this process".
// Seen: Valgrind 3.27.1 (--tool=none) ends: "VALGRIND INTERNAL ERROR: Valgrind received a signal 11 (SIGSEGV)", at
// address 8.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 64 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(map, 64 * page);
	if (fork() == 0) {
		void *moved = mremap(map + 32 * page, page, page, 0);
		_exit(moved == MAP_FAILED && errno == EFAULT ? 42 : 43);
	}
	int status;
	wait(&status);
	int agrees = WIFEXITED(status) && WEXITSTATUS(status) == 42;
	printf("expected: %s\ngot: %s (wait status %#x)\n", strerror(EFAULT), agrees ? "that" : "another end",
		(unsigned)status);
	return !agrees;
}
