//! What the energy of a span costs, as the API answers it: sums as on a bill, its positions, and the amounts of the parts.

use std::sync::Arc;

use serde::Serialize;

use crate::answers::costs::{Costs, Pricer};
use crate::answers::factors::Factors;
use crate::answers::money::{Money, MoneyParts, Position, priced_span};
use crate::answers::month_memory::MonthMemory;
use crate::energy::periods::Calendar;
use crate::journal::{JournalError, Reader};
use crate::web::api::csv;
use crate::web::in_use::InUse;

/// Money of a span.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SpanMoney {
    #[serde(flatten)]
    sums: Money,
    parts: MoneyParts,
    positions: Vec<Position>,
}

impl SpanMoney {
    /// Of a span in parts, by their begins (last the end of the last one). `by_day`: they are whole local days. None: nothing has a
    /// price.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn read(
        reader: &mut Reader,
        (in_use, (memory, settings)): (&InUse, &(Arc<MonthMemory<Costs>>, u64)),
        (factors, calendar): (&Factors, &Calendar),
        parts: (&[i64], bool),
        (now_s, first_s): (i64, Option<i64>),
    ) -> Result<Option<SpanMoney>, JournalError> {
        let meters = in_use.priced_meters();
        let pricer = Pricer {
            memory: Some((memory, *settings)),
            ..in_use.pricer((&meters, factors), calendar)
        };
        let priced = priced_span(&pricer, reader, parts, (now_s, first_s))?;
        Ok(priced.map(|priced| SpanMoney {
            sums: priced.bill.money,
            positions: priced.bill.positions,
            parts: priced.parts,
        }))
    }

    /// The columns of a table: their names, with the currency.
    pub(super) fn columns(&self) -> Vec<String> {
        let currency = csv::name(&self.sums.currency);
        let names = self.sides().map(|(name, _)| format!("{name} {currency}"));
        names.collect()
    }

    /// The cells of a part in them.
    pub(super) fn cells(&self, part: usize) -> Vec<String> {
        let cells = self.sides().map(|(_, amounts)| amounts.get(part).cloned());
        cells.map(Option::unwrap_or_default).collect()
    }

    fn sides(&self) -> impl Iterator<Item = (&'static str, &Vec<String>)> {
        let sides = [
            ("import", &self.parts.import),
            ("export", &self.parts.export),
        ];
        let known = |(name, side)| Some((name, Option::as_ref(side)?));
        sides.into_iter().filter_map(known)
    }
}
