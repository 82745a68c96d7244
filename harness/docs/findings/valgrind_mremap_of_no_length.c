// mremap with an old size of zero makes a second map of the same shared pages.
//
// mremap(2): "If the value of old_size is zero, and old_address refers to a shareable mapping (see the description
// of MAP_SHARED in mmap(2)), then mremap() will create a new mapping of the same pages".
// Seen: Valgrind 3.27.1 (--tool=none) fails with EINVAL.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	map[0] = 'x';
	char *second = mremap(map, 0, page, MREMAP_MAYMOVE);
	if (second == MAP_FAILED) {
		printf("expected: byte 'x'\ngot: %s\n", strerror(errno));
		return 1;
	}
	printf("expected: byte 'x'\ngot: byte '%c'\n", second[0]);
	return second[0] != 'x';
}
