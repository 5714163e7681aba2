//! The register of a meter: the number on its face, from a reading and the pulses counted since, in the reading's unit.
//! And the rules of entering a reading.

use crate::model::{Exchange, FaceDigits, PulseWorth, Quantity, Reading, WallNs};

/// The register, if `pulses` of the meter are in the journal: that of the last reading that was adopted, and what the pulses
/// since are worth, in the unit of that reading; it goes round where the face does. None: none was adopted.
pub fn shown(readings: &[Reading], pulses: i64) -> Option<f64> {
    base(readings).map(|base| on_face(base, pulses))
}

/// What a face shows that is counted from `base`.
fn on_face(base: &Reading, pulses: i64) -> f64 {
    let unit = base.worth.quantity;
    let through = unit.told(through(base, pulses));
    let wrapped = base.digits.map(|face| unit.told(face.wrapped(through)));
    wrapped.unwrap_or(through)
}

/// The same where a face never goes round.
fn through(base: &Reading, pulses: i64) -> f64 {
    base.shown + base.worth.amount(pulses - base.pulses)
}

/// The register at `at_ns`, when `pulses` of the meter were in the journal: from the last reading that was adopted by then, else
/// counted back from the first one after. None: none was.
pub fn shown_at(readings: &[Reading], at_ns: WallNs, pulses: i64) -> Option<f64> {
    let adopted = || readings.iter().filter(|reading| reading.adopted);
    let before = adopted().rev().find(|reading| reading.at_ns <= at_ns);
    let base = before.or_else(|| adopted().next())?;
    Some(on_face(base, pulses))
}

/// The reading from which the register is counted.
pub fn base(readings: &[Reading]) -> Option<&Reading> {
    readings.iter().rev().find(|reading| reading.adopted)
}

/// How a reading differs from what was counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// In which unit it is.
    pub unit: Quantity,
    /// What the pulses since the last adopted reading come to.
    pub expected: f64,
    /// The reading less that: positive where pulses were missed.
    pub by: f64,
    /// The same in pulses.
    pub pulses: f64,
    /// In per cent of what was consumed since; None: nothing was.
    pub percent: Option<f64>,
    /// It is less than one unit of the last digit on the face.
    pub is_rounding: bool,
    /// It is too large for pulses that were missed: a slip of the pen, another meter, or another factor.
    pub is_implausible: bool,
}

/// More than this, and more than a tenth of what was counted, is not taken for pulses that were missed.
fn plausible(unit: Quantity) -> f64 {
    match unit {
        Quantity::KilowattHours => 10.0,
        Quantity::WattHours => 10_000.0,
        // A cubic metre of gas is about ten kilowatt-hours.
        Quantity::CubicMetres => 1.0,
        Quantity::Litres => 1_000.0,
    }
}

/// Compares a reading with the earlier ones. `decimals`: how many digits behind the point it has. None: there
/// is nothing to compare with.
pub fn drift(earlier: &[Reading], reading: &Reading, decimals: usize) -> Option<Drift> {
    let base = base(earlier)?;
    let unit = base.worth.quantity;
    let read = unit.of(reading.worth.quantity, reading.shown)?;
    let through = through(base, reading.pulses);
    let by = match base.digits {
        Some(face) => nearest(read - through, face),
        None => read + gone_round(base.shown, read, through) - through,
    };
    let consumed = through + by - base.shown;
    let digits = i32::try_from(decimals).unwrap_or(0);
    Some(Drift {
        unit,
        expected: base.digits.map_or(through, |face| face.wrapped(through)),
        by,
        pulses: by * base.worth.pulses_per_unit,
        percent: (consumed > 0.0).then(|| by / consumed * 100.0),
        is_rounding: by.abs() <= 10f64.powi(-digits),
        is_implausible: by.abs() > plausible(unit).max((through - base.shown) / 10.0),
    })
}

/// The least difference that two numbers on such a face may have.
fn nearest(difference: f64, face: FaceDigits) -> f64 {
    let half = face.round() / 2.0;
    (difference + half).rem_euclid(face.round()) - half
}

/// How much a face has lost, of which the digits are not known, that has gone round since `base`, such as 100000 from 99999.5 to 00000.5; 0: it has
/// not. It goes round at a power of ten, and then shows about what was counted, less that.
fn gone_round(base: f64, shown: f64, expected: f64) -> f64 {
    if shown >= base {
        return 0.0;
    }
    let rounds = (3..=9).map(|digits| 10f64.powi(digits));
    let fits = |round: &f64| base < *round && (shown + round - expected).abs() < round / 20.0;
    rounds.into_iter().find(fits).unwrap_or(0.0)
}

/// A reading as people write it: `12345.6` or `12345,6`. Returns it with the number of its decimals.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse_shown(text: &str) -> Result<(f64, usize), String> {
    let wrong = || format!("`{text}` is not what a meter shows, such as 12345.6");
    let plain = text.trim().replace(',', ".");
    let (whole, decimals) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 9
        || decimals.len() > 6
        || !digits(whole)
        || !digits(decimals)
    {
        return Err(wrong());
    }
    let shown = plain.trim_end_matches('.').parse().map_err(|_| wrong())?;
    Ok((shown, decimals.len()))
}

/// A reading as it is entered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewReading {
    /// When it was taken.
    pub at_ns: WallNs,
    /// It is taken now, whatever the clock says.
    pub is_now: bool,
    /// What the face shows, in the meter's unit.
    pub shown: f64,
    /// The register is to be counted from it.
    pub adopt: bool,
}

/// What is configured of a meter whose face is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeterFace {
    /// What a pulse is worth.
    pub worth: PulseWorth,
    /// The digits of its face; None: not known.
    pub digits: Option<FaceDigits>,
}

/// Why a reading is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingRefused {
    /// The face cannot show so much.
    BeyondFace(FaceDigits),
    /// Its time has not come.
    InFuture,
    /// There is a later reading, of this time.
    Older(WallNs),
}

impl NewReading {
    /// Whether it can be entered after the `earlier` ones at `now_ns`: not in the future, and none between them. Only the time
    /// "now" is free of the clock, which may have been wrong at an earlier reading.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_time(&self, earlier: &[Reading], now_ns: WallNs) -> Result<(), ReadingRefused> {
        if self.at_ns > now_ns {
            return Err(ReadingRefused::InFuture);
        }
        match earlier.last() {
            Some(last) if last.at_ns > self.at_ns && !self.is_now => {
                Err(ReadingRefused::Older(last.at_ns))
            }
            _ => Ok(()),
        }
    }

    /// Whether a face with these digits can show it.
    ///
    /// # Errors
    /// It cannot.
    pub fn check_face(&self, digits: Option<FaceDigits>) -> Result<(), ReadingRefused> {
        match digits {
            Some(face) if self.shown >= face.round() => Err(ReadingRefused::BeyondFace(face)),
            _ => Ok(()),
        }
    }

    /// The reading to keep: `pulses` of the meter were in the journal by its time. The first one is adopted in any case; none is
    /// older than those before.
    pub fn to_reading(self, earlier: &[Reading], pulses: i64, meter: MeterFace) -> Reading {
        Reading {
            at_ns: earlier
                .last()
                .map_or(self.at_ns, |last| last.at_ns.max(self.at_ns)),
            pulses,
            shown: self.shown,
            worth: meter.worth,
            adopted: self.adopt || base(earlier).is_none(),
            digits: meter.digits,
            exchange: None,
            serial: None,
        }
    }
}

/// With what the register is counted, if it is not what is `configured`: that was changed since the reading.
pub fn outdated_worth(readings: &[Reading], configured: PulseWorth) -> Option<PulseWorth> {
    let counted = base(readings)?.worth;
    (counted != configured).then_some(counted)
}

/// The digits with which the register is counted, if they are not what is `configured`: those were changed since the reading.
pub fn has_outdated_digits(readings: &[Reading], configured: Option<FaceDigits>) -> bool {
    base(readings).is_some_and(|base| configured.is_some() && base.digits != configured)
}

/// The newest reading with which a meter was put in the place of another one.
pub fn exchanged(readings: &[Reading]) -> Option<&Reading> {
    let mut newest = readings.iter().rev();
    newest.find(|reading| reading.exchange == Some(Exchange::New))
}
