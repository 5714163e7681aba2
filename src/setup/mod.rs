//! Set-up of the server: four buckets, three tasks, two tokens, made or repaired by plan.
//!
//! [`inspect`] looks at what is there, [`plan`] (pure) says what is to be done about it, [`apply`]
//! does it, one action after another; [`removal`] takes it away. Each action is whole in itself and leaves its mark ([`mark`]),
//! so that a run that dies in the middle is completed by the next, which plans from what is there.
//!
//! Nothing is touched that does not bear our mark with this installation's id, but for the four
//! buckets that the configuration names, whose retention is theirs to have: of buckets that another installation shares
//! ([`sharing`]) it is never shortened. The id is bound to its machine ([`installation`]).

mod action;
pub mod answer;
pub mod apply;
pub mod inspect;
pub mod installation;
pub mod machine;
pub mod mark;
pub mod plan;
pub mod refused;
pub mod removal;
pub mod session;
pub mod sharing;
pub mod tasks;
pub mod writer_file;
