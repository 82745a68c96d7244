//! Programs on which a mistake in the model is a contradiction: for each there was a small change of the model's code that
//! no other test noticed, and with which it predicts something else than the kernel does. The kernel is the judge here;
//! no answer is written down.
//!
//! The programs are in the folder `corpus`. Some of them `explore` has found and shrunk.

mod command;

use std::collections::BTreeMap;

use command::{faultmap, root, run};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

#[test]
fn kernel_and_model_agree() {
    let programs = std::fs::read_dir(FOLDER).expect("a folder").count();
    let mut command = faultmap(&["run", "--json", FOLDER]);
    // There are no snapshots of them.
    let (_, stdout, stderr) = run(command.current_dir(root()));
    let mut wrong = BTreeMap::new();
    let mut judged = 0;
    for line in stdout.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let Some(case) = line["case"].as_str() else { continue };
        judged += 1;
        let model = &line["model"];
        // What a program needs, and the machine does not have, is no mistake.
        let skipped = line["verdict"] == "skipped";
        let agrees = model["says"] == "agrees" || model["says"] == "open";
        let is_right = agrees && model["not_modelled"].is_null();
        if !skipped && !is_right {
            wrong.insert(case.to_owned(), line["picture"].to_string());
        }
    }
    assert_ne!(programs, 0);
    assert_eq!(judged, programs, "{stderr}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
