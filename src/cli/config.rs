//! `powerlogger config`: what the configuration comes to, and whether it is good.

use std::io::Write;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use crate::clock::{Clock, SystemClock};
use crate::config::catalogue::catalogue;
use crate::config::key::Key;
use crate::config::problem::Value;
use crate::config::{Filled, Influx, LoadOptions, Loaded, load};
use crate::energy::periods::Calendar;
use crate::influx::proxy;
use crate::verify::unlisted::unlisted;

/// The commands below `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show every value and where it came from.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say whether the configuration is good; all problems at once if it is not.
    Check,
}

/// Shows or checks.
///
/// # Errors
/// When the configuration is not good.
pub fn config(command: &ConfigCommand, options: &LoadOptions, out: &mut dyn Write) -> Result<()> {
    let loaded = load(options)?;
    match command {
        ConfigCommand::Check => check(&loaded, out),
        ConfigCommand::Show { json: true } => show_json(&loaded, out),
        ConfigCommand::Show { json: false } => show(&loaded, out),
    }
}

fn check(loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    loaded.check()?;
    let mut own_notes = unlisted(loaded);
    own_notes.extend(dated_ahead(loaded));
    let good = "The configuration is good";
    match loaded.notes.len() + own_notes.len() {
        0 => writeln!(out, "{good}.")?,
        1 => writeln!(out, "{good}; please read the note below.")?,
        n => writeln!(out, "{good}; please read the {n} notes below.")?,
    }
    places(loaded, out)?;
    for meter in &loaded.settings.meters {
        let most = meter.countable_rate().map_or_else(String::new, |most| {
            format!(", counts up to {}", meter.unit.shown_rate(most))
        });
        writeln!(
            out,
            "meter      {} on {}{most}",
            meter.name, meter.line.line
        )?;
    }
    match &loaded.settings.influx {
        Influx::Configured(influx) => {
            writeln!(
                out,
                "InfluxDB   {} (organization {})",
                influx.host, influx.org
            )?;
        }
        Influx::NotConfigured(why) => writeln!(out, "InfluxDB   not configured: {why}")?,
    }
    for note in own_notes {
        writeln!(out, "note       {note}")?;
    }
    notes(loaded, out)
}

/// Of each meter whose last factor is dated in the future.
fn dated_ahead(loaded: &Loaded) -> impl Iterator<Item = String> + use<'_> {
    let calendar = Calendar::new(loaded.settings.site.zone());
    let now_s = SystemClock.wall_ns().s();
    let meters = loaded.settings.meters.iter();
    meters.filter_map(move |meter| meter.dated_ahead(&calendar, now_s))
}

fn places(loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let files = if loaded.files.is_empty() {
        "no file there: all defaults".to_owned()
    } else {
        loaded.files.join(", ")
    };
    writeln!(out, "files      {}: {files}", loaded.config_dir.display())?;
    let (dir, origin) = (
        loaded.settings.journal.dir.display(),
        &loaded.journal_dir_origin,
    );
    writeln!(out, "journal    {dir} ({origin})")?;
    Ok(())
}

fn notes(loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    for note in &loaded.notes {
        writeln!(out, "note       {note}")?;
    }
    Ok(())
}

fn show(loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    places(loaded, out)?;
    for row in rows(loaded) {
        let ShownKey {
            name, text, origin, ..
        } = row;
        writeln!(out, "{name:<28} {text:<28} {origin}")?;
    }
    if let Influx::NotConfigured(why) = &loaded.settings.influx {
        writeln!(out, "InfluxDB is not configured: {why}")?;
    }
    if let Some(proxy) = proxy_to(&loaded.settings.influx) {
        writeln!(out, "proxy      {proxy}")?;
    }
    for problem in &loaded.problems {
        writeln!(out, "problem    {problem}")?;
    }
    notes(loaded, out)
}

/// The proxy that leads to the server, and the variable that names it, in this environment.
fn proxy_to(influx: &Influx) -> Option<String> {
    let Influx::Configured(influx) = influx else {
        return None;
    };
    let chosen = proxy::chosen(&influx.host, &|name| std::env::var(name).ok());
    chosen.map(|chosen| chosen.shown())
}

fn show_json(loaded: &Loaded, out: &mut dyn Write) -> Result<()> {
    let shown = |row: ShownKey| {
        json!({
            "key": row.name,
            "value": row.text,
            "origin": row.origin,
            "default": row.key.default,
            "unit": row.key.unit(),
            "allowed": row.key.allowed(),
            "meaning": row.key.doc,
        })
    };
    let values: Vec<_> = rows(loaded).into_iter().map(shown).collect();
    let all = json!({
        "config_dir": loaded.config_dir,
        "files": loaded.files,
        "journal_dir": loaded.settings.journal.dir,
        "influx_configured": matches!(loaded.settings.influx, Influx::Configured(_)),
        "proxy": proxy_to(&loaded.settings.influx),
        "values": values,
        "notes": loaded.notes,
        "problems": loaded.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    writeln!(out, "{all:#}")?;
    Ok(())
}

/// What is shown of a key.
struct ShownKey {
    /// The key's name, with the number of its table where there are several.
    name: String,
    /// Its value, hidden if it is a secret.
    text: String,
    origin: String,
    key: &'static Key,
}

impl ShownKey {
    fn new(name: String, key: &'static Key, value: Option<&Value>) -> ShownKey {
        let text = match value {
            Some(value) if key.secret => hidden(&value.text),
            Some(value) => value.text.clone(),
            None => "-".to_owned(),
        };
        let origin = value.map_or_else(|| "not set".to_owned(), |value| value.origin.to_string());
        ShownKey {
            name,
            text,
            origin,
            key,
        }
    }
}

/// Every key of every table. The keys of the Python edition for the lines stand in none: what they say, the meters
/// say.
fn rows(loaded: &Loaded) -> Vec<ShownKey> {
    let tables = catalogue().tables.iter();
    let once = tables.filter(|table| !table.is_many);
    let once = once.flat_map(|table| &table.keys);
    let mut rows: Vec<ShownKey> = once
        .map(|key| ShownKey::new(key.name.to_owned(), key, loaded.values.get(key.name)))
        .collect();
    rows.extend(rows_of_many("meter", &loaded.meters));
    rows.extend(rows_of_many("tariff", &loaded.tariffs));
    rows.extend(rows_of_many("webhook", &loaded.webhooks));
    rows
}

/// The keys that are set in each of several tables of a name.
fn rows_of_many(name: &'static str, tables: &[Filled]) -> impl Iterator<Item = ShownKey> {
    let keys = catalogue().table(name).map_or(&[][..], |table| &table.keys);
    (1..).zip(tables).flat_map(move |(number, table)| {
        keys.iter().filter_map(move |key| {
            let value = table.get(key.name)?;
            let shown = format!("{name} {number} {}", key.name);
            Some(ShownKey::new(shown, key, Some(value)))
        })
    })
}

/// The first four characters at most, and never half of a short one.
fn hidden(secret: &str) -> String {
    let shown: String = if secret.chars().count() >= 12 {
        secret.chars().take(4).collect()
    } else {
        String::new()
    };
    format!("{shown}…")
}
