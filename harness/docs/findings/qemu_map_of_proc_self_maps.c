// A file of /proc/self that is a sequence of records cannot be mapped: mmap fails with ENODEV.
//
// mmap(2), ERRORS: "ENODEV The underlying filesystem of the specified file does not support memory mapping".
// Seen: qemu-x86_64 11.1.3 maps /proc/self/maps.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	int fd = open("/proc/self/maps", O_RDONLY);
	if (fd < 0) return 2;
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	int error = map == MAP_FAILED ? errno : 0;
	printf("expected: %s\ngot: %s\n", strerror(ENODEV), error ? strerror(error) : "a map");
	return error != ENODEV;
}
