// MAP_SHARED_VALIDATE is MAP_SHARED where no flag is unknown.
//
// mmap(2), MAP_SHARED_VALIDATE (since Linux 4.15): "This flag provides the same behavior as MAP_SHARED except that
// MAP_SHARED mappings ignore unknown flags in flags".
// Seen: gVisor 20240729 fails with EINVAL.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *file = tmpfile();
	if (!file || ftruncate(fileno(file), page)) return 2;
	void *map = mmap(NULL, page, PROT_READ, MAP_SHARED_VALIDATE, fileno(file), 0);
	printf("expected: a map\ngot: %s\n", map == MAP_FAILED ? strerror(errno) : "a map");
	return map == MAP_FAILED;
}
