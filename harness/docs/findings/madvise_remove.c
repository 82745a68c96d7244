// MADV_REMOVE of shared anonymous memory frees it, and it reads as zero.
//
// madvise(2), MADV_REMOVE (since Linux 2.6.16): "Free up a given range of pages and its associated backing store ...
// subsequent accesses in the specified address range will see data with a value of zero". All kernels know it on
// tmpfs, which shared anonymous memory is.
// Seen: qemu-x86_64 11.1.3 says EOPNOTSUPP; gVisor 20240729 says ENOSYS. The bytes stay.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	volatile char *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	map[0] = 'x';
	int error = madvise((void *)map, page, MADV_REMOVE) ? errno : 0;
	printf("expected: 0, and the byte is 0\ngot: %s, and the byte is %d\n", error ? strerror(error) : "0", map[0]);
	return error || map[0];
}
