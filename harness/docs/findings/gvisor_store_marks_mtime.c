// A store to a shared map of a file changes the file's st_mtime, at the latest with msync.
//
// mmap(2), NOTES: "The st_ctime and st_mtime field for a file mapped with PROT_WRITE and MAP_SHARED will be updated
// after a write to the mapped region, and before a subsequent msync(2) with the MS_SYNC or MS_ASYNC flag, if one
// occurs."
// Seen: gVisor 20240729 does not change it. make(1) and rsync(1) then do not see that the file was written.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	struct timespec long_ago[2] = { { 7, 0 }, { 5, 0 } };
	struct stat stat;
	FILE *file = tmpfile();
	if (!file || ftruncate(fileno(file), 100)) return 2;
	char *map = mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	if (map == MAP_FAILED || futimens(fileno(file), long_ago)) return 2;
	map[0] = 'x';
	if (msync(map, 100, MS_SYNC) || fstat(fileno(file), &stat)) return 2;
	printf("expected: st_mtime later than 5\ngot: %ld\n", (long)stat.st_mtime);
	return stat.st_mtime == 5;
}
