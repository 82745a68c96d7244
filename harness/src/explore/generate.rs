//! Random programs, as choices that stay valid when some of them are left out.
//!
//! The choices are made of the vocabulary alone: a call is drawn by its weight, and each of its arguments by
//! the kind of the parameter. An argument names a map, a file or a segment by a number, modulo how many there
//! are, so that a program is still a valid case after parts of it have been left out. proptest draws the
//! choices and shrinks them. The main type is [`Program`].

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::case::{Access, BlockKind, limits};
use crate::vocabulary::{self, Action, Facet, Family, Flag, Parameter, Syscall, flags, usual};

/// A size or an offset: a number of units plus a number of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Near {
    /// Bytes of the unit; 0 for a page.
    pub unit: u64,
    /// Units, 0 to 3.
    pub count: u64,
    /// Bytes to add; may be negative.
    pub bytes: i64,
}

/// One argument of a call.
#[derive(Debug, Clone)]
pub enum Value {
    /// A size, a length or an offset.
    Size(Near),
    /// Any other number.
    Number(u64),
    /// An offset from a map.
    Address(usize, Near),
    /// The variable of this number among those that the parameter takes.
    Variable(usize),
    /// A descriptor that is none.
    BadDescriptor(i32),
    /// Flags that often stand together, and perhaps one more.
    Flags(&'static str, Option<&'static Flag>),
    /// One word.
    Word(&'static str),
    /// A text.
    Text(&'static str),
}

/// A step that names maps and files by numbers.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A call.
    Call(Call),
    /// A load or a store.
    Touch { map: usize, at: Near, width: u64, store: Option<u8> },
    /// Choices that another process makes, which then ends with `_exit` of this status, if any.
    Block { kind: BlockKind, choices: Vec<Choice>, exit: Option<u8> },
}

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The call.
    pub call: &'static Syscall,
    /// A value for each of its parameters.
    pub values: Vec<Value>,
    /// True if those are said that may be left out.
    pub full: bool,
}

/// A whole program, with the map that is swept at its end.
#[derive(Debug, Clone)]
pub struct Program {
    /// The files that are there from the beginning.
    pub files: Vec<Choice>,
    /// The steps.
    pub choices: Vec<Choice>,
    /// The map to sweep and the access, by number.
    pub sweep: (usize, usize),
    /// True if the program never comes to its end.
    pub pauses: bool,
}

/// The weight of an access among the choices, compared with the weights of the calls.
const TOUCHES: u32 = 100;
/// Texts to write.
const TEXTS: &[&str] = &["w", "uv", "0123456789"];
/// Numbers of variables, modulo how many there are.
const VARIABLES: std::ops::Range<usize> = 0..4;
/// The sizes at which large folios and page tables begin to matter.
const LARGE: &[u64] = &[64 << 10, 2 << 20];

fn near(count: impl Strategy<Value = u64>) -> impl Strategy<Value = Near> {
    let bytes =
        prop_oneof![4 => Just(0), 1 => Just(-1), 1 => Just(1), 2 => Just(100), 2 => 1i64..4000];
    let unit = prop_oneof![150 => Just(0u64), 1 => select(LARGE)];
    (unit, count, bytes).prop_map(|(unit, count, bytes)| Near { unit, count, bytes })
}

/// Any offset near the map or the file; about half of them are outside of it.
fn anywhere() -> impl Strategy<Value = Near> {
    near(0u64..=3)
}

/// An offset that is mostly inside of the map, as a program that dies of its first load shows little.
fn low() -> impl Strategy<Value = Near> {
    near(prop_oneof![3 => Just(0u64), 2 => Just(1), 1 => 0u64..=3])
}

/// A length or a size that is mostly one page or more.
fn ample() -> impl Strategy<Value = Near> {
    near(prop_oneof![1 => 0u64..=3, 2 => 1u64..=3])
}

/// Whole pages.
fn pages(most: u64) -> impl Strategy<Value = Near> {
    (0..=most).prop_map(|count| Near { unit: 0, count, bytes: 0 })
}

/// A place of a list; the first most often.
fn first<T: Clone + std::fmt::Debug + 'static>(list: &'static [T]) -> impl Strategy<Value = T> {
    prop_oneof![2 => Just(list[0].clone()), 3 => select(list)]
}

/// Values for a parameter.
fn value(call: &'static Syscall, parameter: Parameter) -> BoxedStrategy<Value> {
    let bad = || select(&[-1, 99][..]).prop_map(Value::BadDescriptor);
    let size = |near: BoxedStrategy<Near>| near.prop_map(Value::Size).boxed();
    match parameter {
        Parameter::FileSize => size(ample().boxed()),
        Parameter::Length if call.returns.is_kept() => size(ample().boxed()),
        Parameter::BufferLength | Parameter::ShownLength => {
            let small = |near: Near| Near { unit: near.unit.min(LARGE[0]), ..near };
            size(anywhere().prop_map(small).boxed())
        }
        Parameter::Length | Parameter::FileOffset | Parameter::FileLength => {
            size(anywhere().boxed())
        }
        Parameter::MapOffset => {
            size(prop_oneof![12 => pages(2).boxed(), 1 => anywhere().boxed()].boxed())
        }
        Parameter::Limit => size(pages(64).boxed()),
        Parameter::Number => {
            prop_oneof![5 => Just(0), 1 => 0u64..4].prop_map(Value::Number).boxed()
        }
        Parameter::Address => {
            let at = prop_oneof![2 => pages(3).boxed(), 1 => anywhere().boxed()];
            (VARIABLES, at).prop_map(|(map, at)| Value::Address(map, at)).boxed()
        }
        Parameter::Descriptor | Parameter::ReadDescriptor => {
            prop_oneof![20 => VARIABLES.prop_map(Value::Variable), 1 => bad()].boxed()
        }
        Parameter::Id | Parameter::File => VARIABLES.prop_map(Value::Variable).boxed(),
        Parameter::Flags(family) => {
            let more = prop_oneof![7 => Just(None), 1 => any_flag(family).prop_map(Some)];
            (first(usual(family)), more).prop_map(|(usual, more)| Value::Flags(usual, more)).boxed()
        }
        Parameter::Word(family) => word(call, family),
        Parameter::Text => first(TEXTS).prop_map(Value::Text).boxed(),
        Parameter::PathOrFile => {
            let path = select(limits::PATHS).prop_map(Value::Text);
            prop_oneof![3 => VARIABLES.prop_map(Value::Variable), 1 => path].boxed()
        }
    }
}

/// A word of a family. A process that stops itself would not go on.
fn word(call: &'static Syscall, family: Family) -> BoxedStrategy<Value> {
    let stops = |flag: &&Flag| call.action == Action::Raise && flag.facet == Facet::Stops;
    let all: Vec<&'static str> =
        flags(family).iter().filter(|flag| !stops(flag)).map(|flag| flag.name).collect();
    match usual(family) {
        [] => select(all).prop_map(Value::Word).boxed(),
        usual => prop_oneof![2 => select(usual), 1 => select(all)].prop_map(Value::Word).boxed(),
    }
}

fn any_flag(family: Family) -> impl Strategy<Value = &'static Flag> {
    (0..flags(family).len()).prop_map(move |index| &flags(family)[index])
}

fn call(call: &'static Syscall) -> BoxedStrategy<Choice> {
    let values: Vec<_> = call.all_parameters().map(|parameter| value(call, parameter)).collect();
    let full = prop_oneof![1 => Just(false), 1 => Just(true)];
    (values, full).prop_map(move |(values, full)| Choice::Call(Call { call, values, full })).boxed()
}

fn touch() -> impl Strategy<Value = Choice> {
    let store = prop_oneof![2 => Just(None), 3 => (b'a'..=b'z').prop_map(Some)];
    let width = prop_oneof![1 => Just(limits::WIDTHS[0]), 1 => select(limits::WIDTHS)];
    (VARIABLES, low(), width, store).prop_map(|(map, at, width, store)| Choice::Touch {
        map,
        at,
        width,
        store,
    })
}

/// Any step but a block.
fn choice() -> impl Strategy<Value = Choice> {
    let calls = vocabulary::all().filter(|own| own.weight > 0);
    let mut all: Vec<(u32, BoxedStrategy<Choice>)> =
        calls.map(|own| (own.weight, call(own))).collect();
    all.push((TOUCHES, touch().boxed()));
    proptest::strategy::Union::new_weighted(all)
}

fn block() -> impl Strategy<Value = Choice> {
    let exit = prop_oneof![9 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (any::<bool>(), prop::collection::vec(choice(), 1..4), exit).prop_map(
        |(unrelated, choices, exit)| {
            let kind = if unrelated { BlockKind::Process } else { BlockKind::Fork };
            Choice::Block { kind, choices, exit }
        },
    )
}

/// One of the calls for which this holds.
fn one_of(is_it: impl Fn(&Syscall) -> bool) -> impl Strategy<Value = Choice> {
    let calls: Vec<_> = vocabulary::all().filter(|own| is_it(own)).map(call).collect();
    proptest::strategy::Union::new(calls)
}

thread_local! {
    /// It is made of hundreds of parts: once is enough.
    static PROGRAMS: BoxedStrategy<Program> = program().boxed();
}

/// The choices of a program, in the form that proptest shrinks.
pub fn tree(runner: &mut TestRunner) -> Option<Box<dyn ValueTree<Value = Program>>> {
    PROGRAMS.with(|programs| programs.new_tree(runner).ok())
}

/// The strategy that makes programs: each begins with a file and a map.
fn program() -> impl Strategy<Value = Program> {
    let files = prop::collection::vec(one_of(Syscall::makes_file), 1..=2);
    let map = one_of(|own| matches!(own.effect, vocabulary::Effect::Maps { .. }));
    let steps = prop::collection::vec(prop_oneof![8 => choice(), 1 => block()], 1..10);
    let pauses = prop_oneof![999 => Just(false), 1 => Just(true)];
    (files, map, steps, (VARIABLES, 0..Access::ALL.len()), pauses).prop_map(
        |(files, map, mut choices, sweep, pauses)| {
            choices.insert(0, map);
            Program { files, choices, sweep, pauses }
        },
    )
}
