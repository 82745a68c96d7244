// shmat at an address where something is mapped fails with EINVAL, unless SHM_REMAP is given.
//
// shmat(2), SHM_REMAP: "indicates that the mapping of the segment should replace any existing mapping in the range
// starting at shmaddr and continuing for the size of the segment. (Normally, an EINVAL error would result if a
// mapping already exists in this address range.)"
// Seen: gVisor 20240729 attaches it at another address.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	void *old = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int id = shmget(IPC_PRIVATE, page, 0600);
	if (id < 0) return 2;
	void *new = shmat(id, old, 0);
	int error = new == (void *)-1 ? errno : 0;
	shmctl(id, IPC_RMID, NULL);
	printf("expected: %s\ngot: %s\n", strerror(EINVAL),
		error ? strerror(error) : new == old ? "the same address" : "another address");
	return error != EINVAL;
}
