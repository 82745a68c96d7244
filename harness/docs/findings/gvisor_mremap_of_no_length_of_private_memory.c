// mremap with an old size of zero is for shared memory. For private memory it fails with EINVAL.
//
// mremap(2), ERRORS: "EINVAL ... old_size was zero and old_address does not refer to a shareable mapping (but see
// BUGS)"; since Linux 4.14, commit dba58d3b8c50 ("mm/mremap: fail map duplication attempts for private mappings").
// Seen: gVisor 20240729 returns a new map.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map[0] = 'x';
	char *second = mremap(map, 0, page, MREMAP_MAYMOVE);
	int error = second == MAP_FAILED ? errno : 0;
	printf("expected: %s\ngot: %s\n", strerror(EINVAL), error ? strerror(error) : "a map");
	return error != EINVAL;
}
