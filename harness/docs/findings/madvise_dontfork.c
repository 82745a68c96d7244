// A child does not have the memory for which MADV_DONTFORK was given, and has zeros where MADV_WIPEONFORK was.
//
// madvise(2): MADV_DONTFORK (since Linux 2.6.16) "Do not make the pages in this range available to the child after a
// fork(2)"; MADV_WIPEONFORK (since Linux 4.14) "Present the child process with zero-filled memory in this range".
// Seen: qemu-x86_64 11.1.3 refuses both with EINVAL; gVisor 20240729 refuses MADV_WIPEONFORK with EINVAL. A program
// that ignores the result of what it thinks of as advice gives its child what it meant to keep.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int dontfork = madvise(map, page, MADV_DONTFORK) ? errno : 0;
	int wipe = madvise(map + page, page, MADV_WIPEONFORK) ? errno : 0;
	printf("MADV_DONTFORK: expected: 0; got: %s\n", dontfork ? strerror(dontfork) : "0");
	printf("MADV_WIPEONFORK: expected: 0; got: %s\n", wipe ? strerror(wipe) : "0");
	return dontfork || wipe;
}
