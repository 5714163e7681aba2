//! The server that a run delivers to, as the caller of it connects to one.

use crate::config::Settings;
use crate::deliver::sink::Sink;
use crate::reconcile::server::Server;

/// The server, as the stages behind the journal see it.
#[derive(Debug, Default)]
pub struct Remote {
    /// Where batches go; None: nowhere.
    pub sink: Option<Box<dyn Sink>>,
    /// Whose buckets are kept equal to the journal; None: no server's.
    pub server: Option<Box<dyn Server>>,
}

/// Makes a [`Remote`] for the server that the settings name, or says why that cannot be used.
pub struct RemoteMaker(pub Box<MakeRemote>);

type MakeRemote = dyn Fn(&Settings) -> Result<Remote, String>;

impl std::fmt::Debug for RemoteMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteMaker")
    }
}
