// rename of a directory over one that is not empty fails with ENOTEMPTY or EEXIST.
//
// rename(2), ERRORS: "ENOTEMPTY or EEXIST newpath is a nonempty directory"; EXDEV is for names that "are not on the
// same mounted filesystem". mv(1) copies the directory where it is told EXDEV.
// Seen: mergerfs 2.40.2, with one branch, fails with EXDEV.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	if (mkdir("finding-a", 0755) || mkdir("finding-b", 0755)) return 2;
	close(open("finding-b/file", O_RDWR | O_CREAT, 0644));
	int error = rename("finding-a", "finding-b") ? errno : 0;
	printf("expected: %s\ngot: %s\n", strerror(ENOTEMPTY), error ? strerror(error) : "0");
	unlink("finding-b/file");
	rmdir("finding-b");
	rmdir("finding-a");
	return error != ENOTEMPTY && error != EEXIST;
}
