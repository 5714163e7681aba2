//! Whether there is a server to send to; if not, what is lacking and what to do.

use std::path::Path;

use super::ca_file;
use super::given::Filled;
use super::influx::InfluxSettings;
use super::lacking::{Lacking, is_placeholder};
use super::options::LoadOptions;
use super::problem::{ConfigPart, ConfigProblem, DOTENV_FILE, Findings, Origin};
use super::token;

/// Where the ways of installing put the example of `.env`.
const EXAMPLES: [&str; 2] = [
    "/usr/share/powerlogger/env.example",
    "/usr/local/share/powerlogger/env.example",
];

/// Whether there is a server to send to.
#[derive(Debug, Clone, PartialEq)]
pub enum Influx {
    /// There is.
    Configured(Box<InfluxSettings>),
    /// Not yet; the text says what is missing and what to do.
    NotConfigured(String),
}

/// The server, if there is all of it and nothing is wrong with it. `dir`: where the files are.
pub(super) fn find(
    (mut settings, mut lacking): (InfluxSettings, Vec<Lacking>),
    values: &Filled,
    findings: &mut Findings,
    options: &LoadOptions,
    dir: &Path,
) -> Influx {
    check_ca_file(values, findings, &settings);
    let found = token::find(values, &options.env, dir, &settings, &mut findings.notes);
    settings.token = found.unwrap_or_else(|problem| {
        findings.problems.push(problem);
        None
    });
    let of_server = |problem: &&ConfigProblem| problem.part == ConfigPart::Server;
    let wrong = findings.problems.iter().filter(of_server);
    let wrong: Vec<String> = wrong.map(ToString::to_string).collect();
    if !wrong.is_empty() {
        return Influx::NotConfigured(format!("there is a mistake: {}", wrong.join("; ")));
    }
    if settings.token.is_none() && !token::may_be_in_file(dir, &lacking) {
        let name = "INFLUX_TOKEN";
        let is_placeholder = values
            .get(name)
            .is_some_and(|value| is_placeholder(&value.text));
        lacking.push(Lacking {
            name,
            is_placeholder,
        });
    }
    if !lacking.is_empty() {
        return Influx::NotConfigured(remedy(&lacking, dir));
    }
    match settings.not_for_simulated() {
        Some(bucket) if options.simulated => Influx::NotConfigured(format!(
            "the pulses are simulated, and the bucket \"{bucket}\" is not named for them: they are sent only where \
             RAW_BUCKET, B1M_BUCKET, B5M_BUCKET and B1H_BUCKET have \"simulated\" in their names"
        )),
        _ => Influx::Configured(Box::new(settings)),
    }
}

/// What is to be done about what is lacking, with a file that shows how it is written, if there is one.
fn remedy(lacking: &[Lacking], dir: &Path) -> String {
    let of = |is_placeholder, one: &str, more: &str| {
        let names = lacking
            .iter()
            .filter(|key| key.is_placeholder == is_placeholder);
        let names: Vec<&str> = names.map(|key| key.name).collect();
        match names.split_last() {
            None => None,
            Some((last, [])) => Some(format!("{last} {one}")),
            Some((last, first)) => Some(format!("{} and {last} {more}", first.join(", "))),
        }
    };
    let parts = [
        of(false, "is not set", "are not set"),
        of(
            true,
            "still holds the example's placeholder",
            "still hold the example's placeholders",
        ),
    ];
    let what = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let beside = dir.join(".env.example");
    let examples = [
        beside.as_path(),
        Path::new(EXAMPLES[0]),
        Path::new(EXAMPLES[1]),
    ];
    let example = examples.into_iter().find(|path| path.exists());
    let example = example.map_or_else(String::new, |path| {
        format!(" (an example: {})", path.display())
    });
    format!("{what}; edit {}{example}", dir.join(DOTENV_FILE).display())
}

/// A server that speaks TLS is not asked with other certificates than the ones that were meant.
fn check_ca_file(values: &Filled, findings: &mut Findings, settings: &InfluxSettings) {
    let Some(path) = settings
        .ca_file
        .as_ref()
        .filter(|_| settings.host.starts_with("https:"))
    else {
        return;
    };
    let Err(why) = ca_file::check(path) else {
        return;
    };
    let name = "influx.ca_file";
    let origin = values
        .get(name)
        .map_or(Origin::Default, |value| value.origin.clone());
    let message = format!("{name}: {why}");
    findings.add(ConfigProblem::new(origin, message).of(ConfigPart::Server));
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
