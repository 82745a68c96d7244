//! Every call and flag of the vocabulary is one of the C library, and of its headers: a program that says them all is
//! compiled.

use faultmap::internals::c_program::c_program;
use faultmap::internals::case::{Step, StepResult};
use faultmap::internals::parse;
use faultmap::internals::vocabulary::{Parameter, Syscall, all, flags};

use crate::compile::compiled;
use crate::wrong::expected;

/// The steps before each call.
const BEFORE: &str = "fd = file(PAGE);
    map = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
    id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
    process { theirs = open(fd); there = shmat(id, 0, 0); there[0]; pipe(); }
    fork { map[PAGE - 4..PAGE + 4] = 'x'; map[0..2]; fork { _exit(3); } }";

const SWEEP: &str = "sweep(map, read, write, exec, copy_from_user, copy_to_user);";

/// Compiles a program with every word. What comes does not matter here: it is not run.
pub fn every_word_is_compiled(compiler: &[&str]) {
    let (mut case, mut expected) = expected(&format!("{BEFORE}{SWEEP}"));
    let calls = all().filter(|call| call.weight > 0);
    // Together they are more than the parser takes.
    case.steps.extend(calls.flat_map(with_each_word));
    let count = case.walk().count();
    expected.measurement.steps.clear();
    expected.measurement.steps.resize(count, StepResult::Done);
    compiled(compiler, &c_program(&case, &expected).expect("a program"));
}

/// The call with each of its words, as steps.
fn with_each_word(call: &'static Syscall) -> Vec<Step> {
    let plain = |parameter: &Parameter| match parameter {
        Parameter::Address => "map".to_owned(),
        Parameter::Descriptor
        | Parameter::ReadDescriptor
        | Parameter::File
        | Parameter::PathOrFile => "fd".to_owned(),
        Parameter::Id => "id".to_owned(),
        Parameter::Text => "\"a\\\\?\"".to_owned(),
        Parameter::Flags(family) | Parameter::Word(family) => flags(*family)[0].name.to_owned(),
        _ => "1".to_owned(),
    };
    let own: Vec<Parameter> = call.all_parameters().collect();
    let must = call.parameters.iter().map(plain).collect::<Vec<_>>();
    let mut texts = vec![format!("{}({});", call.name, must.join(", "))];
    for (place, parameter) in own.iter().enumerate() {
        for flag in parameter.family().map_or(&[][..], flags) {
            let mut words: Vec<String> = own.iter().map(plain).collect();
            words[place] = flag.name.to_owned();
            texts.push(format!("{}({});", call.name, words.join(", ")));
        }
    }
    // A file of huge pages is none that a program can say.
    texts.retain(|text| !text.contains("MFD_HUGETLB"));
    // The parser refuses what no case may do, such as to stop itself.
    let case = |text: &String| parse::case(&format!("{BEFORE}{text}")).ok();
    let steps: Vec<Step> =
        texts.iter().filter_map(case).filter_map(|mut case| case.steps.pop()).collect();
    assert!(!steps.is_empty(), "{}", call.name);
    steps
}
