// Two names of one file are one file: a store through a map by the one is seen through a map by the other.
//
// link(2): "This new name may be used exactly as the old one for any operation; both names refer to the same file
// (and so have the same permissions and ownership) and it is impossible to tell which name was the original".
// POSIX.1-2024 mmap, MAP_SHARED: "write references shall change the underlying object".
// Seen: the byte is the old one with bindfs 1.18.4, fuse2fs 1.47.4, mergerfs 2.40.2, unionfs-fuse 1.0, ntfs-3g
// 2026.9.28 and encfs 1.9.5: libfuse's path-based interface gives each name an inode of its own. fuse-overlayfs and
// gocryptfs, which have another interface, agree.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	int a = open("finding-a", O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (a < 0 || ftruncate(a, page) || link("finding-a", "finding-b")) return 2;
	int b = open("finding-b", O_RDWR);
	unsigned char *one = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	volatile unsigned char *other = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
	int before = other[0];
	one[0] = 'x';
	printf("expected: byte %d, then %d\ngot: byte %d, then %d\n", 0, 'x', before, other[0]);
	unlink("finding-a");
	unlink("finding-b");
	return before != 0 || other[0] != 'x';
}
