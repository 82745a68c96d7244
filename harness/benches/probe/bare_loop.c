/* The yardstick: what it costs to fork a child, map two pages of a file of 2200 bytes, touch the byte at
 * 4096, die of SIGBUS, and wait for it. Nothing is recorded and nothing is isolated, but for the layers
 * asked for by number. Prints the microseconds of each round.
 *
 * usage: bare_loop CHILDREN ROUNDS LAYERS DIR
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    OWN_FILE = 1,        /* a file of its own, made without a name */
    HANDLER = 2,         /* siginfo recorded on an alternate stack, in shared memory */
    DEADLINE = 4,        /* SIGCHLD is held back, and waited for until a deadline */
    LEFT = 8,            /* a process group of its own, and a look at who else is left */
    DEATH_SIGNAL = 16,   /* PR_SET_PDEATHSIG, and the look at the parent */
    NO_CORE = 32,        /* RLIMIT_CORE, set once */
    USER_NAMESPACE = 64, /* user and pid namespaces, a new pair for each child */
};

enum { SIZE = 2200, PAGE = 4096 };

static volatile uint64_t *record;
static char content[SIZE];
static sigset_t chld;
static int child_list;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)context;
    record[0] = (uint64_t)signal;
    record[1] = (uint64_t)info->si_code;
    record[2] = (uint64_t)(uintptr_t)info->si_addr;
}

static int own_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 || pwrite(fd, content, SIZE, 0) != SIZE)
        fail(dir);
    return fd;
}

static void one(int layers, int shared_fd, const char *dir)
{
    int fd = layers & OWN_FILE ? own_file(dir) : shared_fd;
    int status;
    pid_t parent = getpid(), pid;

    if (layers & USER_NAMESPACE)
        pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER | CLONE_NEWPID, 0, 0, 0, 0);
    else
        pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        if (layers & LEFT)
            setpgid(0, 0);
        if (layers & DEADLINE)
            sigprocmask(SIG_UNBLOCK, &chld, 0);
        if (layers & DEATH_SIGNAL) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent)
                _exit(2);
        }
        char *map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        _exit(((volatile char *)map)[PAGE]);
    }
    if (layers & DEADLINE) {
        struct timespec limit = { .tv_sec = 5 };
        siginfo_t ended;
        if (sigtimedwait(&chld, &ended, &limit) != SIGCHLD || ended.si_pid != pid)
            fail("sigtimedwait");
    }
    if (layers & LEFT) {
        char list[64];
        siginfo_t ended;
        if (!(layers & DEADLINE) && waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) != 0)
            fail("waitid");
        if (pread(child_list, list, sizeof list, 0) <= 0)
            fail("/proc/self/task/.../children");
    }
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS) {
        fprintf(stderr, "the child did not die of SIGBUS: status %#x\n", status);
        exit(1);
    }
    if (layers & HANDLER && record[2] == 0)
        exit(1);
    if (layers & OWN_FILE)
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int children = atoi(argv[1]), rounds = atoi(argv[2]), layers = atoi(argv[3]);
    int shared_fd = own_file(argv[4]);

    record = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    if (layers & DEADLINE)
        sigprocmask(SIG_BLOCK, &chld, 0);
    if (layers & LEFT) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        child_list = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (layers & NO_CORE) {
        struct rlimit none = { 1, 1 };
        setrlimit(RLIMIT_CORE, &none);
    }
    if (layers & HANDLER) {
        static char stack[32 * 1024];
        stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
        struct sigaction action = { .sa_sigaction = on_fault };
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
        sigaltstack(&alternate, 0);
        sigaction(SIGBUS, &action, 0);
        sigaction(SIGSEGV, &action, 0);
    }
    for (int round = 0; round < rounds; round++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int child = 0; child < children; child++)
            one(layers, shared_fd, argv[4]);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double us = (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
        printf("%.2f\n", us / children);
    }
    return 0;
}
