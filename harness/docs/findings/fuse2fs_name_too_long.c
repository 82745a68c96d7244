// A name that is too long fails with ENAMETOOLONG, and the directory stays as it was.
//
// POSIX.1-2024 open: "[ENAMETOOLONG] The length of a component of a pathname is longer than {NAME_MAX}", among the errors
// with which open "shall fail"; open(2), ERRORS.
// Seen: fuse2fs 1.47.4 says that 255 is the longest, and fails with ENOENT for 256 bytes. The directory cannot be read
// from then on (EIO): it has an entry whose length is 0, and e2fsck has to mend the file system.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	static char path[4096] = "finding-long/";
	if (mkdir("finding-long", 0755)) return 2;
	long longest = pathconf("finding-long", _PC_NAME_MAX), start = strlen(path);
	if (longest < 1 || start + longest + 1 >= (long)sizeof path) return 2;
	memset(path + start, 'n', longest + 1);
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	int error = fd < 0 ? errno : 0;
	unlink(path);
	DIR *directory = opendir("finding-long");
	if (!directory) return 2;
	errno = 0;
	while (readdir(directory)) continue;
	int reading = errno;
	rmdir("finding-long");
	printf("expected: %s, and a directory that can be read\ngot: %s, and reading: %s\n", strerror(ENAMETOOLONG),
		error ? strerror(error) : "a file", strerror(reading));
	return error != ENAMETOOLONG || reading;
}
