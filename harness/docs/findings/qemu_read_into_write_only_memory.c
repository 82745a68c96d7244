// read(2) stores into memory that has PROT_WRITE and not PROT_READ.
//
// read(2): EFAULT is for a "buf" that is "outside your accessible address space"; mmap(2), PROT_WRITE: "Pages may be
// written". The kernel needs no more to store there.
// Seen: qemu-x86_64 11.1.3 fails with EFAULT: its VERIFY_WRITE asks for PAGE_READ as well.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	int ends[2];
	void *map = mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pipe(ends) || write(ends[1], "x", 1) != 1) return 2;
	long count = read(ends[0], map, 1);
	printf("expected: 1\ngot: %ld (%s)\n", count, count < 0 ? strerror(errno) : "no error");
	return count != 1;
}
