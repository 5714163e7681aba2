//! The page: its own tests, where Node can run them (numbers, periods, texts in both languages, colours and their contrast, the
//! stream's rules, the weight of what is served, types), and walks through the page of the true binary in Chromium.

mod days;
mod states;
mod walk;

use std::path::Path;

use crate::support::browser::{node, package};
use crate::support::program::good;

#[test]
fn the_page_passes_its_own_tests() {
    let Some(mut node) = node("the_page_passes_its_own_tests") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("tests/page")).expect("the project's own");
    let files = files.map(|file| file.expect("the same").path());
    let files: Vec<_> = files
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    assert!(files.len() > 3, "{files:?}");
    good(
        &node
            .arg("--test")
            .args(&files)
            .output()
            .expect("it was there"),
    );
}

#[test]
fn the_types_in_the_comments_are_right() {
    let name = "the_types_in_the_comments_are_right";
    let (Some(mut node), Some(tools)) = (node(name), package(name, "typescript")) else {
        return;
    };
    let compiler = tools.join("node_modules/typescript/bin/tsc");
    let said = node.arg(compiler).args(["-p", "tests/page"]).output();
    good(&said.expect("it was there"));
}
