//! What all who speak with the server share: the connection, what its answers mean, how long to wait after
//! which, how much to put into a request.

pub mod connection;
pub mod dependencies;
pub mod encoding;
pub mod extras;
pub mod failure;
pub mod prices;
pub mod reminder;
pub mod request_size;
pub mod retry;

pub use self::connection::{Connection, TokenLookup};
pub use self::dependencies::Dependencies;
pub use self::encoding::Encoding;
pub use self::extras::Extras;
pub use self::failure::{Failure, Hold};
pub use self::prices::TariffsInUse;
pub use self::reminder::{Remind, Reminder};
pub use self::request_size::RequestSize;
pub use self::retry::RetryPolicy;
