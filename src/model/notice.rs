//! What stands beside the state of the stages: what is to be said of the configuration, and of what it names.

/// What the configuration's files say that the running daemon cannot do, each with the text for people: what is the matter,
/// and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// The files are wrong.
    ConfigurationWrong(String),
    /// The files say something that takes a restart.
    ConfigurationDiffers(String),
    /// There is a server and no way to use it.
    ServerUnusable(String),
    /// The page is not served where it is to be.
    PageNotReachable(String),
    /// The MQTT broker does not answer.
    BrokerUnreachable(String),
    /// The MQTT broker does not take the daemon, or the daemon does not trust it.
    BrokerRefuses(String),
    /// The MQTT broker does not keep what is published on a topic.
    TopicRefused(String),
}
