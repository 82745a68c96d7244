// A descriptor that was opened with O_PATH can be used for few calls. ftruncate fails with EBADF.
//
// open(2), O_PATH: "The file itself is not opened, and other file operations (e.g., read(2), write(2), fchmod(2),
// ..., mmap(2)) fail with the error EBADF."
// Seen: gVisor 20240729 fails with EINVAL.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT, 0644), path = open("finding-a", O_PATH);
	if (fd < 0 || path < 0) return 2;
	int error = ftruncate(path, 0) ? errno : 0;
	printf("expected: %s\ngot: %s\n", strerror(EBADF), strerror(error));
	unlink("finding-a");
	return error != EBADF;
}
