// MAP_FIXED_NOREPLACE never takes memory that is mapped: it fails with EEXIST.
//
// mmap(2), MAP_FIXED_NOREPLACE (since Linux 4.17): "the call fails with the error EEXIST"; "older kernels which do
// not recognize the MAP_FIXED_NOREPLACE flag will typically ... return an address that is different from the
// requested one".
// Seen: gVisor 20240729 maps memory at another address. It does not know the flag, so a program has to compare the
// addresses, as on Linux before 4.17.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *old = mmap(NULL, page, PROT_READ | PROT_WRITE, flags, -1, 0);
	old[0] = 'x';
	char *new = mmap(old, page, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, -1, 0);
	int error = new == MAP_FAILED ? errno : 0;
	printf("expected: %s, and the old byte is 'x'\ngot: %s, and the old byte is %d\n", strerror(EEXIST),
		error ? strerror(error) : new == old ? "the same address" : "another address", old[0]);
	return error != EEXIST || old[0] != 'x';
}
