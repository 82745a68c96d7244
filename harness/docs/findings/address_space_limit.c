// mmap fails with ENOMEM where the process would have more memory than RLIMIT_AS or RLIMIT_DATA lets it.
//
// getrlimit(2): RLIMIT_AS "affects calls to brk(2), mmap(2), and mremap(2), which fail with the error ENOMEM upon
// exceeding this limit"; RLIMIT_DATA does so for private writable memory since Linux 4.7, commit 84638335900f.
// Seen: qemu-x86_64 11.1.3 keeps neither limit; Valgrind 3.27.1 and gVisor 20240729 do not keep RLIMIT_DATA.
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Returns whether mmap of 64 MiB fails with ENOMEM under a limit of 1 MiB.
static int keeps(int resource, const char *name)
{
	fflush(stdout);
	if (fork() == 0) {
		struct rlimit limit = { 1 << 20, 1 << 20 };
		if (setrlimit(resource, &limit)) _exit(2);
		void *map = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		_exit(map == MAP_FAILED && errno == ENOMEM);
	}
	int status;
	wait(&status);
	int kept = WIFEXITED(status) && WEXITSTATUS(status) == 1;
	printf("%s: expected: ENOMEM; got: %s\n", name, kept ? "ENOMEM" : "another end");
	return kept;
}

int main(void)
{
	int as = keeps(RLIMIT_AS, "RLIMIT_AS"), data = keeps(RLIMIT_DATA, "RLIMIT_DATA");
	return !(as && data);
}
