// A file without a name that is still open can be used as before: fsync and fchmod of it succeed.
//
// unlink(2): "If the name was the last link to a file but any processes still have the file open, the file will
// remain in existence until the last file descriptor referring to it is closed." fsync(2) has no ENOENT.
// Seen: gocryptfs 2.6.1 fails both with ENOENT. It seems to change attributes by the path.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, "hello", 5) != 5 || unlink("finding-a")) return 2;
	int sync = fsync(fd) ? errno : 0, mode = fchmod(fd, 0600) ? errno : 0;
	printf("fsync: expected: 0; got: %s\n", sync ? strerror(sync) : "0");
	printf("fchmod: expected: 0; got: %s\n", mode ? strerror(mode) : "0");
	return sync || mode;
}
