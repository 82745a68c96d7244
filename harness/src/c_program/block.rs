//! A block is made by another process: a `fork` block by a child where it stands, and a `process` block by a function
//! of its own, in a process that was started before the first step. The main type is [`Steps`], of which these are the
//! blocks.

use super::Unsayable;
use super::steps::Steps;
use super::text::LIMIT;
use crate::case::{BlockKind, Step};

impl Steps<'_> {
    /// Says a block that a child makes.
    pub fn fork(&mut self, steps: &[Step], step: usize) -> Result<(), Unsayable> {
        self.line(format!("pid_t pid_{step} = fork();"));
        self.line(format!("if (pid_{step} == 0) {{"));
        let frame = self.frame().inner(BlockKind::Fork, step + 1);
        self.frames.push(frame);
        self.line(LIMIT);
        self.block(steps)?;
        self.line("_exit(0);");
        self.frames.pop();
        self.line("}");
        self.ended(steps, step);
        Ok(())
    }

    /// Says that the process of a block is waited for.
    fn ended(&mut self, steps: &[Step], step: usize) {
        self.line(format!("ended(pid_{step});"));
        if self.expected.probe.is_none() && sweeps(steps) {
            self.line("if (now->probed) _exit(0); // the access was one of that process");
        }
    }

    /// Says a block that an unrelated process makes.
    pub fn process(&mut self, steps: &[Step], step: usize) -> Result<(), Unsayable> {
        let number = self.numbers.processes.get(&step).copied().unwrap_or(1);
        let frame = self.frame().inner(BlockKind::Process, step + 1);
        self.frames.push(frame);
        let around = std::mem::take(&mut self.lines);
        self.block(steps)?;
        let inner = std::mem::replace(&mut self.lines, around);
        self.frames.pop();
        let lines = &mut self.functions.processes;
        lines.push(String::new());
        lines.push("// It is started before the first step, and has none of the maps.".to_owned());
        lines.push(format!("static void process_{number}(void)"));
        lines.push("{".to_owned());
        lines.push("\tprctl(PR_SET_PDEATHSIG, SIGKILL);".to_owned());
        lines.push(format!("\t{LIMIT}"));
        lines.push(format!("\twhile (now->go < {number}) usleep(100);"));
        lines.extend(inner);
        lines.extend(["\t_exit(0);", "}"].map(str::to_owned));
        self.ahead.push(format!("\tpid_t pid_{step} = fork();"));
        self.ahead.push(format!("\tif (pid_{step} == 0) process_{number}();"));
        self.line(format!("now->go = {number};"));
        self.ended(steps, step);
        Ok(())
    }
}

/// True where a step of a block, or of one within it, is a sweep.
fn sweeps(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Sweep { .. } => true,
        Step::Block { steps, .. } => sweeps(steps),
        _ => false,
    })
}
