// copy_file_range copies bytes between two files.
//
// copy_file_range(2), since Linux 4.5.
// Seen: gVisor 20240729 fails with ENOSYS.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	FILE *from = tmpfile(), *to = tmpfile();
	if (!from || !to || write(fileno(from), "hello", 5) != 5) return 2;
	off_t zero = 0;
	long count = copy_file_range(fileno(from), &zero, fileno(to), NULL, 5, 0);
	printf("expected: 5\ngot: %ld (%s)\n", count, count < 0 ? strerror(errno) : "no error");
	return count != 5;
}
