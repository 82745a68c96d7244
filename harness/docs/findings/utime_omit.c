// utimensat with UTIME_OMIT for the one time sets the other.
//
// utimensat(2): "If the tv_nsec field of one of the timespec structures has the special value UTIME_OMIT, then the
// corresponding file timestamp is left unchanged."
// Seen: with unionfs-fuse 1.0 and encfs 1.9.5 the call succeeds, and changes nothing. libfuse 2.9.9, which both use,
// asks for utimens only where both times are set, unless the server has set flag_utime_omit_ok.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct timespec both[2] = { { 7, 0 }, { 5, 0 } }, one[2] = { { 0, UTIME_OMIT }, { 6, 0 } };
	struct stat stat;
	if (fd < 0 || futimens(fd, both)) return 2;
	int result = futimens(fd, one);
	if (fstat(fd, &stat)) return 2;
	printf("expected: 0, st_atime 7, st_mtime 6\ngot: %d, st_atime %ld, st_mtime %ld\n", result, (long)stat.st_atime,
		(long)stat.st_mtime);
	unlink("finding-a");
	return result || stat.st_mtime != 6 || stat.st_atime != 7;
}
