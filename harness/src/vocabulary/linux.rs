//! A case speaks of Linux, on whatever system it is parsed and predicted: the numbers are those of the kernel for the
//! architecture that this is compiled for. Another system's C library has others.

/// Makes a constant of each number of a header.
macro_rules! numbers {
    ($header:ident: $($name:ident)*) => {
        $(pub const $name: i32 = linux_raw_sys::$header::$name as i32;)*
    };
}

/// The same, and a table of the numbers and their names.
macro_rules! named_numbers {
    ($(#[$attribute:meta])* $table:ident = $header:ident: $($name:ident)*) => {
        numbers! { $header: $($name)* }
        $(#[$attribute])*
        pub const $table: &[(i32, &str)] = &[$(($name, stringify!($name)),)*];
    };
}

named_numbers! {
    /// The errnos.
    ERRNOS = errno:
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP
    ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL
    ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
    ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD
    ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
    EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
    ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
    EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
    ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL
    EHWPOISON
}

named_numbers! {
    /// The signals that have names.
    SIGNALS = general:
    SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2
    SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG
    SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS
}

named_numbers! {
    /// The codes that each signal can have. (sigaction(2), "The siginfo_t argument")
    SI_CODES = general:
    SI_KERNEL SI_USER SI_QUEUE SI_TIMER SI_MESGQ SI_ASYNCIO SI_TKILL
}

named_numbers! {
    /// The codes of SIGSEGV.
    SEGV_CODES = general:
    SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR SEGV_MTEAERR SEGV_MTESERR SEGV_CPERR
}

named_numbers! {
    /// The codes of SIGBUS.
    BUS_CODES = general:
    BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO
}

named_numbers! {
    /// The codes of SIGILL.
    ILL_CODES = general:
    ILL_ILLOPC ILL_ILLOPN
}

named_numbers! {
    /// The codes of SIGTRAP.
    TRAP_CODES = general:
    TRAP_BRKPT TRAP_TRACE
}

named_numbers! {
    /// The codes of SIGFPE.
    FPE_CODES = general:
    FPE_INTDIV
}

numbers! { general:
    PROT_READ PROT_WRITE PROT_EXEC PROT_GROWSDOWN PROT_GROWSUP
    MAP_TYPE MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_DROPPABLE MAP_FIXED MAP_FIXED_NOREPLACE
    MAP_ANONYMOUS MAP_LOCKED MAP_POPULATE MAP_NONBLOCK MAP_NORESERVE MAP_STACK MAP_GROWSDOWN
    MAP_HUGETLB MAP_SYNC
    MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP
    MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_DONTNEED MADV_FREE MADV_REMOVE MADV_DONTFORK
    MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP
    MADV_DODUMP MADV_WIPEONFORK MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ
    MADV_POPULATE_WRITE MADV_DONTNEED_LOCKED MADV_COLLAPSE MADV_GUARD_INSTALL MADV_GUARD_REMOVE
    MS_ASYNC MS_SYNC MS_INVALIDATE
    O_ACCMODE O_RDONLY O_WRONLY O_RDWR O_APPEND O_TRUNC O_DIRECT O_DIRECTORY O_PATH O_SYNC
    FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_COLLAPSE_RANGE FALLOC_FL_ZERO_RANGE
    FALLOC_FL_INSERT_RANGE FALLOC_FL_UNSHARE_RANGE
    MFD_ALLOW_SEALING MFD_HUGETLB MFD_EXEC MFD_NOEXEC_SEAL
    F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW F_SEAL_WRITE F_SEAL_FUTURE_WRITE F_SEAL_EXEC
    SIG_UNBLOCK SIG_SETMASK
    RLIMIT_AS RLIMIT_DATA RLIMIT_FSIZE RLIMIT_MEMLOCK RLIMIT_NOFILE
}

// No architecture has others, and linux-raw-sys has none of them: <asm-generic/mman-common.h>,
// <asm-generic/signal-defs.h>, <linux/ipc.h>, <linux/shm.h>.
pub const MAP_ANON: i32 = MAP_ANONYMOUS;
pub const SIG_DFL: i32 = 0;
pub const SIG_IGN: i32 = 1;
pub const IPC_PRIVATE: i32 = 0;
pub const IPC_RMID: i32 = 0;
pub const IPC_CREAT: i32 = 0o1000;
pub const IPC_EXCL: i32 = 0o2000;
pub const SHM_HUGETLB: i32 = 0o4000;
pub const SHM_NORESERVE: i32 = 0o10000;
pub const SHM_RDONLY: i32 = 0o10000;
pub const SHM_RND: i32 = 0o20000;
pub const SHM_REMAP: i32 = 0o40000;
pub const SHM_EXEC: i32 = 0o100000;

/// Returns the name of a number in one of the tables.
pub fn name_of(number: i32, table: &[(i32, &'static str)]) -> Option<&'static str> {
    table.iter().find(|(own, _)| *own == number).map(|(_, name)| *name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn the_names_are_those_of_the_c_library() {
        for (number, name) in ERRNOS {
            assert_eq!(format!("{:?}", nix::errno::Errno::from_raw(*number)), *name);
        }
        for (number, name) in SIGNALS {
            let signal = nix::sys::signal::Signal::try_from(*number);
            assert_eq!(signal.map(|signal| signal.as_str()), Ok(*name));
        }
    }

    #[test]
    fn numbers_that_are_typed_here_are_those_of_the_c_library() {
        assert_eq!((MAP_ANON, IPC_PRIVATE), (libc::MAP_ANON, libc::IPC_PRIVATE));
        assert_eq!((SIG_DFL as usize, SIG_IGN as usize), (libc::SIG_DFL, libc::SIG_IGN));
        assert_eq!(
            (IPC_RMID, IPC_CREAT, IPC_EXCL),
            (libc::IPC_RMID, libc::IPC_CREAT, libc::IPC_EXCL)
        );
        assert_eq!(
            (SHM_HUGETLB, SHM_NORESERVE, SHM_RDONLY),
            (libc::SHM_HUGETLB, libc::SHM_NORESERVE, libc::SHM_RDONLY)
        );
        assert_eq!(
            (SHM_RND, SHM_REMAP, SHM_EXEC),
            (libc::SHM_RND, libc::SHM_REMAP, libc::SHM_EXEC)
        );
    }
}
