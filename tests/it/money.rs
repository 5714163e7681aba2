//! Money with the true binary on a simulated house: the API, `status` and a recount of the quarter hours say the same; prices that
//! are edited, broken, mended, or come late.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;

use crate::support::daemon::Daemon;
use crate::support::wait::{PATIENCE, wait_for};
use crate::web::{Answer, asked, get, over_unix};
use serde_json::Value;

/// A house in Berlin that counts from 04:00 UTC on the 19th of June to midday of the 20th.
const HOUSE: &str = "[site]\ntime_zone = \"Europe/Berlin\"\n[web]\nlisten = \"off\"\n\
    [[meter]]\nname = \"Import\"\nline = 20\nimp_per_kwh = 2000\n\
    [[meter]]\nname = \"Export\"\nline = 21\nimp_per_kwh = 1000\n\
    [[meter]]\nname = \"Generate\"\nline = 22\nimp_per_kwh = 1000\n";

/// 30 cents, 20 from 22:00 to 06:00 and at noon of weekdays; from the 20th on 40; 12.90 a month; 8.2 for what is sold.
const TARIFFS: &str = "[[tariff]]\nname = \"day\"\nprice_per_kwh = 0.30\nstanding_per_month = 12.90\n\
    [[tariff]]\nname = \"low\"\nprice_per_kwh = \"0.20\"\ntimes = \"22:00-06:00\"\n\
    [[tariff]]\nname = \"low\"\nprice_per_kwh = \"0.20\"\ntimes = \"12:00-13:00\"\nweekdays = \"mon-fri\"\n\
    [[tariff]]\nname = \"new\"\nvalid_from = 2026-06-20\nprice_per_kwh = 0.40\n\
    [[tariff]]\ndirection = \"feed_in\"\nprice_per_kwh = 0.082\n";

/// The begin of 19 June 2026 in Berlin.
const DAY_S: i64 = 1_781_820_000;

fn house(tariffs: &str) -> Daemon {
    let first = [
        "--simulate",
        "--since",
        "2026-06-19T04:00:00Z",
        "--for",
        "30h",
        "--speed",
        "max",
    ];
    let config = format!("{HOUSE}{tariffs}");
    let mut daemon = Daemon::start(&config, &first);
    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    daemon.start_again_with(&[
        "--simulate",
        "--since",
        "2026-06-20T10:00:00Z",
        "--speed",
        "0.001",
    ]);
    wait_for("a daemon that answers", PATIENCE, || {
        let status = daemon.status()?;
        (status["meters"][0]["line"]["is_read"] == true).then_some(())
    });
    daemon
}

fn energy(daemon: &Daemon, question: &str) -> Answer {
    let answer = over_unix(daemon, &get(&format!("/api/v1/energy?{question}")));
    assert_eq!(answer.status, 200, "{}", answer.head);
    answer
}

/// The answer once it `holds`. One that was being made when the prices changed may still have its name of before: the next one
/// has not.
fn energy_when(
    daemon: &Daemon,
    (what, question): (&str, &str),
    holds: impl Fn(&Value) -> bool,
) -> Answer {
    wait_for(what, PATIENCE, || {
        holds(&money(daemon, question)).then_some(())
    });
    let answer = energy(daemon, question);
    let money = &answer.json()["money"];
    assert!(holds(money), "{what}: {money:#}");
    answer
}

fn money(daemon: &Daemon, question: &str) -> Value {
    energy(daemon, question).json()["money"].clone()
}

/// Pulses of each quarter hour from a time on: import and export.
fn quarters(daemon: &Daemon, from_s: i64, to_s: i64) -> Vec<(i64, [i64; 2])> {
    let question = format!("/api/v1/history?from={from_s}&to={to_s}&window=15m");
    let history = over_unix(daemon, &get(&question)).json();
    let start_s = history["start_s"].as_i64().unwrap();
    let column = |n: usize| history["meters"][n]["pulses"].as_array().unwrap().clone();
    let both = column(0).into_iter().zip(column(1));
    let starts_s = (start_s..).step_by(900);
    let each = starts_s.zip(both);
    each.map(|(start_s, (import, export))| {
        (
            start_s,
            [import, export].map(|pulses| pulses.as_i64().unwrap_or(0)),
        )
    })
    .collect()
}

/// Rounded half away from zero, as on a bill: `numerator / denominator` in cents.
fn cents(numerator: i64, denominator: i64) -> i64 {
    (2 * numerator + denominator) / (2 * denominator)
}

/// Cents as an amount.
fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

#[test]
fn the_bill_is_that_of_a_recount_and_all_say_the_same() {
    let mut daemon = house(TARIFFS);
    let counted = quarters(&daemon, DAY_S, DAY_S + 86_400);
    // By the wall clock: two hours ahead of UTC. A Friday.
    let (mut day, mut low, mut sold) = (0, 0, 0);
    for (start_s, [import, export]) in &counted {
        let hour = (start_s - DAY_S) / 3_600;
        let is_low = !(6..22).contains(&hour) || hour == 12;
        *(if is_low { &mut low } else { &mut day }) += import;
        sold += export;
    }
    assert!(day > 0 && low > 0 && sold > 0, "{day} {low} {sold}");
    let (day_ct, low_ct) = (cents(day * 30, 2_000), cents(low * 20, 2_000));
    let (sold_ct, standing_ct) = (cents(sold * 82, 10_000), cents(1_290, 30));
    let yesterday = money(&daemon, "period=day&date=2026-06-19");
    let is = |key: &str| yesterday[key].as_str().unwrap().to_owned();
    assert_eq!(is("import"), amount(day_ct + low_ct), "{yesterday:#}");
    assert_eq!(is("export"), amount(-sold_ct));
    assert_eq!(is("standing"), amount(standing_ct));
    assert_eq!(is("total"), amount(day_ct + low_ct - sold_ct + standing_ct));
    assert_eq!(
        (&yesterday["currency"], &yesterday["complete"]),
        (&"EUR".into(), &true.into())
    );
    let names: Vec<&str> = yesterday["positions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|of| of["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["day", "low", "standard"],
        "one price is one position"
    );
    // The hours add up to it, before they are rounded.
    let hours = yesterday["parts"]["import"].as_array().unwrap();
    let sum: f64 = hours
        .iter()
        .map(|hour| hour.as_str().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!(
        (sum - (day_ct + low_ct) as f64 / 100.0).abs() < 0.02,
        "{sum}"
    );

    // The month is both days, each by its own price list.
    let month = money(&daemon, "period=month&date=2026-06-01");
    let today: i64 = quarters(&daemon, DAY_S + 86_400, DAY_S + 86_400 + 43_200)
        .iter()
        .map(|(_, [import, _])| import)
        .sum();
    let new_ct = cents(today * 40, 2_000);
    assert_eq!(
        month["import"].as_str().unwrap(),
        amount(day_ct + low_ct + new_ct),
        "{month:#}"
    );
    assert_eq!(
        month["standing"].as_str().unwrap(),
        amount(standing_ct),
        "the new list has none"
    );

    // Other commands, other answers, with and without a daemon.
    let overview = |daemon: &Daemon| {
        let (_, status) = daemon.answer(&["status", "--json"]);
        let status: Value = serde_json::from_str(&status).unwrap();
        status["overview"]["money"].clone()
    };
    let answered = overview(&daemon);
    for key in ["import", "export", "standing", "total"] {
        assert_eq!(answered["yesterday"][key], yesterday[key], "{key}");
        assert_eq!(answered["month"][key], month[key], "{key}");
    }
    let now = over_unix(&daemon, &get("/api/v1/now")).json();
    assert_eq!(now["today"]["money"]["total"], answered["today"]["total"]);
    let said = daemon.ask(&["status"]);
    let total = format!("{} EUR", yesterday["total"].as_str().unwrap());
    assert!(
        said.contains("import, cost") && said.contains(&total),
        "{said}"
    );
    let report = |daemon: &Daemon, args: &[&str]| -> Value {
        let args = [&["report", "--json"], args].concat();
        serde_json::from_str(&daemon.ask(&args)).unwrap()
    };
    let reported = report(&daemon, &["2026-06"]);
    assert_eq!(reported["money"]["total"], month["total"], "{reported:#}");
    assert_eq!(reported["positions"], month["positions"]);
    daemon.stop();
    assert_eq!(overview(&daemon), answered, "the journal says the same");
    let stopped = report(&daemon, &["2026-06"]);
    assert_eq!(
        (&stopped["money"], &stopped["meters"]),
        (&reported["money"], &reported["meters"])
    );
    let day = report(&daemon, &["--from", "2026-06-19", "--to", "2026-06-19"]);
    for key in ["import", "export", "standing", "total", "complete"] {
        assert_eq!(day["money"][key], yesterday[key], "{key}");
    }
}

#[test]
fn a_report_says_what_flowed_what_it_costs_and_whether_anything_is_missing() {
    let config =
        format!("{HOUSE}{TARIFFS}").replace("[site]", "[site]\nname = \"House <by> the lake\"");
    let flat = "[[meter]]\nname = \"Flat 1\"\nline = 23\nimp_per_kwh = 1000\n";
    let first = [
        "--simulate",
        "--since",
        "2026-06-19T04:00:00Z",
        "--for",
        "48h",
        "--speed",
        "max",
    ];
    let mut daemon = Daemon::start(&format!("{config}{flat}"), &first);
    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    // A whole day that was watched; registers that were read in it.
    daemon.ask(&[
        "register",
        "set",
        "Import",
        "1000",
        "--at",
        "2026-06-20T10:00:00Z",
    ]);
    let json = |args: &[&str]| -> Value {
        let args = [&["report", "--json"], args].concat();
        serde_json::from_str(&daemon.ask(&args)).unwrap()
    };
    let day = json(&["2026-06-20"]);
    assert_eq!(
        (&day["complete"], &day["goes_on"], &day["counting_since"]),
        (&true.into(), &false.into(), &Value::Null),
        "{day:#}"
    );
    let import = &day["meters"][0];
    let kwh = import["kwh"].as_f64().unwrap();
    assert!((kwh - import["pulses"].as_f64().unwrap() / 2_000.0).abs() < 1e-9);
    let register = |key: &str| import["register"][key].as_f64().unwrap();
    assert!((register("end") - register("begin") - kwh).abs() < 1e-9);
    assert!(register("begin") < 1_000.0 && register("end") > 1_000.0);
    assert_eq!(
        import["readings"][0]["drift"],
        Value::Null,
        "it was the first"
    );
    let said = daemon.ask(&["report", "2026-06-20"]);
    for part in [
        "House <by> the lake, 2026-06-20 to 2026-06-20 (Europe/Berlin)",
        "import, new",
        "0.40 a kWh",
        "autarky",
        "Complete: all lines",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The first day was not whole, and a flat that is nothing to the house pays for what it takes, not for the connection.
    let month = json(&["2026-06"]);
    assert_eq!(
        (&month["complete"], &month["counting_since"]),
        (&false.into(), &"2026-06-19".into())
    );
    assert!(
        daemon
            .ask(&["report", "2026-06"])
            .contains("NOT COMPLETE:\n  counting began on 2026-06-19")
    );
    let flat = json(&["2026-06", "--meter", "flat 1"]);
    assert_eq!(flat["meters"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&flat["house"], &flat["money"]["standing"]),
        (&Value::Null, &Value::Null)
    );
    let positions = flat["positions"].as_array().unwrap();
    let kwh: f64 = positions
        .iter()
        .map(|of| of["kwh"].as_str().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!(
        (kwh - flat["meters"][0]["kwh"].as_f64().unwrap()).abs() < 1e-5,
        "{flat:#}"
    );
    let table = daemon.ask(&["report", "2026-06", "--csv"]);
    assert!(
        table
            .lines()
            .any(|row| row.starts_with("2026-06-01,2026-06-30,total,,,,,,")),
        "{table}"
    );

    // One page, in two languages, that is its own.
    let page = daemon.dir().join("report.html");
    let path = page.to_str().unwrap();
    daemon.ask(&["report", "2026-06", "--html", path, "--language", "de"]);
    let html = fs::read_to_string(&page).unwrap();
    for part in [
        "<html lang=\"de\">",
        "Energiebericht",
        "1.6.2026 bis 30.6.2026",
        "House &lt;by&gt; the lake",
        "Nicht vollständig",
        "\u{a0}€",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(
        !html.contains("http") && !html.contains("<script"),
        "it asks for nothing"
    );
    let again = daemon.output(&["report", "2026-06", "--html", path]);
    assert!(!again.status.success(), "it is there already");
    daemon.ask(&["report", "2026-06", "--html", path, "--force"]);
    assert!(fs::read_to_string(&page).unwrap().contains("Energy report"));
}

#[test]
fn prices_are_taken_up_while_the_daemon_runs_and_what_is_wrong_prices_nothing() {
    let daemon = house("");
    let total = |question: &str| {
        money(&daemon, question)["total"]
            .as_str()
            .map(str::to_owned)
    };
    let yesterday = "period=day&date=2026-06-19";
    assert_eq!(total(yesterday), None, "no price, no money");
    assert!(!daemon.ask(&["status"]).contains("EUR"));
    let tag = |question: &str| energy(&daemon, question).header("etag").map(str::to_owned);
    let before = tag(yesterday);
    let write = |name: &str, text: &str| {
        let new = daemon.dir().join("edited");
        fs::write(&new, text).unwrap();
        fs::rename(new, daemon.dir().join(name)).unwrap();
    };
    let with = |tariffs: &str| write("powerlogger.toml", &format!("{HOUSE}{tariffs}"));
    with(TARIFFS);
    let priced = wait_for("prices", PATIENCE, || total(yesterday));
    assert_ne!(tag(yesterday), before, "what has changed has another name");
    // The currency, too.
    write(
        "powerlogger.toml",
        &format!("{HOUSE}{TARIFFS}").replace("[site]", "[site]\ncurrency = \"chf\""),
    );
    wait_for("another currency", PATIENCE, || {
        (money(&daemon, yesterday)["currency"] == "CHF").then_some(())
    });
    assert_eq!(total(yesterday), Some(priced.clone()));
    let differs = || daemon.ask(&["status"]).contains("other settings");
    assert!(!differs(), "nothing waits for a restart");

    with("[[tariff]]\nprice_per_kwh = 0.30\ntimes = \"22:00-06:00\"\n");
    wait_for("no money", PATIENCE, || {
        total(yesterday).is_none().then_some(())
    });
    let said = daemon.ask(&["status"]);
    assert!(said.contains("Mon 06:00 has no price"), "{said}");
    with(TARIFFS);
    wait_for("money again", PATIENCE, || {
        (total(yesterday) == Some(priced.clone())).then_some(())
    });
}

#[test]
fn prices_that_come_late_are_taken_up_and_until_then_their_energy_is_said_to_have_none() {
    let daemon = house(
        "[[tariff]]\ndynamic_prices = \"prices.csv\"\ndynamic_factor = 0.001\nsurcharge_per_kwh = 0.10\n",
    );
    let yesterday = "period=day&date=2026-06-19";
    let first = energy(&daemon, yesterday);
    let of = |answer: &Answer| answer.json()["money"].clone();
    assert_eq!(
        (&of(&first)["total"], &of(&first)["complete"]),
        (&"0.00".into(), &false.into())
    );
    let all: i64 = quarters(&daemon, DAY_S, DAY_S + 86_400)
        .iter()
        .map(|(_, [import, _])| import)
        .sum();
    let kwh: f64 = of(&first)["unpriced_kwh"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((kwh - all as f64 / 2_000.0).abs() < 1e-9, "{kwh}");
    let said = daemon.ask(&["status"]);
    assert!(
        said.contains("prices.csv: dynamic prices: there is no such file yet"),
        "{said}"
    );
    assert!(said.contains("has no price"), "{said}");

    // Quarter hours of the whole day but the last one with import: 100, 110, 120 … EUR/MWh.
    let counted = quarters(&daemon, DAY_S, DAY_S + 86_400);
    let last_s = counted
        .iter()
        .filter(|(_, [import, _])| *import > 0)
        .map(|(start_s, _)| *start_s)
        .max()
        .unwrap();
    let price = |start_s: i64| 100 + (start_s - DAY_S) / 900 % 7 * 10;
    let line = |start_s: i64| format!("{start_s},{}\n", price(start_s));
    let file = daemon.dir().join("prices.csv");
    let known: String = counted
        .iter()
        .map(|(start_s, _)| *start_s)
        .filter(|start_s| *start_s != last_s)
        .map(line)
        .collect();
    fs::write(&file, &known).unwrap();
    let some = energy_when(&daemon, ("prices", yesterday), |money| {
        money["total"] != "0.00"
    });
    assert_eq!(of(&some)["complete"], false);
    assert_ne!(some.header("etag"), first.header("etag"));
    fs::write(&file, known + &line(last_s)).unwrap();
    let whole = energy_when(&daemon, ("all prices", yesterday), |money| {
        money["complete"] == true
    });
    assert_ne!(whole.header("etag"), some.header("etag"));
    // In thousandths of a cent a kWh: the price a MWh and 10 cents.
    let sum: i64 = counted
        .iter()
        .map(|(start_s, [import, _])| import * (price(*start_s) + 100))
        .sum();
    assert_eq!(
        of(&whole)["total"].as_str().unwrap(),
        amount(cents(sum, 10 * 2_000))
    );
    assert!(!daemon.ask(&["status"]).contains("no such file"));

    let table = over_unix(&daemon, &get(&format!("/api/v1/energy.csv?{yesterday}")));
    assert!(
        table
            .text()
            .lines()
            .next()
            .unwrap()
            .ends_with(",import EUR"),
        "{}",
        table.text()
    );
}

#[test]
fn an_exchange_that_is_entered_later_gives_what_has_ended_another_name() {
    let daemon = house(TARIFFS);
    let of_its_day = "period=day&date=2026-06-19";
    let before = energy(&daemon, of_its_day);
    let name = before.header("etag").unwrap().to_owned();
    let register = |line: &str| daemon.ask(&line.split(' ').collect::<Vec<_>>());
    register("register set Import 1000 --at 2026-06-18T10:00:00Z");
    // Half the pulses a kWh, from before the first pulse on.
    register(
        "register exchange Import --old 1000 --new 0 --at 2026-06-18T12:00:00Z --imp-per-kwh 1000 -y",
    );
    let again = |name: &str| {
        let path = format!("/api/v1/energy?{of_its_day}");
        let more = format!("If-None-Match: {name}\r\n");
        over_unix(&daemon, &asked("GET", &path, "localhost", &more))
    };
    let after = again(&name);
    assert_eq!(after.status, 200, "{}", after.head);
    assert_ne!(after.header("etag"), Some(&*name));
    let import_wh = |answer: &Answer| answer.json()["meters"][0]["energy_wh"].clone();
    let twice = import_wh(&before)[0].as_f64().map(|wh| 2.0 * wh);
    assert_eq!(import_wh(&after)[0].as_f64(), twice, "{}", after.json());
    // Taken back, it is what it was.
    register("register undo Import");
    assert_eq!(again(&name).status, 304);
}
