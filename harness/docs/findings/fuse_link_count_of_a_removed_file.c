// A file that has lost its last name has a link count of 0.
//
// unlink(2): "If the name was the last link to a file but any processes still have the file open, the file will
// remain in existence"; stat(3type), st_nlink: "the number of hard links to the file". Programs tell by it that a
// log file was rotated away.
// Seen: 1 with ntfs-3g 2026.9.28 (libfuse keeps the file as .fuse_hidden...) and with fuse-overlayfs 1.14.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct stat stat;
	if (fd < 0 || write(fd, "hello", 5) != 5 || unlink("finding-a") || fstat(fd, &stat)) return 2;
	printf("expected: 0\ngot: %ld\n", (long)stat.st_nlink);
	return stat.st_nlink != 0;
}
