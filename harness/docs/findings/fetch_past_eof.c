// A jump to a page past the end of a mapped file raises SIGBUS, which a handler can take.
//
// mmap(2), ERRORS: "SIGBUS Attempted access to a page of the buffer that lies beyond the end of the mapped file";
// POSIX.1-2024 mmap, DESCRIPTION. A fetch is an access.
// Seen: qemu-x86_64 11.1.3 ends the process: "QEMU internal SIGBUS {code=ADRERR, ...}". Valgrind 3.27.1
// (--tool=none) ends it, too: "VALGRIND INTERNAL ERROR: Valgrind received a signal 7 (SIGBUS) - exiting". Both
// translate the code before it runs, and read it with a load of their own.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_fault(int number)
{
	_exit(number == SIGBUS ? 42 : 43);
}

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *file = tmpfile();
	if (!file) return 2;
	char *map = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(file), 0);
	if (map == MAP_FAILED) return 2; // the file system is mounted with noexec
	if (fork() == 0) {
		signal(SIGBUS, on_fault);
		signal(SIGSEGV, on_fault);
		void (*code)(void);
		memcpy(&code, &map, sizeof code);
		code();
		_exit(44);
	}
	int status;
	wait(&status);
	int handled = WIFEXITED(status) && WEXITSTATUS(status) == 42;
	printf("expected: the handler is called\ngot: %s (wait status %#x)\n",
		handled ? "that" : "the process ended without it", (unsigned)status);
	return !handled;
}
