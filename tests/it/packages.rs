//! The Debian package, made from the program that the tests have built already: what is in it, with which
//! rights, and what its scripts do. `make package-check` installs the real ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::{good, skip};

const CLONE: &str = env!("CARGO_MANIFEST_DIR");

fn has(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(tool).is_file())
}

/// A package, unpacked.
struct Package {
    dir: tempfile::TempDir,
    file: PathBuf,
}

impl Package {
    /// Makes one for this machine; says so where it cannot.
    fn make(test: &str) -> Option<Package> {
        for tool in ["dpkg-deb", "dpkg", "objdump", "md5sum", "gzip"] {
            if !has(tool) {
                skip(test, &format!("no {tool}"));
                return None;
            }
        }
        let asked = Command::new("dpkg").arg("--print-architecture").output();
        let architecture = good(&asked.unwrap());
        let architecture = architecture.trim();
        if !["amd64", "arm64", "armhf"].contains(&architecture) {
            skip(test, &format!("no packages for {architecture}"));
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let made = Command::new("scripts/package/deb.sh")
            .arg(architecture)
            .current_dir(CLONE)
            .env("BINARY", env!("CARGO_BIN_EXE_powerlogger"))
            .env("CARGO", env!("CARGO"))
            .env("COMPRESS", "none")
            .env("OUT", dir.path())
            .env("VERSION", "0.1.0~test")
            .env("POWERLOGGER_COMMIT", "0123456789ab")
            .env("SOURCE_DATE_EPOCH", "1764000000")
            .output()
            .unwrap();
        good(&made);
        let name = format!("powerlogger_0.1.0~test_{architecture}.deb");
        let file = dir.path().join(name);
        let unpacked = dir.path().join("root");
        let raw = Command::new("dpkg-deb")
            .arg("-R")
            .args([&file, &unpacked])
            .output();
        good(&raw.unwrap());
        Some(Package { dir, file })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("root").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Every entry: name → rights and owner, as `dpkg -c` shows them.
    fn listed(&self) -> BTreeMap<String, String> {
        let output = Command::new("dpkg-deb").arg("-c").arg(&self.file).output();
        let listing = good(&output.unwrap());
        let entries = listing.lines().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name = words[5].trim_start_matches("./").to_owned();
            (name, format!("{} {}", words[0], words[1]))
        });
        entries.collect()
    }
}

#[test]
fn a_package_is_complete_true_and_clean() {
    let Some(package) = Package::make("a_package_is_complete_true_and_clean") else {
        return;
    };
    has_what_it_needs_and_no_more(&package);
    says_the_truth_about_itself(&package);
    has_clean_maintainer_scripts(&package);
    has_no_broken_links(&package);
}

/// Whoever reads its documents finds what they point to, pictures included.
fn has_no_broken_links(package: &Package) {
    let documents = package.path("usr/share/doc/powerlogger");
    let mut links = 0;
    for dir in ["", "docs", "docs/usage", "docs/development"].map(|name| documents.join(name)) {
        for entry in fs::read_dir(&dir).unwrap() {
            let page = entry.unwrap().path();
            if page.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&page).unwrap();
            for part in text.split("](").skip(1) {
                let target = part.split([')', '#']).next().unwrap();
                if target.contains("://") || target.is_empty() {
                    continue;
                }
                links += 1;
                assert!(dir.join(target).exists(), "{}: {target}", page.display());
            }
        }
    }
    assert!(links > 20, "{links}");
}

fn has_what_it_needs_and_no_more(package: &Package) {
    let listed = package.listed();
    for (name, rights) in &listed {
        let want = match name.as_str() {
            "usr/bin/powerlogger" => "-rwxr-xr-x root/root",
            directory if directory.ends_with('/') || directory.is_empty() => "drwxr-xr-x root/root",
            _ => "-rw-r--r-- root/root",
        };
        assert_eq!(rights, want, "{name}");
    }
    for name in [
        "etc/powerlogger/powerlogger.toml",
        "usr/bin/powerlogger",
        "usr/lib/systemd/system/powerlogger-backup.service",
        "usr/lib/systemd/system/powerlogger-backup.timer",
        "usr/lib/systemd/system/powerlogger.service",
        "usr/lib/sysusers.d/powerlogger.conf",
        "usr/lib/tmpfiles.d/powerlogger.conf",
        "usr/lib/udev/rules.d/60-powerlogger-gpio.rules",
        "usr/share/bash-completion/completions/powerlogger",
        "usr/share/doc/powerlogger/changelog.gz",
        "usr/share/doc/powerlogger/copyright",
        "usr/share/doc/powerlogger/docs/usage/images/wiring.svg",
        "usr/share/doc/powerlogger/docs/usage/install.md",
        "usr/share/fish/vendor_completions.d/powerlogger.fish",
        "usr/share/man/man1/powerlogger-run.1.gz",
        "usr/share/man/man1/powerlogger.1.gz",
        "usr/share/man/man5/powerlogger.toml.5.gz",
        "usr/share/powerlogger/env.example",
        "usr/share/powerlogger/grafana/powerlogger-prometheus.json",
        "usr/share/powerlogger/grafana/powerlogger.json",
        "usr/share/powerlogger/grafana/provisioning/dashboards/powerlogger.yaml",
        "usr/share/powerlogger/grafana/provisioning/datasources/powerlogger.yaml",
        "usr/share/zsh/vendor-completions/_powerlogger",
    ] {
        assert!(listed.contains_key(name), "{name}");
    }
    // Whoever builds packages has secrets of his own in his clone.
    let secrets = [".env", "writer.token", "installation.id"];
    let leaked = |name: &&String| secrets.iter().any(|secret| name.ends_with(secret));
    assert_eq!(listed.keys().find(leaked), None);
    let checked = Command::new("md5sum")
        .args(["--check", "--quiet", "DEBIAN/md5sums"])
        .current_dir(package.path(""))
        .output();
    good(&checked.unwrap());
}

fn says_the_truth_about_itself(package: &Package) {
    let control = package.read("DEBIAN/control");
    let field = |name: &str| {
        let mut lines = control.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_else(|| panic!("{name} in {control}"))
    };
    assert_eq!(field("Package"), "powerlogger");
    assert_eq!(field("Version"), "0.1.0~test");
    for needed in ["libc6 (>= 2.", "libgcc-s1", "systemd"] {
        assert!(field("Depends").contains(needed), "{needed}");
    }
    // .env is none: dpkg would ask about a file that everybody edits.
    let conffiles = package.read("DEBIAN/conffiles");
    assert_eq!(conffiles, "/etc/powerlogger/powerlogger.toml\n");

    let unit = package.read("usr/lib/systemd/system/powerlogger.service");
    let ours = fs::read_to_string(Path::new(CLONE).join("dist/systemd/powerlogger.service"));
    let ours = ours.unwrap();
    let moved = ours.replace("/usr/local/bin/", "/usr/bin/");
    assert_ne!(moved, ours);
    assert_eq!(unit, moved);

    let copyright = package.read("usr/share/doc/powerlogger/copyright");
    let lock = fs::read_to_string(Path::new(CLONE).join("Cargo.lock")).unwrap();
    for linked in ["rusqlite", "ring", "ureq", "gpiocdev", "clap_mangen"] {
        let from = lock
            .split(&format!("name = \"{linked}\"\nversion = \""))
            .nth(1);
        let version = from.unwrap().split('"').next().unwrap();
        let files = format!("\nFiles: crates/{linked}-{version}/*\n");
        assert!(copyright.contains(&files), "{files}");
    }
    for tests_only in ["proptest", "tempfile", "rcgen"] {
        assert!(!copyright.contains(&format!("crates/{tests_only}-")));
    }
    assert!(copyright.contains("\nFiles: sqlite3.c\n"));
    assert!(copyright.contains("\nLicense: MIT\n Permission is hereby granted"));
}

fn has_clean_maintainer_scripts(package: &Package) {
    for name in ["postinst", "prerm", "postrm"] {
        let script = package.path("DEBIAN").join(name);
        good(&Command::new("sh").arg("-n").arg(&script).output().unwrap());
        match Command::new("shellcheck").arg(&script).output() {
            Ok(checked) => drop(good(&checked)),
            Err(_) => skip("a_package_is_complete_true_and_clean", "no shellcheck"),
        }
    }
    // A stop would empty the descriptor store: only a removal may.
    let prerm = package.read("DEBIAN/prerm");
    assert_eq!(prerm.matches("invoke stop").count(), 1);
    assert!(prerm.contains("[ \"$1\" = remove ]"));
}

#[test]
fn removing_leaves_the_journal_and_purging_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let paths = ["etc/powerlogger/.env", "var/lib/powerlogger/journal.sqlite"];
    for name in paths {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    // Nothing of this machine's own, such as deb-systemd-helper.
    let tools = tempfile::tempdir().unwrap();
    symlink("/bin/rm", tools.path().join("rm")).unwrap();
    let postrm = |how: &str| {
        let done = Command::new("/bin/sh")
            .arg(Path::new(CLONE).join("dist/deb/postrm"))
            .arg(how)
            .env("DPKG_ROOT", root.path())
            .env("PATH", tools.path())
            .output();
        good(&done.unwrap());
    };
    postrm("remove");
    postrm("upgrade");
    assert!(paths.iter().all(|name| root.path().join(name).exists()));
    postrm("purge");
    for name in ["etc/powerlogger", "var/lib/powerlogger"] {
        assert!(!root.path().join(name).exists(), "{name}");
    }
}

#[test]
fn the_container_files_fit_together() {
    let dir = Path::new(CLONE).join("dist/container");
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let recipe = read("Containerfile");
    let commands: Vec<&str> = recipe
        .lines()
        .filter(|line| !line.starts_with(['#', '\t']) && !line.is_empty())
        .collect();
    let last = |word: &str| {
        let found = commands.iter().rfind(|line| line.starts_with(word));
        *found.unwrap_or_else(|| panic!("{word}"))
    };
    assert!(last("FROM ").contains("distroless"));
    assert_eq!(last("USER "), "USER 65532:65532", "a user without rights");
    let entry = last("ENTRYPOINT ").strip_prefix("ENTRYPOINT ").unwrap();
    let entry: Vec<String> = serde_json::from_str(entry).unwrap();
    let shown = Command::new(env!("CARGO_BIN_EXE_powerlogger"))
        .args(&entry[1..])
        .args(["run", "--help"])
        .output();
    good(&shown.unwrap());

    let compose = read("compose.yaml");
    let example = read("env.example");
    let names = |text: &str| {
        let after = text.split("${").skip(1);
        let name = |part: &str| part.split([':', '}']).next().unwrap().to_owned();
        after.map(name).collect::<Vec<_>>()
    };
    assert!(names(&compose).len() > 5);
    for name in names(&compose) {
        assert!(example.contains(&format!("\n{name}=")), "{name}");
    }
    assert!(compose.contains("dist/container/Containerfile"));
    // Secrets and what was built stay out of the image.
    let ignored = fs::read_to_string(Path::new(CLONE).join(".dockerignore")).unwrap();
    for name in [".env", "dist/container/.env", "writer.token", "target"] {
        assert!(ignored.lines().any(|line| line == name), "{name}");
    }
}
