// An address without MAP_FIXED is a hint: mmap takes one within a page, too.
//
// mmap(2): "If addr is not NULL, then the kernel takes it as a hint about where to place the mapping; on Linux, the
// kernel will pick a nearby page boundary".
// Seen: Valgrind 3.27.1 (--tool=none) fails with EINVAL.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *old = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(old + page, page);
	void *map = mmap(old + page + 1, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("expected: a map\ngot: %s\n", map == MAP_FAILED ? strerror(errno) : "a map");
	return map == MAP_FAILED;
}
