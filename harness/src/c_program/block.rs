//! A block is made by another process: a `fork` block by a child where it stands, and a `process` block by a function
//! of its own, in a process that was started before the first step. The main type is [`Steps`], of which these are the
//! blocks.

use super::Unsayable;
use super::steps::Steps;
use crate::case::{BlockKind, Step};

impl Steps<'_> {
    /// Says a block that a child makes.
    pub fn fork(&mut self, steps: &[Step], step: usize) -> Result<(), Unsayable> {
        self.line("if ((pid = child()) == 0) {");
        let frame = self.frame().inner(BlockKind::Fork, step + 1);
        self.frames.push(frame);
        let begin = self.lines.len();
        let end = self.block(steps)?;
        self.line("_exit(0);");
        if let Some(frame) = self.frames.pop() {
            let depth = self.depth() + 1;
            let declared = frame.declarations(&self.lines[begin..], depth);
            self.lines.splice(begin..begin, declared);
        }
        self.line("}");
        self.line(format!("EXPECT({end}, ended(pid));"));
        Ok(())
    }

    /// Says a block that an unrelated process makes.
    pub fn process(&mut self, steps: &[Step], step: usize) -> Result<(), Unsayable> {
        let number = self.numbers.processes.get(&step).copied().unwrap_or(1);
        let frame = self.frame().inner(BlockKind::Process, step + 1);
        self.frames.push(frame);
        let around = std::mem::take(&mut self.lines);
        let end = self.block(steps)?;
        let inner = std::mem::replace(&mut self.lines, around);
        let declared = self.frames.pop().map(|frame| frame.declarations(&inner, 1));
        let lines = &mut self.functions.lines;
        lines.push("// It is started before the first step, and has none of the maps.".to_owned());
        lines.push(format!("static void process_{number}(void)"));
        lines.push("{".to_owned());
        lines.extend(declared.unwrap_or_default());
        lines.push("\tprctl(PR_SET_PDEATHSIG, SIGKILL);".to_owned());
        lines.push(format!("\twhile (told->go < {number}) usleep(100);"));
        lines.extend(inner);
        lines.extend(["\t_exit(0);", "}", ""].map(str::to_owned));
        self.ahead.push(format!("\tpid_t pid_{number} = child();"));
        self.ahead.push(format!("\tif (pid_{number} == 0) process_{number}();"));
        self.line(format!("told->came = 0, told->go = {number};"));
        self.line(format!("EXPECT({end}, ended(pid_{number}));"));
        Ok(())
    }
}
