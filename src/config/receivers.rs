//! Names of receivers of alarms that no webhook may have.

/// Mail.
pub const SENDMAIL: &str = "sendmail";

/// Those who listen at the MQTT broker.
pub const MQTT: &str = "mqtt";
