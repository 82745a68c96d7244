//! The page of a comparison, in a browser.

use std::path::Path;
use std::process::Command;

use crate::own_process::{Test, test};
use crate::{compare, evil, misaligned, results};

/// The tests of the page, which are ignored where there is no browser.
pub fn tests() -> Vec<Test> {
    let all = vec![
        test("a_browser_shows_the_page", a_browser_shows_the_page),
        test("a_browser_filters_the_rows", a_browser_filters_the_rows),
        test("many_machines_leave_room_for_a_name", many_machines_leave_room_for_a_name),
        test("a_browser_runs_no_text_of_others", a_browser_runs_no_text_of_others),
    ];
    let missing = || browser().is_none().then(|| "there is no chromium here".to_owned());
    all.into_iter().map(|own| own.unless(missing)).collect()
}

/// The name of a browser that is installed.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| {
        let output = Command::new(name).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    })
}

/// A page in a browser.
struct Window {
    files: &'static [&'static str],
    width: u32,
    dark: bool,
    /// Behind the `#` of its address.
    fragment: &'static str,
    /// A script that runs behind that of the page, which writes what it finds into `told`.
    script: &'static str,
}

const PLAIN: Window = Window {
    files: &["one=here.json", "two=there.json"],
    width: 1280,
    dark: false,
    fragment: "",
    script: "",
};

/// Opens the page of these results. Returns the elements of the page around it, in which its script has left what
/// it has found. A window of a browser without a screen is 500 pixels wide at least, and a frame may be narrower.
fn open(dir: &Path, window: &Window) -> String {
    let Window { files, width, dark, fragment, script } = window;
    let (code, stdout, stderr) = compare(dir, &[files, &["--html", "page.html"][..]].concat());
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    let page = std::fs::read_to_string(dir.join("page.html")).expect("a page");
    let script = format!(
        "<script>{{ const told = parent.document.body.dataset; {script} }}</script></body>"
    );
    std::fs::write(dir.join("opened.html"), page.replace("</body>", &script)).expect("written");
    let around = format!(
        "<!doctype html><html style=\"color-scheme: light dark\"><body><iframe width={width} \
         height=900 style=\"border: 0\" src=\"opened.html#{fragment}\"></iframe></body></html>"
    );
    std::fs::write(dir.join("around.html"), around).expect("written");
    let mut command = Command::new(browser().expect("a browser"));
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
    ]);
    command.args(["--disable-background-networking", "--virtual-time-budget=5000", "--dump-dom"]);
    command.args(["--window-size=1400,1000", "--allow-file-access-from-files"]);
    command.arg(format!("--user-data-dir={}", dir.join("profile").display()));
    // The numbers are those of Blink's PreferredColorScheme.
    command.arg(format!("--blink-settings=preferredColorScheme={}", i32::from(!dark)));
    command.arg(format!("file://{}", dir.join("around.html").display()));
    let output = command.output().expect("it was found");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(dom.contains("</iframe>"), "{dom}{}", String::from_utf8_lossy(&output.stderr));
    dom
}

/// The value that a script has left in the page.
fn told<'a>(dom: &'a str, name: &str) -> &'a str {
    let begin = format!("data-{name}=\"");
    let rest = dom.split_once(&begin).unwrap_or_else(|| panic!("no {name}: {dom}")).1;
    rest.split('"').next().unwrap_or_default()
}

fn a_browser_shows_the_page() {
    let dir = results();
    misaligned(dir.path());
    const SCRIPT: &str = "
        const root = document.documentElement;
        document.querySelector('tr[data-case=\"eof/long\"] button').click();
        told.wide = root.scrollWidth > innerWidth;
        told.inner = innerWidth;
        told.back = getComputedStyle(document.body).backgroundColor;
        told.pictures = document.querySelectorAll('.pictures pre').length;
        told.marks = [...document.querySelectorAll('mark')].map((own) => own.textContent).join();
        told.counts = document.getElementById('counts').textContent;
        told.finding = document.querySelector('#findings summary').textContent;
        told.loads = performance.getEntriesByType('resource').length;";
    for (width, dark) in [(360, false), (360, true), (1280, false), (1280, true)] {
        let dom = open(dir.path(), &Window { width, dark, script: SCRIPT, ..PLAIN });
        assert_eq!(told(&dom, "wide"), "false", "{width}");
        assert_eq!(told(&dom, "inner"), width.to_string());
        let back = if dark { "rgb(20, 23, 26)" } else { "rgb(255, 255, 255)" };
        assert_eq!(told(&dom, "back"), back);
        assert_eq!(told(&dom, "pictures"), "2");
        assert_eq!(told(&dom, "marks"), "SIGBUS ADRERR,SIGBUS ADRALN");
        assert_eq!(told(&dom, "loads"), "0");
        assert_eq!(told(&dom, "counts"), "4 cases on 2 machines: 3 differ; 1 finding");
        let finding = "si_code BUS_ADRALN where A has BUS_ADRERR: 3 cases on B";
        assert_eq!(told(&dom, "finding"), finding);
    }
}

fn a_browser_filters_the_rows() {
    let dir = results();
    misaligned(dir.path());
    const SCRIPT: &str = "
        const rows = [...document.querySelectorAll('tr[data-case]')].filter((own) => own.checkVisibility());
        told.rows = rows.map((own) => own.dataset.case).join();
        told.findings = document.getElementById('findings').checkVisibility();
        told.none = document.getElementById('none').checkVisibility();";
    for (fragment, rows) in [
        // What agrees is folded.
        ("", "eof/long,eof/private,eof/short"),
        ("filter=private", "eof/private"),
        ("filter=PLAIN", "plain"),
        ("filter=zero%20it", "plain"),
        // The machine that differs.
        ("filter=two", "eof/long,eof/private,eof/short"),
        ("filter=one%20plain", ""),
        ("filter=same", "plain"),
        ("filter=nothing", ""),
        ("case=plain", "eof/long,eof/private,eof/short,plain"),
    ] {
        let dom = open(dir.path(), &Window { fragment, script: SCRIPT, ..PLAIN });
        assert_eq!(told(&dom, "rows"), rows, "{fragment}");
        // A finding is shown as long as one of its cases is.
        assert_eq!(told(&dom, "findings"), rows.contains("eof/").to_string(), "{fragment}");
        assert_eq!(told(&dom, "none"), rows.is_empty().to_string(), "{fragment}");
    }
}

fn many_machines_leave_room_for_a_name() {
    let dir = results();
    misaligned(dir.path());
    const FILES: &[&str] = &[
        "1=here.json",
        "2=there.json",
        "3=there.json",
        "4=there.json",
        "5=there.json",
        "6=there.json",
        "7=there.json",
        "8=there.json",
        "9=there.json",
        "10=there.json",
    ];
    const SCRIPT: &str = "
        const name = document.querySelector('tr[data-case=\"eof/long\"] td');
        told.room = name.clientWidth >= 100;
        told.wide = document.documentElement.scrollWidth > innerWidth;";
    for width in [360, 1280] {
        let dom = open(dir.path(), &Window { files: FILES, width, script: SCRIPT, ..PLAIN });
        assert_eq!((told(&dom, "room"), told(&dom, "wide")), ("true", "false"), "{width}");
    }
}

fn a_browser_runs_no_text_of_others() {
    let dir = evil();
    const SCRIPT: &str = "
        document.querySelectorAll('tr[data-case] button').forEach((own) => own.click());
        told.title = document.title;
        told.images = document.querySelectorAll('img').length;";
    let dom = open(dir.path(), &Window { script: SCRIPT, ..PLAIN });
    assert_eq!(told(&dom, "title"), "faultmap compare");
    assert_eq!(told(&dom, "images"), "0");
}
