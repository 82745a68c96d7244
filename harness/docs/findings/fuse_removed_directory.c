// fstat of a directory that is open and has been removed succeeds.
//
// fstat(2) asks for an open descriptor and no more; POSIX.1-2024 rmdir: "If one or more processes have the directory
// open when the last link is removed ... the directory shall not be removed until all references to the directory
// are closed."
// Seen: ESTALE with bindfs 1.18.4, fuse2fs 1.47.4 and mergerfs 2.40.2, ENOENT with unionfs-fuse 1.0, ntfs-3g
// 2026.9.28 and encfs 1.9.5: libfuse's path-based interface has no name for a directory without a path.
// fuse-overlayfs and gocryptfs agree.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	if (mkdir("finding-d", 0755)) return 2;
	int fd = open("finding-d", O_RDONLY | O_DIRECTORY);
	if (fd < 0 || rmdir("finding-d")) return 2;
	struct stat stat;
	int error = fstat(fd, &stat) ? errno : 0;
	printf("expected: 0\ngot: %s\n", error ? strerror(error) : "0");
	return error != 0;
}
