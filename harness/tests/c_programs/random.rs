//! Random programs, as `explore` makes them, are said in C as well: what was measured of each is what its program sees.

use faultmap::Runner;
use faultmap::internals::c_program::{Expected, Source, Unsayable, c_program};
use faultmap::internals::explore::Search;
use faultmap::internals::model::Environment;
use faultmap::internals::parse;

use crate::compile::{DIR, agrees};

/// The number of programs, unless the variable PROGRAMS says another.
const PROGRAMS: u64 = 40;

pub fn random_programs_agree() {
    let page = rustix::param::page_size() as u64;
    let search = Search { seed: 1, environment: Environment::with_pages_of(page) };
    let asked = std::env::var("PROGRAMS").ok().and_then(|count| count.parse().ok());
    let count = asked.unwrap_or(PROGRAMS);
    let (mut said, mut wrong) = (0, Vec::new());
    for number in 0..count {
        let text = search.program(number);
        let case = parse::case(&text).expect("a case");
        // A child of the harness may not write to /proc, whoever runs it.
        if text.contains("/proc/") {
            continue;
        }
        let Ok(measurement) = Runner::new().directory(DIR).run(&case) else { continue };
        let source = Source::Measured { open: Vec::new(), unmodelled: None };
        let title = format!("program {number}");
        match c_program(&case, &Expected { title, page, measurement, source, probe: None }) {
            Ok(program) => wrong.extend(agrees(&program).err()),
            Err(Unsayable::NoAnswer(step)) => panic!("`{step}` has no answer: {text}"),
            Err(_) => continue,
        }
        said += 1;
    }
    assert!(said > count / 2, "{said} of {count}");
    assert!(wrong.is_empty(), "{} of {said}\n{}", wrong.len(), wrong.join("\n"));
}
