//! The dashboards in `dist/grafana`, read as Grafana reads them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of the dashboards.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/grafana")
}

/// The dashboards' files.
pub fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    files
}

/// A dashboard, and which of its panels were asked for.
#[derive(Debug)]
pub struct Dashboard {
    /// The whole of it.
    pub json: Value,
    seen: RefCell<BTreeSet<String>>,
}

impl Dashboard {
    /// Reads a dashboard of `dist/grafana`.
    pub fn read(path: &Path) -> Dashboard {
        let text = std::fs::read_to_string(path).expect("a file");
        let json = serde_json::from_str(&text).expect("JSON");
        let seen = RefCell::default();
        Dashboard { json, seen }
    }

    /// Its panels.
    pub fn panels(&self) -> &[Value] {
        self.json["panels"].as_array().expect("panels")
    }

    /// Its variables.
    pub fn variables(&self) -> &[Value] {
        self.json["templating"]["list"]
            .as_array()
            .expect("variables")
    }

    /// The queries of the panel with this title: what stands under `query` (Flux) or `expr` (PromQL).
    pub fn queries(&self, title: &str) -> Vec<String> {
        let panel = self.panels().iter().find(|panel| panel["title"] == title);
        let panel = panel.unwrap_or_else(|| panic!("no panel {title}"));
        self.seen.borrow_mut().insert(title.to_owned());
        queries(panel)
    }

    /// The titles of panels with queries that were not asked for.
    pub fn unseen(&self) -> Vec<&str> {
        let seen = self.seen.borrow();
        let with_queries = self
            .panels()
            .iter()
            .filter(|panel| !queries(panel).is_empty());
        let titles = with_queries.map(|panel| panel["title"].as_str().expect("a title"));
        titles.filter(|title| !seen.contains(*title)).collect()
    }

    /// A query with the values of its variables in it, `own` ones before those of the dashboard.
    pub fn filled_in(&self, query: &str, own: &[(&str, &str)]) -> String {
        let own: BTreeMap<&str, &str> = own.iter().copied().collect();
        let mut query = query.to_owned();
        for variable in self.variables() {
            let name = variable["name"].as_str().expect("a name");
            if ["constant", "textbox"].contains(&variable["type"].as_str().unwrap_or_default()) {
                let written = || variable["query"].as_str().expect("a value");
                let value = own.get(name).copied().unwrap_or_else(written);
                query = query.replace(&format!("${{{name}}}"), value);
            }
        }
        assert!(!query.contains("${"), "a variable is missing: {query}");
        query
    }
}

/// The queries of a panel.
pub fn queries(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |target: &Value| {
        let query = target["query"].as_str().or(target["expr"].as_str());
        query.expect("a query").to_owned()
    };
    targets.iter().map(text).collect()
}
