//! What stands beside the state of the stages: what is to be said of the configuration.

/// What the configuration's files say that the running daemon cannot do, each with the text for people.
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
}
