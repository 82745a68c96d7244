// MREMAP_DONTUNMAP moves the pages of private anonymous memory, and leaves an empty map at the old address.
//
// mremap(2), MREMAP_DONTUNMAP (since Linux 5.7).
// Seen: Valgrind 3.27.1 (--tool=none) and gVisor 20240729 fail with EINVAL.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *old = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	old[0] = 'x';
	char *new = mremap(old, page, page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (new == MAP_FAILED) {
		printf("expected: bytes 0 and 'x'\ngot: %s\n", strerror(errno));
		return 1;
	}
	printf("expected: bytes 0 and 'x'\ngot: bytes %d and '%c'\n", old[0], new[0]);
	return old[0] != 0 || new[0] != 'x';
}
