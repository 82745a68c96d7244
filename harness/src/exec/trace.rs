//! The program must run as if nobody traced it, and its last moment must be seen: a [`Tracer`] passes on every signal,
//! and looks at a process before a fault ends it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::libc::{self, SIGABRT, SIGBUS};

use super::cause::{Cause, is_explained};
use super::file_process::FileProcess;
use super::handled::HandledFaults;
use super::live::{self, Raised, Stopped};
use super::registers::Registers;
use super::report::Reporter;
use super::scene::{Fate, Scene};
use super::tracers::is_tracer;
use super::watch;
use crate::case::Signal;
use crate::sys::tracing::{self, Why};
use crate::vocabulary::linux::SI_KERNEL;

/// The processes of a program, and what is to be told of them.
pub struct Tracer {
    pub reporter: Reporter,
    /// Handled faults are told as well.
    pub tells_all: bool,
    /// Gets the number of the signal of each report, as one byte.
    pub told: Option<File>,
    /// A filter asks at each map of a file.
    pub is_watching: bool,
    pub processes: HashMap<i32, Process>,
    pub files: FileProcess,
}

/// A process that is traced.
#[derive(Default)]
pub struct Process {
    handled: HandledFaults,
    /// A report was written: there is one for each process, though several threads may fault at once.
    is_told: bool,
    /// A fault that is told once it is known that its handler runs.
    held: Option<Scene>,
    /// The signal whose handler was running when the fault that ends it was raised.
    within_handler: Option<Signal>,
    /// Of files by their inodes: the bytes that each had when it was last mapped.
    sizes: HashMap<u64, u64>,
}

/// The action of a process for a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Handled,
    Ignored,
    Default,
}

impl Tracer {
    /// The descriptors that it needs.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.told.iter().chain(self.reporter.file()).map(File::as_fd).collect()
    }

    /// Traces until all processes have ended. `first` is the one that was started: once that has ended, others get
    /// the reports where they have their standard error, as nobody else must keep that open.
    pub fn run(&mut self, first: i32) {
        while let Some(stop) = tracing::next_stop() {
            let thread = stop.thread;
            let resumed = match stop.why {
                Why::Ended => {
                    self.processes.remove(&thread);
                    if thread == first {
                        self.reporter.leave_standard_error();
                    }
                    continue;
                }
                Why::StoppedByJobControl => tracing::listen(thread),
                Why::Signal(signal) => {
                    self.at_signal(thread, signal);
                    tracing::resume(thread, signal)
                }
                Why::NewProgram(_) if self.is_let_go(thread) => tracing::detach(thread),
                why => {
                    match why {
                        Why::Made(made) => {
                            if let (Some(by), Some(made)) = (process_of(thread), process_of(made)) {
                                self.inherits_sizes(by, made);
                            }
                        }
                        Why::Nothing if self.is_watching => {
                            if let Some(own) = live::status(thread) {
                                self.inherits_sizes(own.ppid, own.tgid);
                            }
                        }
                        Why::NewProgram(_) => {
                            self.tell_held(thread, true);
                            self.processes.remove(&thread);
                        }
                        Why::Ends(status) => self.at_end(thread, status),
                        Why::FilteredCall => self.at_map(thread),
                        _ => {}
                    }
                    tracing::resume(thread, 0)
                }
            };
            // ESRCH: something has killed the thread while it was stopped. Its end is told next.
            let _ = resumed;
        }
    }

    /// True if a process has become a program that traces others. A thread has one tracer (ptrace(2)), and these would
    /// fail. With a filter that asks the tracer, each map of a file would fail instead.
    fn is_let_go(&mut self, process: i32) -> bool {
        let program = std::fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let is_let_go = !self.is_watching && is_tracer(&name);
        if is_let_go {
            self.processes.remove(&process);
        }
        is_let_go
    }

    fn at_signal(&mut self, thread: i32, signal: i32) {
        let is_fault = is_explained(signal);
        if !is_fault && (signal != SIGABRT || self.processes.is_empty()) {
            return;
        }
        let Ok(info) = tracing::signal_info(thread) else { return };
        let Some((process, action)) = action(thread, signal) else { return };
        if self.processes.get(&process).is_some_and(|own| own.is_told) {
            return;
        }
        let Some(registers) = Registers::of_thread(process, thread) else { return };
        let is_sent = info.code <= 0 || !is_fault;
        let own = self.processes.get(&process);
        let undelivered = own.and_then(|own| own.handled.undelivered(thread, &registers));
        self.tell_held(process, info.code != SI_KERNEL || undelivered.is_none());
        let raised = Raised { info, thread, registers };
        match action {
            Action::Handled if is_sent => {}
            Action::Handled => {
                if self.tells_all {
                    self.tell_handled(Stopped { process, thread }, &raised);
                }
                self.processes.entry(process).or_default().handled.keep(raised);
            }
            Action::Default if is_sent => self.ends_by_sent(process, &raised),
            Action::Ignored if is_sent => {}
            // Ignored or blocked, a fault ends the process all the same. (kernel/signal.c: force_sig_info_to_task)
            _ => {
                self.ends_by_fault(process, raised);
                self.tell(signal);
            }
        }
    }

    /// A fault ends a process, though another one of it may be the reason.
    fn ends_by_fault(&mut self, process: i32, raised: Raised) {
        let Raised { info, thread, .. } = raised;
        let at = Stopped { process, thread };
        let own = self.processes.entry(process).or_default();
        if info.code == SI_KERNEL {
            if let Some(earlier) = own.handled.undelivered(thread, &raised.registers).cloned() {
                return self.report(at, &earlier, Fate::HandlerHasNoStack);
            }
        }
        let live = own.handled.live(process, thread);
        match live.filter(|live| live.registers.sp != raised.registers.sp) {
            // A handler that has sent the siginfo that it got. (rt_tgsigqueueinfo(2))
            Some(live) if live.info == info => self.report(at, &live, Fate::Ends),
            live => {
                own.within_handler = live.map(|live| Signal(live.info.signal));
                self.report(at, &raised, Fate::Ends);
            }
        }
    }

    /// A signal that was sent ends a process: as a rule abort(3), or a handler that restores the default action and
    /// raises its signal once more. The fault that was handled before is the reason then.
    fn ends_by_sent(&mut self, process: i32, sent: &Raised) {
        let Raised { info, thread, .. } = sent;
        let at = Stopped { process, thread: *thread };
        let own = self.processes.entry(process).or_default();
        let last = own.handled.last();
        let is_reason = |last: &&Raised| {
            let is_raised_again = last.info.signal == info.signal && last.thread == *thread;
            is_raised_again || (info.signal == SIGABRT && last.info.signal == SIGBUS)
        };
        let has_handled = last.is_some();
        let live = own.handled.live(process, *thread);
        let is_running = live.is_some();
        match live.or(last.filter(is_reason).cloned()) {
            Some(raised) => {
                let ending = format!("was ended by {}", Signal(info.signal));
                let fate = Fate::WasHandled { is_running, ending };
                self.report(at, &raised, fate);
                self.tell(info.signal);
            }
            None if info.signal != SIGABRT => {
                self.report(at, sent, Fate::Ends);
                self.tell(info.signal);
            }
            None if has_handled => {
                let remark = "aborts. It has handled faults before, which `--all` tells";
                self.reporter.remark(process, &format!("process {process} {remark}"));
                self.processes.entry(process).or_default().is_told = true;
            }
            None => {}
        }
    }

    /// A thread ends. Where its process has handled a fault and now fails, the fault may be why.
    ///
    /// A fault may also end a process that has handled it: between the stop and the delivery another thread can restore
    /// the default action, as Rust's own handler does. (kernel/signal.c, get_signal: the action is read after the stop)
    fn at_end(&mut self, thread: i32, status: i32) {
        if let (false, Some(process)) = (self.processes.is_empty(), process_of(thread)) {
            self.tell_held(process, true);
        }
        let failed = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) != 0;
        let ended_by = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
        if !(failed || ended_by.is_some()) || self.processes.is_empty() {
            return;
        }
        let Some(process) = process_of(thread) else { return };
        let Some(own) = self.processes.get(&process).filter(|own| !own.is_told) else { return };
        let last = |signal| own.handled.last().filter(|last| last.info.signal == signal).cloned();
        if let Some(signal) = ended_by {
            if let Some(raised) = last(signal) {
                self.report(Stopped { process, thread }, &raised, Fate::Ends);
                self.tell(signal);
            }
            return;
        }
        if live::is_in_call(thread, libc::SYS_exit) && live::has_other_threads(process) {
            return;
        }
        let live = own.handled.live(process, thread);
        let is_running = live.is_some();
        if let Some(raised) = live.or_else(|| last(SIGBUS)) {
            let ending = format!("exited with {}", libc::WEXITSTATUS(status));
            self.report(
                Stopped { process, thread },
                &raised,
                Fate::WasHandled { is_running, ending },
            );
        }
    }

    /// Reports the fault of a process, once and for all. Of the thread it is only wanted that it stands still now: the one
    /// that has raised the fault may be gone.
    fn report(&mut self, at: Stopped, raised: &Raised, fate: Fate) {
        self.processes.entry(at.process).or_default().is_told = true;
        self.write(at, raised, fate);
    }

    /// Tells of a fault that has a handler. Where the stack is full, its handler may have no room for its signal frame.
    /// The next stop tells.
    fn tell_handled(&mut self, at: Stopped, raised: &Raised) {
        let scene = self.scene(at, raised, Fate::IsHandled);
        match Cause::of(&scene) {
            Cause::StackOverflow => {
                self.processes.entry(at.process).or_default().held = Some(scene);
            }
            _ => drop(self.reporter.report(&scene)),
        }
    }

    /// Tells of the fault that was held back, if it was handled.
    fn tell_held(&mut self, process: i32, is_handled: bool) {
        let held = self.processes.get_mut(&process).and_then(|own| own.held.take());
        if let Some(scene) = held.filter(|_| is_handled) {
            let _ = self.reporter.report(&scene);
        }
    }

    fn write(&mut self, at: Stopped, raised: &Raised, fate: Fate) {
        let scene = self.scene(at, raised, fate);
        let _ = self.reporter.report(&scene);
    }

    fn scene(&mut self, at: Stopped, raised: &Raised, fate: Fate) -> Scene {
        let own = self.processes.entry(at.process).or_default();
        let scene = live::scene(at, raised, &self.files);
        let mut scene = Scene { fate, within_handler: own.within_handler, ..scene };
        if let (Some(inode), Some(file)) = (scene.map().map(|map| map.inode), &mut scene.file) {
            file.size_when_mapped = own.sizes.get(&inode).copied();
        }
        scene
    }

    /// Tells the signal that ends a process.
    fn tell(&mut self, signal: i32) {
        if let Some(told) = &mut self.told {
            // It fails where nobody waits for it any more.
            let _ = told.write_all(&[signal as u8]);
        }
    }

    fn at_map(&mut self, thread: i32) {
        let Some(descriptor) = watch::mapped_descriptor(thread) else { return };
        let file = super::file::of_descriptor(thread, descriptor);
        if let (Some((inode, size)), Some(process)) = (file, process_of(thread)) {
            self.processes.entry(process).or_default().sizes.insert(inode, size);
        }
    }

    /// A new process has the maps of the one that has made it. Which of both stops first is open, so either stop does.
    fn inherits_sizes(&mut self, parent: i32, child: i32) {
        if !self.is_watching || parent == child {
            return;
        }
        let Some(sizes) = self.processes.get(&parent).map(|own| own.sizes.clone()) else { return };
        let own = &mut self.processes.entry(child).or_default().sizes;
        sizes.into_iter().for_each(|(inode, size)| {
            own.entry(inode).or_insert(size);
        });
    }
}

/// The process of a thread.
fn process_of(thread: i32) -> Option<i32> {
    live::status(thread).map(|status| status.tgid)
}

/// The process of a thread, and its action for a signal.
fn action(thread: i32, signal: i32) -> Option<(i32, Action)> {
    let status = live::status(thread)?;
    let has = |set: u64| set & (1 << (signal - 1)) != 0;
    let action = match (has(status.sigcgt), has(status.sigign)) {
        (true, _) => Action::Handled,
        (false, true) => Action::Ignored,
        (false, false) => Action::Default,
    };
    Some((status.tgid, action))
}
