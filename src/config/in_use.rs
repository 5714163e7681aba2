//! What the daemon that runs uses, against what the files say. Pure.

use super::Loaded;
use super::described::{
    CONFIG_DIR, Described, KEEPS, OFF, describe, differences, without_the_unnoted,
};
use crate::model::Notice;

/// Within how long the daemon takes up what concerns the server, as people are told.
pub const SOON: &str = "within about 10 s";

/// The two, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsInUse {
    /// Where it sends to; Err: why nowhere.
    pub sends_to: Result<String, String>,
    /// It reads the files of this other directory.
    pub other_dir: Option<String>,
    /// What of the server differs: taken up without a restart.
    pub of_server: Vec<String>,
    /// What else differs: that takes one.
    pub by_restart: Vec<String>,
}

impl SettingsInUse {
    /// Compares what the daemon has noted with what is configured; None: it has noted nothing (an older version).
    pub fn new(noted: &Described, loaded: &Loaded) -> Option<SettingsInUse> {
        let dir = noted.get(CONFIG_DIR)?;
        let mut files = without_the_unnoted(describe(&loaded.settings, &loaded.config_dir));
        let other_dir = files
            .remove(CONFIG_DIR)
            .filter(|own| own != dir)
            .map(|_| dir.clone());
        let mut noted = without_the_unnoted(noted.clone());
        noted.remove(CONFIG_DIR);
        let host = noted.get("influx.host").cloned();
        let sends_to = match noted.get(OFF) {
            Some(why) => Err(why.clone()),
            None => host.ok_or_else(|| "no server is named".to_owned()),
        };
        Some(SettingsInUse {
            sends_to,
            other_dir,
            of_server: differences(&noted, &files, true),
            by_restart: differences(&noted, &files, false),
        })
    }

    /// Whether it runs with what is configured.
    pub fn is_same(&self) -> bool {
        self.of_server.is_empty() && self.by_restart.is_empty()
    }

    /// What to do about what differs.
    pub fn remedy(&self) -> String {
        match &self.other_dir {
            Some(dir) => format!(
                "it reads the files in {dir}: edit those, name them with --config-dir {dir}, or stop it and start \
                 it with these"
            ),
            None if self.by_restart.is_empty() => format!(
                "it takes this up {SOON}, unless its user may not read the files: see its log (`journalctl -u \
                 powerlogger -n 50`)"
            ),
            None => "restart it: `sudo systemctl restart powerlogger` (no pulse is lost), or stop and start \
                     `powerlogger run`"
                .to_owned(),
        }
    }

    /// All that differs, in one line.
    pub fn shown(&self) -> String {
        let all: Vec<&str> = self
            .of_server
            .iter()
            .chain(&self.by_restart)
            .map(String::as_str)
            .collect();
        all.join(", ")
    }
}

/// The names of the configured meters.
pub fn configured_meters(loaded: &Loaded) -> Vec<String> {
    let meters = loaded.settings.meters.iter();
    meters.map(|meter| meter.name.clone()).collect()
}

/// The meters that are counted: those of the files, or those of the running daemon where it could not have begun
/// with the files.
pub fn meter_names(loaded: &Loaded, noted: &Described) -> Vec<String> {
    if !loaded.forbids_counting() {
        return configured_meters(loaded);
    }
    let line_of = |key: &str| {
        let name = key.strip_prefix("meter \"")?.strip_suffix("\" line")?;
        Some(name.to_owned())
    };
    noted.keys().filter_map(|key| line_of(key)).collect()
}

/// What there is to say of the configuration. `noted`: what the running daemon has
/// noted; None: none runs.
pub fn notices(loaded: &Loaded, noted: Option<&Described>) -> Vec<Notice> {
    let wrong = loaded.check().err();
    let kept = noted.filter(|_| loaded.forbids_counting());
    let wrong = wrong.map(|wrong| match kept {
        Some(_) => Notice::ConfigurationWrong(format!("{wrong}\n  {KEEPS}")),
        None => Notice::ConfigurationWrong(wrong.to_string()),
    });
    // What is understood of files that are wrong is not what they are to say.
    let noted = noted.filter(|_| kept.is_none());
    let in_use = noted.and_then(|noted| SettingsInUse::new(noted, loaded));
    let differs = in_use.filter(|in_use| !in_use.is_same()).map(|in_use| {
        let (shown, remedy) = (in_use.shown(), in_use.remedy());
        Notice::ConfigurationDiffers(format!(
            "the running daemon has other settings than the files: {shown}; {remedy}"
        ))
    });
    wrong.into_iter().chain(differs).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{LoadOptions, load};

    fn loaded(dir: &std::path::Path, dotenv: &str) -> Loaded {
        fs::write(dir.join(".env"), dotenv).unwrap();
        load(&LoadOptions {
            config_dir: Some(dir.to_owned()),
            cwd: dir.to_owned(),
            ..LoadOptions::default()
        })
        .unwrap()
    }

    #[test]
    fn the_remedy_is_that_of_what_differs() {
        let dir = tempfile::tempdir().unwrap();
        let before = loaded(dir.path(), "");
        let noted = describe(&before.settings, &before.config_dir);
        let same = SettingsInUse::new(&noted, &before).unwrap();
        assert!(same.is_same() && same.sends_to.unwrap_err().contains("INFLUX_HOST"));
        assert_eq!(notices(&before, Some(&noted)), []);

        let server = loaded(
            dir.path(),
            "INFLUX_HOST=http://h:1\nINFLUX_ORG=o\nINFLUX_TOKEN=t\n",
        );
        let differs = SettingsInUse::new(&noted, &server).unwrap();
        assert!(
            differs.remedy().contains("within about 10 s"),
            "{}",
            differs.remedy()
        );
        assert_eq!(notices(&server, None), [], "none runs");

        let line = loaded(dir.path(), "GPIO_IMPORT_PIN=5\n");
        let differs = SettingsInUse::new(&noted, &line).unwrap();
        assert!(differs.remedy().contains("restart"), "{}", differs.remedy());

        let mut elsewhere = noted.clone();
        elsewhere.insert(CONFIG_DIR.to_owned(), "/etc/powerlogger".to_owned());
        let differs = SettingsInUse::new(&elsewhere, &line).unwrap();
        assert!(differs.remedy().contains("--config-dir /etc/powerlogger"));
        assert_eq!(SettingsInUse::new(&Described::new(), &line), None);
    }

    #[test]
    fn a_mistake_is_a_notice() {
        let dir = tempfile::tempdir().unwrap();
        let wrong = loaded(dir.path(), "INFLUX_HOST=http://h:x\n");
        let told = notices(&wrong, None);
        let Notice::ConfigurationWrong(text) = &told[0] else {
            panic!("{told:?}");
        };
        let wanted = ".env:1: INFLUX_HOST: the port \"x\"";
        assert!(text.contains(wanted), "{told:?}");
    }
}
