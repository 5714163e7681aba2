//! What the reconciler says: what was put right, what was left, what a hand must do.

use tracing::{debug, info, warn};

use super::compare::{Difference, WindowVerdict};
use super::lane::{Lane, Stretch, StretchKind};
use super::reconciler::Reconciler;
use crate::journal::{DeliveryNews, DestinationState};
use crate::model::{Tier, ViewsState};
use crate::server::failure::Hold;
use crate::server::reminder::Remind;

/// What that means for them.
fn unread() -> &'static str {
    "the server answers no queries: windows are written once, as the journal has them, and those that it has not \
     watched to the second (with a restart in them, or imported) are not written"
}

/// What to do about a trouble that only a hand can help.
pub(super) fn advice(hold: Hold) -> &'static str {
    match hold {
        Hold::NotFound | Hold::Forbidden => {
            "; the bucket is not there, or the token may not read and write it: run `powerlogger setup`"
        }
        Hold::Unauthorized => "; the token is not valid: run `powerlogger setup`",
        Hold::BadRequest | Hold::NotTheApi => "; check INFLUX_HOST and INFLUX_ORG",
        Hold::LinesRefused | Hold::Limit => "; see the server's log",
        Hold::FieldType => "; another program writes the field Pulse with another type there",
    }
}

/// What a lane that holds some days back has to say; None: it holds none.
pub(super) fn held(lane: &Lane) -> Option<(&'static str, String)> {
    let dates = lane.held.dates()?;
    let level = lane.level.as_str();
    let advice = "another program has written the field Pulse with another type into their shards: stop it, \
                  and delete its points or choose another bucket or MEASUREMENT";
    Some((
        Hold::FieldType.as_str(),
        format!("{level}: windows of {dates} are not taken, all others are compared; {advice}"),
    ))
}

/// Says what was put right, and what was not.
pub(super) fn differences(
    level: Tier,
    stretch: &Stretch,
    differences: &[Difference],
    done: usize,
    read: bool,
) {
    let from = crate::influx::flux::time_s(stretch.from_s);
    let to = crate::influx::flux::time_s(stretch.to_s);
    let level = level.as_str();
    for Difference {
        meter,
        start_s,
        journal,
        raw,
        found,
        verdict,
        ..
    } in differences
    {
        debug!(
            level,
            meter,
            start_s,
            journal,
            raw,
            found,
            ?verdict,
            "a window differs"
        );
    }
    if done > 0 && read {
        info!(level, from, to, done, "the server's windows were put right");
    }
    let mut foreign = differences
        .iter()
        .filter(|difference| difference.verdict == WindowVerdict::Foreign);
    if let Some(first) = foreign.next().filter(|_| stretch.kind != StretchKind::Look) {
        warn!(
            level,
            from,
            to,
            windows = foreign.count() + 1,
            meter = first.meter,
            "the server holds more pulses than the journal knows: another writer? Left as it is \
             (`powerlogger audit` lists them)"
        );
    }
}

impl Reconciler {
    /// Says how it stands, when that has changed.
    pub(super) fn tell_condition(&mut self) {
        let trouble = self.lanes.iter().find_map(|lane| lane.trouble.clone());
        let trouble = trouble.or_else(|| self.lanes.iter().find_map(held));
        let trouble = trouble
            .or_else(|| (!self.readable).then(|| (ViewsState::Unread.word(), unread().to_owned())));
        let (word, message) = trouble.unwrap_or(("ok", String::new()));
        let tell = self.condition.is_now(word, self.clock.mono_ns());
        if tell == Remind::Quiet {
            return;
        }
        if word == "ok" {
            if tell == Remind::Changed {
                info!("the server's windows are compared with the journal's");
            }
        } else if ViewsState::from_word(word) == ViewsState::Unread {
            if tell == Remind::Changed {
                info!("{message}");
            }
        } else {
            warn!(
                kind = word,
                why = message,
                "the server's windows cannot be compared; trying again"
            );
        }
        if tell == Remind::Changed {
            let state = DestinationState {
                state: word.to_owned(),
                message,
                since_ns: self.clock.wall_ns(),
            };
            self.board.publish_views(|views| {
                views.state = ViewsState::from_word(word);
                views.message.clone_from(&state.message);
                views.since_ns = state.since_ns;
            });
            self.outbox.leave(DeliveryNews {
                views: Some(state),
                ..DeliveryNews::default()
            });
        }
    }
}
