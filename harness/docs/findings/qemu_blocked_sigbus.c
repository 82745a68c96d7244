// A fault whose signal is blocked ends the process.
//
// POSIX leaves it undefined (sigprocmask(2), NOTES). On Linux, force_sig_info_to_task in kernel/signal.c takes a
// blocked signal out of the mask and gives it its default action.
// Seen: qemu-x86_64 11.1.3 never returns from the load.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *file = tmpfile(); // of no bytes: each byte of the map is past its end
	if (!file) return 2;
	char *map = mmap(NULL, page, PROT_READ, MAP_SHARED, fileno(file), 0);
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t blocked;
		sigemptyset(&blocked);
		sigaddset(&blocked, SIGBUS);
		sigprocmask(SIG_BLOCK, &blocked, NULL);
		_exit(*(volatile char *)map);
	}
	int status = 0, waited = 0;
	for (; waited < 30 && waitpid(pid, &status, WNOHANG) == 0; waited++)
		usleep(100000);
	if (waited == 30) kill(pid, SIGKILL);
	int agrees = waited < 30 && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
	printf("expected: the process dies of SIGBUS\ngot: %s\n", waited == 30 ? "the load never returns" :
		agrees ? "it dies of SIGBUS" : "it ends in another way");
	return !agrees;
}
