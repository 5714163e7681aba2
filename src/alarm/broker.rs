//! Those who listen at the MQTT broker.

use super::message::AlarmMessage;
use super::sink::{AlarmSink, SinkError};
use crate::config::{MQTT, MqttSettings};
use crate::mqtt;

/// The broker.
#[derive(Debug)]
pub(super) struct BrokerSink {
    settings: MqttSettings,
}

impl BrokerSink {
    pub(super) fn new(settings: &MqttSettings) -> BrokerSink {
        BrokerSink {
            settings: settings.clone(),
        }
    }

    /// Whether it takes us, and where the alarms would go; nobody is told anything.
    pub(super) fn look(&self) -> Result<String, String> {
        mqtt::broker_answers(&self.settings)?;
        let topic = mqtt::alarm_topic(&self.settings);
        Ok(format!("{} takes them for {topic}", self.settings.broker))
    }
}

impl AlarmSink for BrokerSink {
    fn name(&self) -> &str {
        MQTT
    }

    fn send(&mut self, message: &AlarmMessage) -> Result<(), SinkError> {
        let payload = message.to_json().to_string();
        // An alarm that cannot be read again there may well have arrived: it is not told twice for that.
        let is_test = message.events.is_empty();
        mqtt::tell_alarm(&self.settings, &payload, is_test).map_err(SinkError::new)
    }
}
