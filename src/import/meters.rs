//! Which meter of a file is which one here.

use std::collections::BTreeMap;

use super::bring::MeterOf;
use super::error::ImportError;
use super::survey::Surveyed;
use crate::config::Loaded;
use crate::journal::Reader;
use crate::text::numbers::count;

/// What was said of the meters of the files.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The meter of the first name there is the one of the second name here.
    pub map: Vec<(String, String)>,
    /// Meters there whose pulses are left out.
    pub without: Vec<String>,
}

/// The meters' names here, and the position in them of each name there.
pub(super) fn meters(
    choice: &Choice,
    loaded: &Loaded,
    reader: Option<&Reader>,
    files: &[Surveyed],
) -> Result<(Vec<String>, MeterOf), ImportError> {
    let configured = loaded
        .settings
        .meters
        .iter()
        .map(|meter| meter.name.clone());
    let mut names: Vec<String> = configured.collect();
    if let Some(reader) = reader {
        let known = reader.meter_names()?.into_values();
        names.extend(known.filter(|name| !loaded.settings.meters.iter().any(|m| m.name == *name)));
    }
    let mut theirs: BTreeMap<String, u64> = BTreeMap::new();
    for file in files {
        for (name, found) in &file.survey.meters {
            *theirs.entry(name.clone()).or_default() += found.pulses;
        }
        let former = file.source.journal().map(|journal| journal.meters());
        for name in former.unwrap_or_default().into_values() {
            theirs.entry(name).or_default();
        }
    }
    match positions(choice, &names, theirs) {
        Ok(meter_of) => Ok((names, meter_of)),
        Err(unknown) => Err(ImportError::UnknownMeters { unknown, names }),
    }
}

/// The position in `names` of each meter there, whose pulses are given; Err: those that are not known here.
fn positions(
    choice: &Choice,
    names: &[String],
    theirs: BTreeMap<String, u64>,
) -> Result<MeterOf, Vec<String>> {
    let (mut meter_of, mut unknown) = (BTreeMap::new(), Vec::new());
    for (name, pulses) in theirs {
        if choice.without.contains(&name) {
            meter_of.insert(name, None);
            continue;
        }
        let mapped = choice.map.iter().find(|(old, _)| *old == name);
        let here = mapped.map_or(&name, |(_, new)| new);
        match names.iter().position(|known| known == here) {
            Some(at) => drop(meter_of.insert(name, u16::try_from(at).ok())),
            // A meter of a former journal that never counted loses nothing.
            None if pulses == 0 => drop(meter_of.insert(name, None)),
            None => unknown.push(format!("{here:?} ({})", count(pulses, "pulse"))),
        }
    }
    if unknown.is_empty() {
        Ok(meter_of)
    } else {
        Err(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(choice: &Choice, theirs: &[(&str, u64)]) -> Result<MeterOf, Vec<String>> {
        let names = ["Import", "Export"].map(str::to_owned);
        let theirs = theirs
            .iter()
            .map(|(name, pulses)| ((*name).to_owned(), *pulses));
        positions(choice, &names, theirs.collect())
    }

    #[test]
    fn a_meter_is_mapped_left_out_or_of_the_same_name() {
        let choice = Choice {
            map: vec![("Netz".to_owned(), "Export".to_owned())],
            without: vec!["Gas".to_owned(), "Import".to_owned()],
        };
        let theirs = [("Netz", 3), ("Gas", 9), ("Import", 1), ("Empty", 0)];
        let meter_of = place(&choice, &theirs).unwrap();
        let want = [
            ("Empty", None),
            ("Gas", None),
            ("Import", None),
            ("Netz", Some(1)),
        ];
        assert_eq!(
            meter_of,
            want.map(|(name, at)| (name.to_owned(), at)).into()
        );
        assert_eq!(
            place(&Choice::default(), &[("Export", 1)]).unwrap()["Export"],
            Some(1)
        );
    }

    #[test]
    fn a_meter_with_pulses_that_is_not_known_is_named_as_it_would_be_here() {
        let choice = Choice {
            map: vec![("Netz".to_owned(), "Nettz".to_owned())],
            without: Vec::new(),
        };
        let unknown = place(&choice, &[("Netz", 3), ("Import", 1), ("PV", 1)]).unwrap_err();
        assert_eq!(unknown, ["\"Nettz\" (3 pulses)", "\"PV\" (1 pulse)"]);
    }
}
