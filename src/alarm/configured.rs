//! The receivers that the configuration names, and whether they can be reached.

use super::broker::BrokerSink;
use super::http::Request;
use super::mail::MailSink;
use super::sink::AlarmSink;
use super::webhook::WebhookSink;
use crate::config::AlarmSettings;

/// The receivers that are configured.
pub fn sinks(settings: &AlarmSettings) -> Vec<Box<dyn AlarmSink>> {
    let webhooks = settings.webhooks.iter();
    let webhooks =
        webhooks.map(|webhook| -> Box<dyn AlarmSink> { Box::new(WebhookSink::new(webhook)) });
    let mail = settings.mail.iter();
    let mail = mail.map(|mail| -> Box<dyn AlarmSink> { Box::new(MailSink::new(mail)) });
    let broker = settings.mqtt.iter();
    let broker = broker.map(|mqtt| -> Box<dyn AlarmSink> { Box::new(BrokerSink::new(mqtt)) });
    webhooks.chain(mail).chain(broker).collect()
}

/// By name, whether each receiver that is configured, and the heartbeat's, can be reached: its server answers anything at
/// all, or its program is there. Nobody is told anything.
pub fn reachable(settings: &AlarmSettings) -> Vec<(String, Result<String, String>)> {
    let mut found = Vec::new();
    for webhook in &settings.webhooks {
        let look = Request::look(&webhook.url.origin, webhook.ca_file.clone());
        let seen = look.map(|()| format!("{} answers", webhook.url.origin));
        found.push((format!("webhook {}", webhook.service), seen));
    }
    if let Some(mail) = &settings.mail {
        found.push(("sendmail".to_owned(), MailSink::new(mail).look()));
    }
    if let Some(mqtt) = &settings.mqtt {
        found.push(("alarms by MQTT".to_owned(), BrokerSink::new(mqtt).look()));
    }
    if let Some(heartbeat) = &settings.heartbeat {
        let look = Request::look(&heartbeat.url.origin, heartbeat.ca_file.clone());
        let seen = look.map(|()| format!("{} answers", heartbeat.url.origin));
        found.push(("heartbeat".to_owned(), seen));
    }
    found
}
