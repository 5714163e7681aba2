//! Settings: what `.env`, `powerlogger.toml` and the environment say, checked and typed.
//!
//! Three steps, three kinds of type: the files *as written* ([`dotenv`], `raw`); the *tables* read from them by a file
//! each (`section` and `sections`), where the line that reads a key declares it, each value with the place it came
//! from; and [`Settings`], which hold domain types only and are all that the other rooms see, each its own part.
//!
//! A new key is one line in the file of its table; a new table is a file and a line in `sections`. [`catalogue::catalogue`]
//! knows all of them.

pub mod address;
pub mod catalogue;
pub mod content;
pub mod described;
pub mod dotenv;
pub mod edit;
pub mod in_use;
pub mod key;
pub mod load;
pub mod problem;
pub mod spacing;
pub mod text;
pub mod token;
pub mod watch;

mod alarms;
mod ca_file;
mod classic;
mod clock;
mod dated_factors;
mod deliver;
mod destination;
mod given;
mod heartbeat;
mod influx;
mod journal;
mod lacking;
mod line_name;
mod log;
mod merge;
mod meter_settings;
mod meters;
mod misspelt;
mod mqtt;
mod nearest;
mod options;
mod place;
mod price_file;
mod price_lists;
mod raw;
mod raw_table;
mod receivers;
mod seconds;
mod secret;
mod section;
mod sections;
mod server;
mod settings;
mod site;
mod size;
mod syntax;
mod tariff_times;
mod tariffs;
mod template;
mod unique;
mod web;
mod web_address;
mod webhook;
mod worth;

pub use alarms::{AlarmSettings, MailSettings, QuietHours};
pub use clock::ClockSettings;
pub use dated_factors::{DatedFactor, Since};
pub use deliver::DeliverSettings;
pub use destination::destination_name;
pub use given::Filled;
pub use heartbeat::HeartbeatSettings;
pub use influx::{BUCKETS, Downsampling, InfluxSettings, MEASUREMENT};
pub use journal::JournalSettings;
pub use load::{Loaded, load, unreadable};
pub use log::LogSettings;
pub use meter_settings::{FilterSettings, LineName, LineSettings, MeterSettings};
pub use mqtt::{BrokerAddress, Language, MqttSettings};
pub use options::LoadOptions;
pub use problem::{ConfigError, TOML_FILE};
pub use receivers::{MQTT, SENDMAIL};
pub use secret::{Secret, Token, TokenSource};
pub use server::Influx;
pub use settings::Settings;
pub use site::{Currency, SiteSettings};
pub use tariffs::{Pricing, TariffSettings};
pub use template::{Placeholder, Template};
pub use web::{Listen, WEB_PORT, WebSettings};
pub use web_address::WebAddress;
pub use webhook::{BodyForm, WebhookSettings};

#[cfg(test)]
#[path = "fixture_tests.rs"]
mod fixture;
