// Two names of one file have one inode number.
//
// inode(7): "Each file in a filesystem has a unique inode number ... (inode) stat.st_ino"; POSIX.1-2024
// <sys/stat.h>: "The st_ino and st_dev fields taken together uniquely identify the file within the system." tar(1),
// rsync(1) and cp -a find hard links by it.
// Seen: unionfs-fuse 1.0 gives each name another number.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	int fd = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct stat a, b;
	if (fd < 0 || link("finding-a", "finding-b") || stat("finding-a", &a) || stat("finding-b", &b)) return 2;
	printf("expected: one number\ngot: %lu and %lu\n", (unsigned long)a.st_ino, (unsigned long)b.st_ino);
	unlink("finding-a");
	unlink("finding-b");
	return a.st_ino != b.st_ino;
}
