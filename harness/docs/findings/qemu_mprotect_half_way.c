// A store to a page that a failed mprotect may have made read-only is done, or raises SIGSEGV. It does not hang.
//
// POSIX.1-2024 mprotect: "If mprotect() fails for reasons other than [EINVAL], the protections on some of the pages
// in the range starting at address addr ... may have been changed." Linux has changed the pages before the first
// that is not mapped. (do_mprotect_pkey in mm/mprotect.c)
// Seen: qemu-x86_64 11.1.3 never returns from the store. The host has changed the page. QEMU seems to have noted
// nothing, to take the fault for one that its own protection of translated code has raised, and to repeat the store.
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(map + 2 * page, page);
	pid_t pid = fork();
	if (pid == 0) {
		mprotect(map + page, 2 * page, PROT_READ); // fails with ENOMEM
		*(volatile char *)(map + page) = 1;
		_exit(0);
	}
	int status = 0, waited = 0;
	for (; waited < 30 && waitpid(pid, &status, WNOHANG) == 0; waited++)
		usleep(100000);
	if (waited == 30) kill(pid, SIGKILL);
	printf("expected: the store is done, or SIGSEGV\ngot: %s\n", waited == 30 ? "the store never returns" :
		WIFSIGNALED(status) ? "a signal" : "the store is done");
	return waited == 30;
}
