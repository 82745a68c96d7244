// mlock of a page past the end of a mapped file fails with ENOMEM.
//
// mlock(2), ERRORS, for mlock and mlock2: ENOMEM, EPERM, EAGAIN and EINVAL are all there are. "ENOMEM Some of the
// specified address range does not correspond to mapped pages"; __mlock_posix_error_return in mm/mlock.c makes
// ENOMEM of EFAULT, as POSIX says.
// Seen: gVisor 20240729 fails with EFAULT.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *file = tmpfile();
	if (!file || ftruncate(fileno(file), 100)) return 2;
	char *map = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fileno(file), 0);
	int error = mlock(map, 2 * page) ? errno : 0;
	printf("expected: %s\ngot: %s\n", strerror(ENOMEM), strerror(error));
	return error != ENOMEM;
}
