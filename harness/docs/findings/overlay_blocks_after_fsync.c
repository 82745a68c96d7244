// After fsync, st_blocks counts the blocks of the file.
//
// inode(7): "(size in blocks) stat.st_blocks ... This field indicates the number of blocks allocated to the file,
// 512-byte units". fsync(2) writes metadata too. A file without blocks is a hole to tar(1) and cp(1).
// Seen: fuse-overlayfs 1.14 says 0 for a file of 100000 bytes.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	static char bytes[100000];
	struct stat stat;
	memset(bytes, 'x', sizeof bytes);
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes || fsync(fd) || fstat(fd, &stat)) return 2;
	printf("expected: at least 196 blocks\ngot: %ld\n", (long)stat.st_blocks);
	unlink("finding-a");
	return stat.st_blocks < 196;
}
