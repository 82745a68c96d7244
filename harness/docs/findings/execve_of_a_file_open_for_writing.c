// execve of a file that is open for writing fails with ETXTBSY, and the caller goes on.
//
// execve(2), ERRORS: "ETXTBSY The specified executable was open for writing by one or more processes".
// Seen: Valgrind 3.27.1 (--tool=none) ends the program: "EXEC FAILED: I can't recover from execve() failing, so I'm
// dying". gVisor 20240729 runs the file.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	static char bytes[1 << 16];
	int from = open("/bin/true", O_RDONLY), fd = open("finding-program", O_RDWR | O_CREAT | O_TRUNC, 0755);
	for (long count; (count = read(from, bytes, sizeof bytes)) > 0;)
		if (write(fd, bytes, count) != count) return 2;
	if (fork() == 0) {
		execl("./finding-program", "finding-program", (char *)NULL);
		_exit(errno == ETXTBSY ? 42 : 43);
	}
	int status;
	wait(&status);
	unlink("finding-program");
	int agrees = WIFEXITED(status) && WEXITSTATUS(status) == 42;
	printf("expected: ETXTBSY\ngot: %s (wait status %#x)\n", agrees ? "ETXTBSY" : "another end", (unsigned)status);
	return !agrees;
}
