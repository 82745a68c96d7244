// A name as long as the file system says its names may be can be used.
//
// pathconf(3), _PC_NAME_MAX: "the maximum length of a filename in the directory path or fd that the process is
// allowed to create"; statvfs(3), f_namemax.
// Seen: encfs 1.9.5 says 189, and refuses a name of 189 bytes with ENAMETOOLONG.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static char name[4096];
	long longest = pathconf(".", _PC_NAME_MAX);
	if (longest < 1 || longest >= (long)sizeof name) return 2;
	memset(name, 'n', longest);
	int fd = open(name, O_RDWR | O_CREAT, 0644);
	int error = fd < 0 ? errno : 0;
	unlink(name);
	printf("expected: a file with a name of %ld bytes\ngot: %s\n", longest, error ? strerror(error) : "that");
	return error != 0;
}
