//! The bare loop in C.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cores::{pin, together};

/// The layers of bare_loop.c, by number.
pub const LAYERS: [(&str, u32); 7] = [
    ("nothing but the fork", 0),
    ("a file of its own", 1),
    ("siginfo recorded, on a stack of its own", 2),
    ("a deadline: SIGCHLD, waited for", 4),
    ("a process group, and a look at who is left", 8),
    ("PR_SET_PDEATHSIG", 16),
    ("RLIMIT_CORE", 32),
];
pub const OWN_FILE: u32 = 1;
/// All of [`LAYERS`].
pub const EVERYTHING: u32 = 63;
pub const NAMESPACES: u32 = 64;

/// The loop, compiled.
pub struct Yardstick {
    program: Option<PathBuf>,
    dir: &'static str,
}

impl Yardstick {
    /// Linked statically where that works; without a C compiler there is none, and that is said.
    pub fn compile(dir: &'static str) -> Yardstick {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/probe/bare_loop.c");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare_loop");
        let link = |flags: &[&str]| {
            let mut cc = Command::new("cc");
            cc.arg("-O2").args(flags).arg(&source).arg("-o").arg(&program);
            cc.status().is_ok_and(|status| status.success())
        };
        let linked = link(&["-static"]) || link(&[]);
        if !linked {
            println!("no C compiler `cc`: the bare loop is skipped");
        }
        Yardstick { program: linked.then_some(program), dir }
    }

    /// Microseconds a child with these layers, where there is a loop of so many on each of these cores; `None`
    /// where that cannot be measured.
    pub fn child(&self, cores: &[usize], layers: u32, children: u32) -> Option<f64> {
        let program = self.program.as_ref()?;
        let start = |core: &usize| {
            pin(&[*core]);
            let mut command = Command::new(program);
            command.args([&children.to_string(), "1", &layers.to_string(), self.dir]);
            command.stdout(Stdio::piped()).spawn()
        };
        let loops: Vec<_> = cores.iter().map(start).collect();
        let told = loops.into_iter().map(|each| {
            let output = each.ok()?.wait_with_output().ok();
            let output = output.filter(|output| output.status.success())?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        });
        told.collect::<Option<Vec<f64>>>().map(|each| together(&each))
    }
}
