// ftruncate to a size that a file cannot have fails with EFBIG. Where it succeeds, the file has that size.
//
// truncate(2), ERRORS: "EFBIG The argument length is larger than the maximum file size."
// Seen: fuse2fs 1.47.4 returns 0, and the file keeps the size that it had.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct stat stat;
	if (fd < 0) return 2;
	int error = ftruncate(fd, INT64_MAX) ? errno : 0;
	if (fstat(fd, &stat)) return 2;
	printf("expected: %s, or the size %jd\ngot: %s, and the size %jd\n", strerror(EFBIG), (intmax_t)INT64_MAX,
		error ? strerror(error) : "0", (intmax_t)stat.st_size);
	unlink("finding-a");
	return error ? error != EFBIG && error != EINVAL : stat.st_size != INT64_MAX;
}
