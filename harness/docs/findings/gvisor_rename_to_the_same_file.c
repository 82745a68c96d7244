// rename between two names of one file does nothing, and both names stay.
//
// rename(2): "If oldpath and newpath are existing hard links referring to the same file, then rename() does nothing,
// and returns a success status." POSIX.1-2024 rename says the same.
// Seen: gVisor 20240729 removes the old name.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT, 0644);
	if (fd < 0 || link("finding-a", "finding-b")) return 2;
	int error = rename("finding-a", "finding-b") ? errno : 0;
	int both = access("finding-a", F_OK) == 0 && access("finding-b", F_OK) == 0;
	printf("expected: 0, and both names are there\ngot: %s, and %s\n", error ? strerror(error) : "0",
		both ? "both names are there" : "a name is gone");
	unlink("finding-a");
	unlink("finding-b");
	return error || !both;
}
