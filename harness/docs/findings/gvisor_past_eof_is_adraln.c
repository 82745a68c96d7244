// A load past the end of a mapped file raises SIGBUS with si_code BUS_ADRERR.
//
// sigaction(2), BUS_ADRERR "Nonexistent physical address", BUS_ADRALN "Invalid address alignment"; mmap(2), ERRORS,
// SIGBUS. Linux: do_sigbus in arch/x86/mm/fault.c gives BUS_ADRERR.
// Seen: gVisor 20240729 gives BUS_ADRALN (1), for each access to each map past the end of its file.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	dprintf(1, "expected: signal %d, si_code %d\ngot: signal %d, si_code %d\n", SIGBUS, BUS_ADRERR, signal,
		info->si_code);
	_exit(signal != SIGBUS || info->si_code != BUS_ADRERR);
}

int main(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGBUS, &action, NULL);
	FILE *file = tmpfile(); // of no bytes
	if (!file) return 2;
	char *map = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fileno(file), 0);
	return *(volatile char *)map + 1;
}
