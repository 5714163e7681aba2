//! Where batches go: the seam between delivery and a server.

use std::fmt::Debug;

use crate::server::failure::Failure;

/// A destination for ready-made bodies of line protocol.
pub trait Sink: Debug + Send {
    /// Sends a body and waits for the answer. Ok means 204: the server has it.
    ///
    /// # Errors
    /// Everything else, also a lost answer: the points may have arrived all the same.
    fn send(&mut self, body: &[u8], compressed: bool) -> Result<(), Failure>;

    /// Looks for a newer token, after the server did not like the one at hand.
    fn refresh_token(&mut self);
}
