// lseek knows SEEK_DATA and SEEK_HOLE.
//
// lseek(2): "In the simplest implementation, a filesystem can support the operations by making SEEK_HOLE always
// return the offset of the end of the file, and making SEEK_DATA always return offset"; ENXIO past the end.
// POSIX.1-2024 lseek has both.
// Seen: gVisor 20240729 fails with EINVAL.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	FILE *file = tmpfile();
	int fd = file ? fileno(file) : -1;
	if (fd < 0 || write(fd, "hello", 5) != 5) return 2;
	long data = lseek(fd, 0, SEEK_DATA), hole = lseek(fd, 0, SEEK_HOLE);
	int error = hole < 0 ? errno : 0;
	long past = lseek(fd, 5, SEEK_DATA);
	int past_error = past < 0 ? errno : 0;
	printf("expected: data at 0, a hole at 5, then ENXIO\ngot: data at %ld, a hole at %ld (%s), then %s\n", data, hole,
		error ? strerror(error) : "no error", strerror(past_error));
	return data != 0 || hole != 5 || past_error != ENXIO;
}
