//! What `powerlogger register` says of a reading.

use std::io::Write;

use anyhow::Result;

use crate::cli::names::shell_word;
use crate::cli::numbers::count;
use crate::cli::time;
use crate::energy::register::{Drift, NewReading, ReadingRefused, base};
use crate::model::Reading;

/// "0.120 kWh more than counted (120 pulses missed, 0.4 %)".
pub(super) fn words(by: &Drift) -> String {
    let percent = by
        .percent
        .map_or(String::new(), |percent| format!(", {:.2} %", percent.abs()));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most a billion units of some ten thousand pulses"
    )]
    let pulses = count(by.pulses.abs().round() as i64, "pulse");
    let (unit, amount) = (by.unit.symbol(), by.by.abs());
    if amount < 0.000_5 {
        "as counted".to_owned()
    } else if by.by > 0.0 {
        format!("{amount:.3} {unit} more than counted ({pulses} missed{percent})")
    } else {
        format!("{amount:.3} {unit} less than counted ({pulses} too many{percent})")
    }
}

/// Why it is not taken.
pub(super) fn why_refused(new: &NewReading, refused: ReadingRefused) -> String {
    match refused {
        ReadingRefused::BeyondFace(digits) => format!(
            "{} is more than a face with {digits} digits can show (register_digits in powerlogger.toml)",
            new.shown
        ),
        ReadingRefused::InFuture => format!("{} is in the future", time::local(new.at_ns)),
        ReadingRefused::Older(than_ns) => {
            format!("there is a later reading, of {}", time::local(than_ns))
        }
    }
}

/// What has become of a reading that was kept, after the earlier ones.
pub(super) fn tell(
    name: &str,
    earlier: &[Reading],
    kept: &Reading,
    by: Option<&Drift>,
    out: &mut dyn Write,
) -> Result<()> {
    let (shown, unit) = (kept.shown, kept.worth.quantity.symbol());
    let Some((by, base)) = by.zip(base(earlier)) else {
        writeln!(
            out,
            "✓ {name}: the register is {shown} {unit}, and counted from here on"
        )?;
        return Ok(());
    };
    let since = time::local(base.at_ns);
    if by.is_rounding {
        writeln!(
            out,
            "✓ {name}: {shown} {unit}, as counted since {since}, to the last digit"
        )?;
    } else {
        writeln!(
            out,
            "• {name}: {shown} {unit} on the meter, {:.3} {} by the pulses since {since}: {}",
            by.expected,
            by.unit.symbol(),
            words(by)
        )?;
    }
    if kept.adopted {
        writeln!(out, "  The register is counted from this reading on.")?;
    } else {
        writeln!(
            out,
            "  Kept as a note; with --adopt the register is counted from this reading on."
        )?;
    }
    if by.is_implausible {
        writeln!(
            out,
            "  If it was a slip: `powerlogger register undo {}`",
            shell_word(name)
        )?;
    }
    Ok(())
}
