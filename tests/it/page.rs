//! The page's own tests, where Node can run them: numbers, periods, texts in both languages, colours and their
//! contrast, the stream's rules, the weight of what is served.

use std::path::Path;
use std::process::Command;

use crate::support::program::skip;

#[test]
fn the_page_passes_its_own_tests() {
    let name = "the_page_passes_its_own_tests";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let version = Command::new("node").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let major = version.ok().and_then(|version| {
        let (major, _) = version.strip_prefix('v')?.split_once('.')?;
        major.parse::<u32>().ok()
    });
    if major.is_none_or(|major| major < 20) {
        skip(name, "no Node 20 or newer");
        return;
    }
    let files = std::fs::read_dir(root.join("tests/page")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files: Vec<_> = files
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    assert!(files.len() > 3, "{files:?}");
    let output = Command::new("node")
        .arg("--test")
        .args(&files)
        .current_dir(root)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
