//! `make install`, `uninstall` and the service targets, from this clone, against stand-ins for what
//! belongs to other systems: package managers, systemctl, sudo.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::program::{executable, good, skip};

const CLONE: &str = env!("CARGO_MANIFEST_DIR");

/// What the scripts use of every system.
const TOOLS: [&str; 26] = [
    "sh", "sed", "id", "env", "grep", "awk", "mkdir", "dirname", "install", "mktemp", "rm", "test",
    "chmod", "chown", "cat", "tee", "printf", "cp", "ln", "head", "tr", "uname", "true", "expand",
    "make", "ls",
];

/// A place with stand-ins that note how they were called.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.bin()).unwrap();
        for tool in TOOLS {
            let found = ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"]
                .iter()
                .map(|dir| Path::new(dir).join(tool))
                .find(|path| path.exists());
            if let Some(found) = found {
                symlink(found, place.bin().join(tool)).unwrap();
            }
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn bin(&self) -> PathBuf {
        self.path("bin")
    }

    /// A program that notes its arguments, and then does this.
    fn stand_in(&self, name: &str, then: &str) {
        let calls = self.path("calls");
        let script = format!(
            "#!/bin/sh\necho \"{name} $*\" >>'{}'\n{then}\n",
            calls.display()
        );
        executable(&self.bin().join(name), &script);
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    fn run(&self, script: &str, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new("sh");
        command
            .arg(Path::new(CLONE).join("scripts").join(script))
            .args(arguments)
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", self.dir.path())
            .env("BINARY", env!("CARGO_BIN_EXE_powerlogger"))
            .envs(env.iter().copied())
            .current_dir(CLONE);
        command.output().unwrap()
    }

    /// The same, into a directory of this place.
    fn stage(&self, what: &str) -> (PathBuf, String) {
        let root = self.path("root");
        let output = self.run(
            "install.sh",
            &[what],
            &[("DESTDIR", root.to_str().unwrap())],
        );
        (root, good(&output))
    }
}

/// Every file below a directory, with its mode.
fn files(root: &Path) -> BTreeMap<String, u32> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeMap<String, u32>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                found.insert(name, mode);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

#[test]
fn a_staged_install_is_complete_and_can_be_repeated() {
    let place = Place::new();
    let (root, _) = place.stage("install");
    let want = [
        ("etc/powerlogger/.env", 0o640),
        ("etc/powerlogger/powerlogger.toml", 0o644),
        ("etc/systemd/system/powerlogger-backup.service", 0o644),
        ("etc/systemd/system/powerlogger-backup.timer", 0o644),
        ("etc/systemd/system/powerlogger.service", 0o644),
        ("etc/udev/rules.d/60-powerlogger-gpio.rules", 0o644),
        ("usr/lib/sysusers.d/powerlogger.conf", 0o644),
        ("usr/lib/tmpfiles.d/powerlogger.conf", 0o644),
        ("usr/local/bin/powerlogger", 0o755),
        (
            "usr/local/share/bash-completion/completions/powerlogger",
            0o644,
        ),
        (
            "usr/local/share/fish/vendor_completions.d/powerlogger.fish",
            0o644,
        ),
        ("usr/local/share/zsh/site-functions/_powerlogger", 0o644),
    ];
    let want: BTreeMap<String, u32> = want
        .into_iter()
        .map(|(name, mode)| (name.to_owned(), mode))
        .collect();
    let mut found = files(&root);
    let pages = found.keys().filter(|name| name.contains("/man1/")).count();
    assert!(pages > 9, "{pages} man pages");
    assert!(found.contains_key("usr/local/share/man/man1/powerlogger-config-show.1"));
    assert!(found.contains_key("usr/local/share/man/man5/powerlogger.toml.5"));
    found.retain(|name, _| !name.contains("/share/man/"));
    // An installation that was set up in this clone takes its id and token along.
    found.remove("etc/powerlogger/installation.id");
    found.remove("etc/powerlogger/writer.token");
    assert_eq!(found, want);
    assert!(root.join("var/lib/powerlogger").is_dir());

    let dotenv = root.join("etc/powerlogger/.env");
    fs::write(&dotenv, "INFLUX_ORG=mine\n").unwrap();
    let (_, said) = place.stage("install");
    assert!(said.contains("left alone: "), "{said}");
    assert_eq!(fs::read_to_string(&dotenv).unwrap(), "INFLUX_ORG=mine\n");

    fs::write(root.join("var/lib/powerlogger/journal.sqlite"), "pulses").unwrap();
    let (_, said) = place.stage("uninstall");
    assert!(said.contains("all your pulses"), "{said}");
    let left: Vec<String> = files(&root).into_keys().collect();
    assert!(
        left.contains(&"etc/powerlogger/.env".to_owned()),
        "{left:?}"
    );
    assert!(
        left.contains(&"var/lib/powerlogger/journal.sqlite".to_owned()),
        "{left:?}"
    );
    assert!(
        !left
            .iter()
            .any(|name| name.starts_with("usr/") || name.contains("systemd")),
        "{left:?}"
    );
    assert_eq!(place.calls(), "", "a staged install touches no system");
}

#[test]
fn pages_and_completions_are_well_formed() {
    let place = Place::new();
    let pages = place.path("man");
    let powerlogger = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_powerlogger");
        good(&Command::new(binary).args(arguments).output().unwrap())
    };
    powerlogger(&["man", pages.to_str().unwrap()]);
    for page in files(&pages).keys() {
        let man = ["--warnings", "-E", "UTF-8", "-l"];
        let path = pages.join(page);
        let Ok(shown) = Command::new("man").args(man).arg(path).output() else {
            skip("pages_and_completions_are_well_formed", "no man");
            return;
        };
        let warnings = String::from_utf8_lossy(&shown.stderr);
        assert_eq!(warnings, "", "{page}");
        let name = page.trim_end_matches(".1").trim_end_matches(".5");
        assert!(good(&shown).contains(name), "{page}");
    }
    let keys = fs::read_to_string(pages.join("powerlogger.toml.5")).unwrap();
    assert!(keys.contains("#min_interval_ms = 30"), "{keys}");
    let export = fs::read_to_string(pages.join("powerlogger-export.1")).unwrap();
    for section in [".SH EXAMPLES", ".SH EXIT STATUS", ".SH SEE ALSO"] {
        assert!(export.contains(section), "{section}: {export}");
    }
    let first = fs::read_to_string(pages.join("powerlogger.1")).unwrap();
    assert!(!first.contains("man\\-"), "a hidden command has no page");
    for shell in ["bash", "zsh", "fish"] {
        let script = place.path(shell);
        let offered = powerlogger(&["completions", shell]);
        assert!(offered.contains("delete-buckets"), "{shell}");
        let mut words = offered.split(|c: char| !c.is_alphanumeric());
        assert!(!words.any(|word| word == "man"), "{shell}: it is hidden");
        fs::write(&script, offered).unwrap();
        if let Ok(checked) = Command::new(shell).arg("-n").arg(&script).output() {
            good(&checked);
        }
    }
    let version = powerlogger(&["--version"]);
    let named = concat!("powerlogger ", env!("CARGO_PKG_VERSION"), " (");
    assert!(version.starts_with(named), "{version}");
}

#[test]
fn the_unit_starts_the_binary_where_it_was_put() {
    let place = Place::new();
    let root = place.path("root");
    let env = [("DESTDIR", root.to_str().unwrap()), ("PREFIX", "/opt/pl")];
    good(&place.run("install.sh", &["install"], &env));
    let unit = fs::read_to_string(root.join("etc/systemd/system/powerlogger.service")).unwrap();
    assert!(unit.contains("ExecStart=/opt/pl/bin/powerlogger --config-dir /etc/powerlogger run\n"));
    assert!(root.join("opt/pl/bin/powerlogger").exists());
}

#[test]
fn each_package_manager_is_asked_for_a_compiler_in_its_own_words() {
    for (manager, want) in [
        (
            "apt-get",
            "apt-get install -y -q --no-install-recommends gcc libc6-dev",
        ),
        ("dnf", "dnf install -y gcc"),
        ("yum", "yum install -y gcc"),
        ("pacman", "pacman -S --noconfirm --needed gcc"),
    ] {
        let place = Place::new();
        place.stand_in(manager, "");
        place.stand_in("cargo", "echo 'cargo 1.99.0 (stand-in)'");
        place.stand_in("sudo", "exec \"$@\"");
        let said = good(&place.run("toolchain.sh", &[], &[]));
        assert!(
            said.contains(place.bin().join("cargo").to_str().unwrap()),
            "{said}"
        );
        let calls = place.calls();
        assert!(calls.lines().any(|call| call == want), "{manager}: {calls}");
    }
}

#[test]
fn the_service_targets_call_systemd() {
    let place = Place::new();
    place.stand_in("systemctl", "");
    place.stand_in("journalctl", "");
    place.stand_in("sudo", "");
    for (word, want) in [
        ("start", "systemctl start powerlogger"),
        ("stop", "systemctl stop powerlogger"),
        ("restart", "systemctl restart powerlogger"),
        ("status", "systemctl status --no-pager powerlogger"),
        ("logs", "journalctl -u powerlogger -f -n 100"),
    ] {
        good(&place.run("service.sh", &[word], &[]));
        let calls = place.calls();
        assert!(
            calls.lines().any(|call| call.ends_with(want)),
            "{word}: {calls}"
        );
    }
    place.stand_in("systemctl", "[ \"$1\" != cat ]");
    let refused = place.run("service.sh", &["start"], &[]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr.contains("make install"), "{stderr}");
    fs::remove_file(place.bin().join("systemctl")).unwrap();
    let refused = place.run("service.sh", &["start"], &[]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no systemd"));
}

#[test]
fn every_target_of_the_original_is_there() {
    let makefile = fs::read_to_string(Path::new(CLONE).join("Makefile")).unwrap();
    for target in [
        "help",
        "install",
        "setup-influxdb",
        "verify",
        "delete-buckets",
        "clean",
        "service-install",
        "service-start",
        "service-stop",
        "service-restart",
        "service-status",
        "service-logs",
        "service-debug-on",
        "service-debug-off",
        "uninstall",
    ] {
        let line = format!("\n{target}: ## ");
        assert!(makefile.contains(&line), "{target}");
    }
    let shown = Command::new("make")
        .arg("-C")
        .arg(CLONE)
        .arg("help")
        .output();
    let Ok(shown) = shown else {
        skip("every_target_of_the_original_is_there", "no make");
        return;
    };
    assert!(String::from_utf8_lossy(&shown.stdout).contains("setup-influxdb"));
}

#[test]
fn the_unit_is_valid_and_hardened() {
    let unit = Path::new(CLONE).join("dist/systemd/powerlogger.service");
    let text = fs::read_to_string(&unit).unwrap();
    for line in [
        "StartLimitIntervalSec=0",
        "RestartSteps=5",
        "RestartMaxDelaySec=30",
        "RestartPreventExitStatus=78",
        "LoadCredential=influx-token",
        "RuntimeDirectory=powerlogger",
        "DeviceAllow=char-gpiochip rw",
    ] {
        assert!(text.lines().any(|of| of == line), "{line}");
    }
    let rated = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(&unit)
        .output();
    let Ok(rated) = rated else {
        skip("the_unit_is_valid_and_hardened", "no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&rated.stdout);
    let exposure = said
        .split("powerlogger.service: ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<f64>().ok());
    let Some(exposure) = exposure else {
        // Versions before 250 cannot rate a file.
        skip(
            "the_unit_is_valid_and_hardened",
            "systemd-analyze rates no files",
        );
        return;
    };
    assert!(exposure <= 2.0, "exposure {exposure}");
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    // Versions before 254 do not know how pauses grow.
    let older = |line: &str| {
        line.contains("Unknown key")
            && (line.contains("'RestartSteps'") || line.contains("'RestartMaxDelaySec'"))
    };
    let wrong = said.lines().filter(|line| {
        line.contains("powerlogger.service") && !line.contains("not executable") && !older(line)
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_units_of_the_nightly_backup_are_valid() {
    let units = ["powerlogger-backup.service", "powerlogger-backup.timer"];
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(units.map(|unit| Path::new(CLONE).join("dist/systemd").join(unit)))
        .output();
    let Ok(verified) = verified else {
        skip(
            "the_units_of_the_nightly_backup_are_valid",
            "no systemd-analyze",
        );
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    let wrong = said
        .lines()
        .filter(|line| line.contains("powerlogger-backup") && !line.contains("not executable"));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_scripts_are_clean() {
    let scripts = fs::read_dir(Path::new(CLONE).join("scripts")).unwrap();
    let package = fs::read_dir(Path::new(CLONE).join("scripts/package")).unwrap();
    let scripts = scripts.chain(package).map(|entry| entry.unwrap().path());
    let scripts: Vec<PathBuf> = scripts.filter(|path| path.is_file()).collect();
    assert!(scripts.len() > 4);
    match Command::new("shellcheck")
        .arg("-x")
        .args(&scripts)
        .current_dir(CLONE)
        .output()
    {
        Ok(output) => {
            good(&output);
        }
        Err(_) => skip("the_scripts_are_clean", "no shellcheck"),
    }
}
