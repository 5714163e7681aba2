//! What the live board shows of the journal, read from it: when it is opened, and where no daemon runs.

use std::collections::BTreeMap;

use crate::journal::db::kind::SIMULATED_BOOT;
use crate::journal::handles::reader::Reader;
use crate::journal::{JournalError, OpContext};
use crate::live::silence;
use crate::live::{
    ClockLive, DeliveryLive, JournalLive, JournalPhase, MeterLive, MetersLive, Stamps, ViewsLive,
};
use crate::model::{
    DeliveryState, IdRange, MeterRow, MonoNs, PulseId, Reading, Tier, View, ViewsState, WallNs,
};

/// Among so many newest pulses the last ones of each meter are looked for.
const NEWEST: i64 = 20_000;

impl Reader {
    /// What is counted of each meter, without its usual silence. `configured`: the meters that the configuration lists.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn meters_live(&self, configured: &[String]) -> Result<MetersLive, JournalError> {
        let (ledger, tallies) = (self.ledger()?, self.tallies()?);
        let mut meters = MetersLive::default();
        for totals in self.totals()? {
            let mut meter = MeterLive::new(&totals.name, configured.contains(&totals.name));
            (meter.pulses, meter.last_pulse_ns) = (totals.pulses, totals.last_ns);
            meter.tally = tallies.get(&totals.name).copied();
            for (_, cause, loss) in ledger.iter().filter(|(name, ..)| *name == totals.name) {
                meter.lose(*cause, *loss);
            }
            meter.register = self.register_base(&totals.name)?;
            meters.all.push(meter);
        }
        for name in configured {
            meters.entry(name).is_configured = true;
        }
        Ok(meters)
    }

    /// The reading from which the meter's register is counted: the last that was adopted. None: none was.
    pub(in crate::journal) fn register_base(
        &self,
        meter: &str,
    ) -> Result<Option<Reading>, JournalError> {
        let readings = self.readings(meter)?;
        Ok(readings.into_iter().rev().find(|reading| reading.adopted))
    }

    /// The stamps of the last pulses of each meter in this boot, by its name, as far as they are among the newest of all.
    /// Each simulated run begins its clock again: there they are placed by wall time.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(in crate::journal) fn newest_stamps(
        &self,
        boot_id: &str,
        (now_ns, wall_ns): (MonoNs, WallNs),
    ) -> Result<BTreeMap<String, Stamps>, JournalError> {
        let is_simulated = boot_id == SIMULATED_BOOT;
        let mut newest: BTreeMap<String, Stamps> = BTreeMap::new();
        self.connection
            .prepare_cached(
                "SELECT m.name, p.mono_ns + CASE WHEN ?3 THEN s.offset_ns - ?4 ELSE 0 END AS at_ns
                 FROM pulse p JOIN clock_segment s ON s.id = p.segment JOIN meter m ON m.id = p.meter
                 WHERE p.id > (SELECT max(id) FROM pulse) - ?1 AND s.boot_id = ?2 AND at_ns <= ?5 ORDER BY p.id",
            )
            .and_then(|mut select| {
                let mut rows = select.query((NEWEST, boot_id, is_simulated, wall_ns - now_ns, now_ns))?;
                while let Some(row) = rows.next()? {
                    newest.entry(row.get(0)?).or_default().push(row.get(1)?);
                }
                Ok(())
            })
            .op("be read")?;
        Ok(newest)
    }

    /// For how many seconds each meter may be silent, by its history; without those of which too little is known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn usual_silences_s(&self, now_ns: WallNs) -> Result<BTreeMap<String, i64>, JournalError> {
        let now_s = now_ns.s();
        let names = self.meter_names()?;
        let mut hours: BTreeMap<MeterRow, Vec<i64>> = BTreeMap::new();
        for window in self.windows(View::Hour, silence::history_from_s(now_s), now_s)? {
            if window.pulses > 0 {
                hours.entry(window.meter).or_default().push(window.start_s);
            }
        }
        let usual = hours.into_iter().filter_map(|(meter, hours)| {
            Some((names.get(&meter)?.clone(), silence::usual_s(&hours, now_s)?))
        });
        Ok(usual.collect())
    }

    /// What is there, on which clock. The marks are those of a journal without a writer.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn journal_live(&self) -> Result<JournalLive, JournalError> {
        let bounds = self.bounds()?;
        let newest = bounds.map_or(PulseId::default(), |ids| ids.last);
        let clock = self.clock_trust()?;
        Ok(JournalLive {
            phase: JournalPhase::Open,
            id: self.journal_id(),
            committed: newest,
            durable: newest,
            bounds,
            bytes: self.used_bytes()?,
            opened: self.opened()?,
            simulated: self.is_simulated()?,
            clock: clock.map(|(trust, open)| ClockLive {
                trust: trust.as_str(),
                holding: open > 0,
            }),
            ..JournalLive::default()
        })
    }

    /// How often it was opened for writing.
    fn opened(&self) -> Result<u64, JournalError> {
        let select = "SELECT ifnull(max(value), 0) FROM journal WHERE key = 'opened'";
        self.connection
            .query_row(select, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
            .op("be read")
    }

    /// How delivery to the destination called `name` was last saved, and its windows. None: it is not known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn delivery_live(
        &mut self,
        name: &str,
        bounds: Option<IdRange>,
    ) -> Result<Option<(DeliveryLive, ViewsLive)>, JournalError> {
        let destinations = self.destinations()?;
        let known = destinations.into_iter().find(|(_, known, _)| known == name);
        let Some((row, destination, state)) = known else {
            return Ok(None);
        };
        let mut delivery = DeliveryLive {
            destination,
            raw: self.sends_raw(row)?,
            state: DeliveryState::from_word(&state.state),
            message: state.message,
            since_ns: state.since_ns,
            ..DeliveryLive::default()
        };
        if let Some(ids) = bounds.filter(|_| delivery.raw) {
            let delivered = self.delivered(row)?;
            (delivery.missing, delivery.seen) = (delivered.missing(ids), ids.last);
            if let Some(gap) = delivered.gaps(ids).first() {
                delivery.oldest_ns = self.stamp_of(gap.first)?;
            }
        }
        let state = self.views_state(row)?;
        let mut views = ViewsLive {
            state: ViewsState::from_word(&state.state),
            message: state.message,
            since_ns: state.since_ns,
            ..ViewsLive::default()
        };
        for tier in Tier::ALL {
            if let Some(known) = self.compared(row, tier)?.live(tier) {
                views.tiers.insert(tier, known);
            }
        }
        Ok(Some((delivery, views)))
    }

    /// The stamp of a pulse; None: it is not there, or its time is not known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn stamp_of(&mut self, id: PulseId) -> Result<Option<WallNs>, JournalError> {
        let page = self.page(IdRange::one(id), 1)?;
        Ok(page.entries.first().map(|entry| entry.wall_ns))
    }
}
