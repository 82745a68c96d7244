// Where a file can be opened with O_DIRECT, a read and a write of whole aligned blocks succeed.
//
// open(2), O_DIRECT, NOTES: what may be refused with EINVAL is what is not aligned to the logical block size. Here
// buffer, length and offset are aligned to a page. A file system that cannot do it fails the open with EINVAL.
// Seen: unionfs-fuse 1.0 opens the file and fails most of the writes with EINVAL. It seems to open its own file with
// O_DIRECT, and to pass on a buffer that is not aligned.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	void *buffer;
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0644);
	unlink("finding-a");
	if (fd < 0) {
		printf("expected: no O_DIRECT at all, or aligned transfers\ngot: no O_DIRECT (%s)\n", strerror(errno));
		return 0;
	}
	if (posix_memalign(&buffer, page, 2 * page)) return 2;
	memset(buffer, 'x', 2 * page);
	int failed = 0, error = 0;
	for (int n = 0; n < 200; n++)
		if (pwrite(fd, buffer, 2 * page, 0) != 2 * page) failed++, error = errno;
	printf("expected: 200 writes\ngot: %d of them fail (%s)\n", failed, strerror(error));
	return failed != 0;
}
