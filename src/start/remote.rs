//! The server as the daemon's stages see it, by the settings.

use crate::config::{Influx, Loaded, Settings};
use crate::daemon::Remote;
use crate::deliver::influx_sink::InfluxSink;
use crate::deliver::sink::Sink;
use crate::influx::error::chain;
use crate::reconcile::influx_server::InfluxServer;

/// The server, if one is configured. `loaded`: where newer tokens are looked for.
///
/// # Errors
/// Why it cannot be used, such as a file of certificates that holds none.
pub(super) fn remote(loaded: &Loaded, settings: &Settings) -> Result<Remote, String> {
    let Influx::Configured(influx) = &settings.influx else {
        return Ok(Remote::default());
    };
    let lookup = || {
        let (again, of) = (loaded.clone(), influx.clone());
        Box::new(move || again.reload_token(&of))
    };
    let sink = InfluxSink::new(influx, lookup()).map_err(|failed| chain(&failed))?;
    let server = InfluxServer::new(influx, lookup()).map_err(|failed| chain(&failed))?;
    Ok(Remote {
        sink: influx.raw.then(|| -> Box<dyn Sink> { Box::new(sink) }),
        server: Some(Box::new(server)),
    })
}
