// MADV_FREE of a map of a file fails with EINVAL.
//
// madvise(2), MADV_FREE: "The MADV_FREE operation can be applied only to private anonymous pages (see mmap(2))";
// Linux answers with EINVAL (mm/madvise.c, madvise_free_single_vma).
// Seen: qemu-x86_64 11.1.3 returns 0, and does nothing. An allocator that tries MADV_FREE first, and MADV_DONTNEED
// if that fails, keeps its memory for ever.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *file = tmpfile();
	if (!file || ftruncate(fileno(file), page)) return 2;
	void *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0);
	int error = madvise(map, page, MADV_FREE) ? errno : 0;
	printf("expected: %s\ngot: %s\n", strerror(EINVAL), error ? strerror(error) : "0");
	return error != EINVAL;
}
