//! Each case is a test, named by its id: it compares the pictures on every place with the snapshot.
//!
//! The main type is [`Place`]: the project's directory, tmpfs and memfd must agree with the same snapshot;
//! a case on which a file system truly differs has a variant beside it, such as `id@tmpfs.snap`. What is kept for
//! file systems that are not here must be what the model predicts for them.
//!
//! No thread of the test runner forks. The first test that needs a place starts the `faultmap` command, which
//! measures all chosen cases there in one run, and each test takes the line of its own case.

mod command;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};

use command::{faultmap, root};
use faultmap::internals::case::Requirement;
use faultmap::internals::model::{Environment, Release, Rule, predict};
use faultmap::internals::parse;
use faultmap::internals::picture::draw;
use faultmap::internals::snapshot::{self, Comparison, Snapshots};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = |id: &String| Trial::test(id, || Ok(()));
    let mut ids = Vec::new();
    list(&root().join("cases"), &mut ids);
    let chosen = |id: &String| !arguments.is_filtered_out(&trial(id));
    let chosen = ids.iter().filter(|id| chosen(id)).cloned().collect();
    let measured = Arc::new(Measured { chosen, places: Default::default() });
    let trials = ids.into_iter().map(|id| {
        let measured = measured.clone();
        Trial::ignorable_test(id.clone(), move || measured.compare(&id))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The ids of the case files below a folder: their paths below `cases/` without the ending.
fn list(folder: &Path, ids: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).expect("a folder of cases").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            list(&path, ids);
        } else if path.extension().is_some_and(|ending| ending == "case") {
            let below = path.strip_prefix(root().join("cases")).expect("it lies below cases/");
            ids.push(below.with_extension("").to_str().expect("ids are text").to_owned());
        }
    }
}

/// The place of the files of the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The project's own directory. New snapshots are written from here.
    Project,
    /// /dev/shm, where it is a tmpfs.
    Tmpfs,
    /// No directory at all.
    Memfd,
}

impl Place {
    const ALL: [Place; 3] = [Place::Project, Place::Tmpfs, Place::Memfd];

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Place::Project => &["--dir", env!("CARGO_TARGET_TMPDIR")],
            Place::Tmpfs => &["--dir", "/dev/shm"],
            Place::Memfd => &["--memfd"],
        }
    }

    fn is_missing(self) -> bool {
        self == Place::Tmpfs && !Path::new("/dev/shm").is_dir()
    }
}

/// The line of `faultmap run --json` on a case in a place, or the reason why there is none.
type Line = Result<Value, String>;

/// The chosen cases, and the lines of those measured so far.
struct Measured {
    chosen: Vec<String>,
    places: [OnceLock<BTreeMap<String, Value>>; Place::ALL.len()],
}

impl Measured {
    fn line(&self, id: &str, place: Place) -> Line {
        let all =
            self.places[place as usize].get_or_init(|| lines(&mut run(&self.chosen, place)).0);
        if let Some(line) = all.get(id) {
            return Ok(line.clone());
        }
        // The run ended before this case. A run of the case alone says why, if the case is the reason.
        let (mut own, message) = lines(&mut run(&[id.to_owned()], place));
        own.remove(id).ok_or(format!("no JSON: {message}"))
    }

    /// Measures the case in every place, and lists those that differ.
    fn compare(&self, id: &str) -> Result<Completion, Failed> {
        let (mut failures, mut skipped, mut in_project) = (String::new(), Vec::new(), None);
        for place in Place::ALL {
            if place.is_missing() {
                skipped.push((place, "there is no /dev/shm".to_owned()));
                continue;
            }
            let line = self.line(id, place);
            if place == Place::Project {
                in_project = line.as_ref().ok().and_then(|line| picture(line).map(str::to_owned));
            }
            match line.and_then(|line| judge(id, place, &line, in_project.as_deref())) {
                Ok(Found::Picture) => {}
                Ok(Found::Skipped(reason)) => skipped.push((place, reason)),
                Err(reason) => {
                    let again = place.arguments().join(" ");
                    let _ = writeln!(failures, "{place:?}: {reason}");
                    let _ = writeln!(failures, "    to repeat it: cargo run -- run {id} {again}");
                }
            }
        }
        if failures.is_empty() && !is_collected() {
            failures = elsewhere(id);
        }
        if !failures.is_empty() {
            return Err(failures.into());
        }
        for (place, reason) in &skipped {
            // Written in one call, so that the lines of other tests do not mix with it.
            let line = format!("skipped: {id} ({place:?}): {reason}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        match &skipped[..] {
            [(_, reason), ..] if skipped.len() == Place::ALL.len() => {
                Ok(Completion::ignored_with(reason))
            }
            _ => Ok(Completion::Completed),
        }
    }
}

fn run(ids: &[String], place: Place) -> Command {
    let mut command = faultmap(&["run", "--json"]);
    command.args(place.arguments()).args(ids);
    command
}

/// The lines that a run prints, by the ids of their cases, and its text on stderr.
fn lines(command: &mut Command) -> (BTreeMap<String, Value>, String) {
    let (_, stdout, stderr) = command::run(command);
    let lines = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines = lines.filter_map(|line| Some((line["case"].as_str()?.to_owned(), line)));
    (lines.collect(), stderr)
}

enum Found {
    /// The picture agrees with the snapshot.
    Picture,
    Skipped(String),
}

fn picture(line: &Value) -> Option<&str> {
    line["picture"].as_str()
}

/// Fails if the case has no answer here, or contradicts the snapshot or the model.
fn judge(id: &str, place: Place, line: &Value, in_project: Option<&str>) -> Result<Found, String> {
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let source = root().join("cases").join(format!("{id}.case"));
    let source = std::fs::read_to_string(source).map_err(|error| error.to_string())?;
    let says_page = || parse::case(&source).is_ok_and(|case| case.says_page());
    if line["page_size"] != 4096 && !says_page() {
        return Ok(Found::Skipped("its numbers are for pages of 4096 bytes".to_owned()));
    }
    match (text("verdict"), picture(line)) {
        ("skipped", _) => Ok(Found::Skipped(text("reason").to_owned())),
        (verdict @ ("same" | "changed" | "new" | "split"), Some(picture)) => {
            let is_reported = place != Place::Project && in_project == Some(picture);
            compare(id, place, text("file_system"), picture, is_reported)?;
            match verdict {
                "split" => {
                    Err(format!("split from the model: {}\n{}", text("reason"), line["model"]))
                }
                _ => Ok(Found::Picture),
            }
        }
        (verdict, _) => Err(format!("{verdict}: {}", text("reason"))),
    }
}

/// Compares the picture with the snapshot for this file system. If they differ, insta reports it and writes
/// the picture for a review: as the snapshot, or as a variant if the project's directory, on another file
/// system, shows another picture.
fn compare(
    id: &str,
    place: Place,
    file_system: &str,
    picture: &str,
    is_reported: bool,
) -> Result<(), String> {
    let snapshots = Snapshots::below(root().join("snapshots"));
    let here = snapshot::Place::here(file_system);
    let compared = || snapshots.compare(id, &here, picture).expect("snapshots/ is readable");
    let has_variant = snapshots.path(id, Some(file_system)).exists();
    match compared() {
        Comparison::Same => return Ok(()),
        Comparison::NeedlessVariant { path } => {
            return Err(format!(
                "{} is the same as what counts without it: delete it",
                path.display()
            ));
        }
        _ if is_reported && !has_variant => {
            return if is_collected() { Ok(()) } else { Err("differs in the same way".to_owned()) };
        }
        _ => {}
    }
    let variant = (has_variant || place != Place::Project).then_some(file_system);
    let below = Path::new(id).parent().unwrap_or(Path::new(""));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots").join(below));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // As `run --accept` writes it: so that it can tell the answer of another file system.
    settings.set_description(format!("measured on {}", snapshot::words(&here)));
    if let Some(variant) = variant {
        settings.set_snapshot_suffix(variant);
    }
    let name = id.rsplit('/').next().unwrap_or(id);
    let asserted = || settings.bind(|| insta::assert_snapshot!(name, picture));
    catch_unwind(AssertUnwindSafe(asserted)).map_err(|_| "not as the snapshot".to_owned())?;
    // insta reports nothing if the picture has just been accepted (INSTA_UPDATE=always).
    match is_collected() || compared() == Comparison::Same {
        true => Ok(()),
        false => Err("insta takes the snapshot for the same, faultmap does not".to_owned()),
    }
}

/// The releases on which the snapshots were measured.
const MEASURED: [Release; 5] = [(5, 10), (6, 1), (6, 12), (6, 18), (7, 3)];
/// The page size for which their numbers are.
const PAGE: u64 = 4096;

/// Says on which of the file systems and kernels that the model knows the snapshot is not what it predicts: a variant is
/// missing, wrong or needed no more, whether or not that file system and that kernel are at hand.
fn elsewhere(id: &str) -> String {
    let source = std::fs::read_to_string(root().join("cases").join(format!("{id}.case")));
    let case = parse::case(&source.expect("it was measured")).expect("it was measured");
    let known = Rule::open().flat_map(Rule::known).flat_map(|known| known.file_systems);
    let names: BTreeSet<&str> = known.copied().collect();
    let is_run = |name: &str| {
        case.requires.iter().all(|requirement| match requirement {
            Requirement::FileSystem(own) => own == name,
            Requirement::NotFileSystem(own) => own != name,
            _ => true,
        })
    };
    let mut wrong = String::new();
    let places = names.into_iter().filter(|name| is_run(name));
    for (name, kernel) in places.flat_map(|name| MEASURED.map(|kernel| (name, kernel))) {
        let mut there = Environment::with_pages_of(PAGE);
        (there.kernel, there.file_system) = (Some(kernel), Some(name.to_owned()));
        let place = snapshot::Place {
            file_system: name.to_owned(),
            kernel,
            architecture: "x86_64".to_owned(),
            page: PAGE,
        };
        let snapshots = Snapshots::below(root().join("snapshots"));
        let predicted = predict(&case, &there).into_iter();
        let pictures = predicted.map(|own| draw(&case, &own.measurement, PAGE));
        let compared = pictures.map(|own| (snapshots.compare(id, &place, &own), own));
        let compared: Vec<_> = compared.collect();
        if !compared.iter().any(|(compared, _)| matches!(compared, Ok(Comparison::Same))) {
            let (major, minor) = kernel;
            let _ = writeln!(
                wrong,
                "on {name} of Linux {major}.{minor} the model predicts other than is kept:"
            );
            for (compared, picture) in compared {
                let _ = writeln!(wrong, "{compared:?}; predicted:\n{picture}");
            }
        }
    }
    wrong
}

/// True if cargo-insta only collects the pictures for a review.
fn is_collected() -> bool {
    std::env::var_os("INSTA_FORCE_PASS").is_some()
}
