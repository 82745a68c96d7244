// A load from mapped memory without PROT_READ raises SIGSEGV with si_code SEGV_ACCERR.
//
// sigaction(2): SEGV_MAPERR "Address not mapped to object", SEGV_ACCERR "Invalid permissions for mapped object".
// Seen: gVisor 20240729 gives SEGV_MAPERR (1).
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	dprintf(1, "expected: signal %d, si_code %d\ngot: signal %d, si_code %d\n", SIGSEGV, SEGV_ACCERR, signal,
		info->si_code);
	_exit(signal != SIGSEGV || info->si_code != SEGV_ACCERR);
}

int main(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, NULL);
	char *map = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return *(volatile char *)map + 1;
}
