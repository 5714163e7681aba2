//! `[alarms]`, `[[webhook]]` and `[heartbeat]`: who is told when something is wrong, and when.

use std::path::Path;
use std::path::PathBuf;

use jiff::civil::Time;

use super::given::Given;
use super::heartbeat::HeartbeatSettings;
use super::key::key;
use super::mqtt::MqttSettings;
use super::nearest::did_you_mean;
use super::receivers::{MQTT, SENDMAIL};
use super::section::Section;
use super::webhook::WebhookSettings;
use crate::model::ALARM_WORDS;

/// Who is told when something is wrong, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlarmSettings {
    /// What is told; empty: all that is worse than good to know.
    pub conditions: Vec<&'static str>,
    /// What is not told.
    pub except: Vec<&'static str>,
    /// What is wrong for so long is told, in seconds.
    pub after_s: u32,
    /// What has been right again for so long is told to have ended, in seconds.
    pub clear_after_s: u32,
    /// From when to when nobody is woken, by local time; None: at any time.
    pub quiet_hours: Option<QuietHours>,
    /// What is critical is told also then.
    pub wakes_if_critical: bool,
    /// What begins and ends within so many seconds is told in one message, unless it is critical.
    pub digest_s: u32,
    /// Who gets a mail.
    pub mail: Option<MailSettings>,
    /// The broker where it is told, too.
    pub mqtt: Option<MqttSettings>,
    /// Services that get a request.
    pub webhooks: Vec<WebhookSettings>,
    /// Receivers that are written with a mistake: what they are to be told waits until it is mended.
    pub left_out: Vec<String>,
    /// Who is told that all is well.
    pub heartbeat: Option<HeartbeatSettings>,
}

/// Hours of a local day; the end is excluded. They may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// The first minute.
    pub from: Time,
    /// The minute that is no longer quiet.
    pub to: Time,
}

/// Mail by the machine's own `sendmail`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// The program.
    pub program: PathBuf,
    /// Who gets it.
    pub to: Vec<String>,
}

impl AlarmSettings {
    /// Whether there is nothing to do.
    pub fn is_off(&self) -> bool {
        let is_written = self.mail.is_some() || self.mqtt.is_some();
        let is_told = is_written || !self.webhooks.is_empty() || !self.left_out.is_empty();
        !is_told && self.heartbeat.is_none()
    }
}

/// Reads `[alarms]`. `broker`: that of `[mqtt]`.
pub(super) fn read(s: &mut Section<'_>, broker: Option<&MqttSettings>) -> AlarmSettings {
    let conditions = s.list(
        key(
            "alarms.conditions",
            "what is told; unless set: all that is worse than good to know",
        ),
        "",
    );
    let conditions = conditions.map_or_else(Vec::new, |given| words(s, &given));
    let except = s.list(key("alarms.except", "what is not told"), "");
    let except = except.map_or_else(Vec::new, |given| words(s, &given));
    let after = key("alarms.after_s", "what is wrong for so long is told");
    let after_s = s.number(after, 60, 0..=86_400);
    let clear = key(
        "alarms.clear_after_s",
        "what is right again for so long is told to be over",
    );
    let clear_after_s = s.number(clear, 300, 0..=86_400);
    let quiet = key(
        "alarms.quiet_hours",
        "from when to when nobody is woken, by local time",
    );
    let quiet = s.text_if_set(quiet);
    let wakes = key("alarms.quiet_except", "what is told in these hours, too");
    let wakes_if_critical = s.choice(wakes, &[("critical", true), ("none", false)]);
    let digest = key(
        "alarms.digest_s",
        "what comes within this time goes into one message; what is critical does not wait",
    );
    let digest_s = s.number(digest, 0, 0..=86_400);
    let (mail, is_mail_wrong) = mail(s);
    let is_by_mqtt = s.flag(
        key("alarms.mqtt", "tell it at the broker of [mqtt], too"),
        false,
    );
    let lacks_broker = is_by_mqtt && broker.is_none();
    if let Some(given) = s.given("alarms.mqtt").filter(|_| lacks_broker) {
        let message = "there is no broker that can be used: write url into [mqtt], or correct it";
        s.complain(&given, message);
    }
    let left_out = [(is_mail_wrong, SENDMAIL), (lacks_broker, MQTT)];
    let left_out = left_out.into_iter().filter(|(is_left_out, _)| *is_left_out);
    AlarmSettings {
        conditions,
        except,
        after_s,
        clear_after_s,
        quiet_hours: quiet.and_then(|given| checked_hours(s, &given)),
        wakes_if_critical,
        digest_s,
        mail,
        mqtt: broker.filter(|_| is_by_mqtt).cloned(),
        webhooks: Vec::new(),
        left_out: left_out.map(|(_, name)| name.to_owned()).collect(),
        heartbeat: None,
    }
}

/// The words of conditions that are listed.
fn words(s: &mut Section<'_>, given: &Given) -> Vec<&'static str> {
    let mut found = Vec::new();
    for item in given.items() {
        match ALARM_WORDS.iter().find(|word| **word == item) {
            Some(word) => found.push(*word),
            None => {
                let hint = did_you_mean(item, ALARM_WORDS.into_iter());
                s.complain(given, format!("\"{item}\" is no condition{hint}"));
            }
        }
    }
    found
}

fn checked_hours(s: &mut Section<'_>, given: &Given) -> Option<QuietHours> {
    if given.text.trim().is_empty() {
        return None;
    }
    match hours(&given.text) {
        Some(hours) => Some(hours),
        None => {
            let message = format!(
                "\"{}\" is no time of day to another one, such as \"22:00-07:00\"",
                given.text
            );
            s.complain(given, message);
            None
        }
    }
}

fn hours(text: &str) -> Option<QuietHours> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (time(from)?, time(to)?);
    // All day is no hours of a day; who wants none switches alarms off.
    (from != to).then_some(QuietHours { from, to })
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number = |text: &str| text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let hour: i8 = hour.parse().ok()?;
    // The end of a day is its beginning, too.
    let hour = if hour == 24 && minute == "00" {
        0
    } else {
        hour
    };
    Time::new(hour, minute.parse().ok()?, 0, 0).ok()
}

/// Who gets a mail, and whether that is written with a mistake.
fn mail(s: &mut Section<'_>) -> (Option<MailSettings>, bool) {
    let to = key("alarms.sendmail_to", "who gets a mail");
    let to = s.list(to, "");
    let program = s.text(
        key("alarms.sendmail", "the program that sends it"),
        "/usr/sbin/sendmail",
    );
    let Some(given) = to else {
        return (None, false);
    };
    let to: Vec<String> = given.items().map(str::to_owned).collect();
    let is_address = |item: &String| {
        item.chars()
            .all(|c| c.is_ascii_graphic() && !"<>()\"\\;".contains(c))
            && !item.starts_with('-')
    };
    if let Some(wrong) = to.iter().find(|item| !is_address(item)) {
        s.complain(&given, format!("\"{wrong}\" is no address of a mail"));
        return (None, true);
    }
    if !Path::new(&program.text).is_absolute() {
        s.complain(
            &program,
            format!(
                "\"{}\" is no whole path, such as /usr/sbin/sendmail",
                program.text
            ),
        );
        return (None, !to.is_empty());
    }
    let mail = (!to.is_empty()).then(|| MailSettings {
        program: PathBuf::from(&program.text),
        to,
    });
    (mail, false)
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;
