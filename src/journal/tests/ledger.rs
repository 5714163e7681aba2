//! What was lost, in all and when.

use super::quarters::make_older;
use super::*;
use crate::journal::LedgerEntry;
use crate::journal::salvage::Arrival;
use crate::model::View;

/// In one commit each.
fn lose(bench: &mut Bench, losses: &[(LossCause, Loss)]) {
    for (cause, loss) in losses {
        let mut pending = Pending::default();
        pending.lose(MeterId(0), *cause, *loss);
        bench.push(pending);
        bench.writer.step();
    }
}

fn named(losses: &[(LossCause, Loss)]) -> Vec<LedgerEntry> {
    let named = losses.iter();
    named
        .map(|(cause, loss)| ("Import".to_owned(), *cause, *loss))
        .collect()
}

#[test]
fn losses_add_up() {
    let mut bench = Bench::new(|_| {});
    for at in [9, 3, 5] {
        let mut pending = Pending::default();
        pending.lose(MeterId(0), LossCause::Bounce, Loss::at(2, WallNs(at)));
        bench.push(pending);
        bench.writer.step();
    }
    let ledger = bench.reader().ledger().unwrap();
    let want = Loss {
        pulses: 6,
        first_ns: WallNs(3),
        last_ns: WallNs(9),
    };
    assert_eq!(ledger, [("Import".to_owned(), LossCause::Bounce, want)]);
}

#[test]
fn what_is_lost_is_known_by_the_quarter_of_an_hour() {
    const YEARS_NS: i64 = 7 * 365 * 86_400 * NS_PER_S;
    let mut bench = Bench::new(|_| {});
    let full = LossCause::MemoryFull;
    let begin = View::FiveMinutes.start_of(WALL) / 900 * 900;
    let at = |s: i64| WallNs::of_s(begin + s);
    let over = |pulses, from_s, to_s| Loss {
        pulses,
        first_ns: at(from_s),
        last_ns: at(to_s),
    };
    lose(
        &mut bench,
        &[
            (full, over(1, 10, 20)),
            (full, over(2, 800, 899)),
            (LossCause::Bounce, over(9, 30, 40)),
            (full, Loss::at(4, at(900))),
            (LossCause::Restored, Loss::at(3, at(950))),
            (full, Loss::at(7, WALL + YEARS_NS)),
        ],
    );
    let want = [
        (full, over(3, 10, 899)),
        (full, Loss::at(4, at(900))),
        (LossCause::Restored, Loss::at(3, at(950))),
        (full, Loss::at(7, WALL + YEARS_NS)),
    ];
    assert_eq!(bench.reader().dated_ledger().unwrap(), named(&want));
    // What was put back is known for ever, and no pulse of it is here.
    let restored = |from_s, to_s| {
        let of = bench
            .reader()
            .restored_between(begin + from_s, begin + to_s);
        of.unwrap().get("Import").copied()
    };
    assert_eq!(restored(0, 900), None);
    assert_eq!(restored(900, 1_800), Some(3));
}

#[test]
fn what_was_lost_before_times_were_kept_is_known_to_lie_between_two() {
    let mut bench = Bench::new(|_| {});
    let lost = Loss {
        pulses: 5,
        first_ns: WALL,
        last_ns: WALL + 86_400 * NS_PER_S,
    };
    let losses = [
        (LossCause::Bounce, Loss::at(2, WALL)),
        (LossCause::DiskBound, lost),
    ];
    lose(&mut bench, &losses);
    let dir = make_older(bench);
    let bench = Bench::open(dir, "later", |_| {});
    assert_eq!(bench.reader().dated_ledger().unwrap(), named(&losses[1..]));
}

#[test]
fn of_what_another_journal_has_put_back_the_pulses_tell_when_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["Import".to_owned()];
    let mut journal = Journal::open(dir.path(), &names, "boot", WALL).unwrap();
    let year = Loss {
        pulses: 3,
        first_ns: WALL,
        last_ns: WALL + 365 * 86_400 * NS_PER_S,
    };
    let theirs = [LossCause::Restored, LossCause::MemoryFull].map(|cause| (0, cause, year));
    assert!(journal.inherit_losses("another", &theirs).unwrap());
    let day_ns = 86_400 * NS_PER_S;
    let arrivals = [1, 1, 200].map(|day| Arrival::new(0, WALL + day * day_ns, true));
    journal.put_arrivals(&arrivals, None).unwrap();
    journal.roll_up_all().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let ledger = named(&[(LossCause::MemoryFull, year)]);
    assert_eq!(reader.dated_ledger().unwrap(), ledger);
    let restored = |day: i64| {
        let from_s = (WALL + day * day_ns).s() - 3_600;
        let of = reader.restored_between(from_s, from_s + 86_400).unwrap();
        of.get("Import").copied()
    };
    assert_eq!([0, 1, 2, 200].map(restored), [None, Some(2), None, Some(1)]);
}
