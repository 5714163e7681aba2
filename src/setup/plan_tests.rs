//! What is there and what comes of it.

use super::*;
use crate::influx::management::Bucket;
use crate::model::ExtraFields;

const US: &str = "01234567";

fn settings() -> InfluxSettings {
    InfluxSettings {
        host: "http://h".to_owned(),
        org: "o".to_owned(),
        token: None,
        raw_bucket: "raw".to_owned(),
        b1m_bucket: "1m".to_owned(),
        b5m_bucket: "5m".to_owned(),
        b1h_bucket: "1h".to_owned(),
        measurement: "PowerPulse".to_owned(),
        downsampling: Downsampling::Tasks,
        raw: true,
        extra_fields: ExtraFields::default(),
        ca_file: None,
        timeout_ms: 1_000,
    }
}

/// What is written with these meters.
fn series(meters: &[&str]) -> Series {
    Series {
        measurement: "PowerPulse".to_owned(),
        meters: meters.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// A server on which everything is as it should be.
fn complete(influx: &InfluxSettings) -> Inventory {
    let days = [30, 90, 365, 0];
    let buckets = Tier::ALL.iter().zip(days).map(|(level, days)| Bucket {
        id: format!("id-{}", level.as_str()),
        name: influx.bucket(*level).to_owned(),
        retention_s: days * S_PER_DAY,
    });
    let buckets: Vec<Bucket> = buckets.collect();
    let ids: Vec<String> = buckets.iter().map(|bucket| bucket.id.clone()).collect();
    let tasks = View::ALL.map(|view| Task {
        id: format!("task-{}", view.as_str()),
        name: tasks::name(view, US),
        flux: tasks::script(influx, view, US),
        status: "active".to_owned(),
        description: mark::describe("x", US, MarkRole::Task(view)),
        ..Task::default()
    });
    let token = |id: &str, role| Authorization {
        id: id.to_owned(),
        description: match role {
            MarkRole::Writer => mark::describe_writer(US, &series(&["Import"])),
            role => mark::describe("x", US, role),
        },
        active: true,
        permissions: permissions(role, &ids),
    };
    Inventory {
        org_id: "org".to_owned(),
        authorizations: vec![token("w", MarkRole::Writer), token("r", MarkRole::Reader)],
        tasks: tasks.to_vec(),
        buckets,
    }
}

fn plan_for(
    look: &Inventory,
    influx: &InfluxSettings,
    change: impl FnOnce(&mut Wanted<'_>),
) -> Plan {
    let made_here = ["w", "r"].map(str::to_owned);
    let meters = ["Import".to_owned()];
    let mut wanted = Wanted {
        influx,
        raw_retention_d: 30,
        installation: US,
        tokens: &made_here,
        meters: &meters,
        writer_id: Some("w"),
        take_over: false,
        new_read_token: false,
    };
    change(&mut wanted);
    plan(look, &wanted)
}

/// The kinds of the actions after a change to a complete server.
fn kinds(change: impl FnOnce(&mut Inventory)) -> Vec<&'static str> {
    let influx = settings();
    let mut look = complete(&influx);
    change(&mut look);
    let plan = plan_for(&look, &influx, |_| {});
    plan.actions.iter().map(Action::kind).collect()
}

#[test]
fn an_empty_server_gets_everything_and_a_complete_one_nothing() {
    let plan = plan_for(&Inventory::default(), &settings(), |wanted| {
        wanted.writer_id = None
    });
    let kinds_of: Vec<_> = plan.actions.iter().map(Action::kind).collect();
    let want = [
        &["create_bucket"; 4][..],
        &["create_task"; 3],
        &["create_writer_token", "create_read_token"],
    ];
    assert_eq!(kinds_of, want.concat());
    assert!(!plan.buckets_exist);
    assert_eq!(kinds(|_| {}), Vec::<&str>::new());
}

#[test]
fn what_differs_is_repaired_in_place() {
    assert_eq!(
        kinds(|look| look.buckets[1].retention_s = 5),
        ["set_retention"]
    );
    assert_eq!(
        kinds(|look| look.tasks[0].status = "inactive".to_owned()),
        ["repair_task"]
    );
    assert_eq!(kinds(|look| look.tasks[2].flux += " "), ["repair_task"]);
    assert_eq!(kinds(|look| drop(look.tasks.remove(1))), ["create_task"]);
}

#[test]
fn only_a_shorter_retention_loses_data() {
    let loses = |from_s, to_s| {
        let (id, name) = (String::new(), String::new());
        Action::SetRetention {
            id,
            name,
            from_s,
            to_s,
        }
        .loses_data()
    };
    assert!(loses(0, 5) && loses(9, 5));
    assert!(!loses(5, 9) && !loses(5, 0));
}

#[test]
fn of_two_tasks_the_right_one_stays() {
    let influx = settings();
    let mut look = complete(&influx);
    let mut older = look.tasks[0].clone();
    (older.id, older.flux) = ("a".to_owned(), "former".to_owned());
    look.tasks.insert(0, older);
    let plan = plan_for(&look, &influx, |_| {});
    assert!(matches!(&plan.actions[..], [Action::DeleteTask { id, .. }] if id == "a"));
}

#[test]
fn a_bucket_made_anew_needs_new_tokens() {
    let anew = kinds(|look| look.buckets[3].id = "other".to_owned());
    let want = [
        "create_writer_token",
        "delete_token",
        "delete_token",
        "create_read_token",
    ];
    assert_eq!(anew, want);
    let inactive = kinds(|look| look.authorizations[0].active = false);
    assert_eq!(inactive, ["create_writer_token", "delete_token"]);
}

#[test]
fn a_token_that_nobody_has_is_replaced() {
    let influx = settings();
    let look = complete(&influx);
    let plan = plan_for(&look, &influx, |wanted| wanted.writer_id = None);
    let kinds: Vec<_> = plan.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, ["create_writer_token", "delete_token"]);
    let plan = plan_for(&look, &influx, |wanted| wanted.new_read_token = true);
    let kinds: Vec<_> = plan.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, ["delete_token", "create_read_token"]);
}

const OTHER: &str = "89abcdef";

/// The same server, used by another installation with these meters, too.
fn shared(influx: &InfluxSettings, meters: &[&str]) -> Inventory {
    let mut look = complete(influx);
    for view in View::ALL {
        look.tasks.push(Task {
            id: format!("other-{}", view.as_str()),
            name: tasks::name(view, OTHER),
            flux: tasks::script(influx, view, OTHER),
            status: "active".to_owned(),
            description: mark::describe("x", OTHER, MarkRole::Task(view)),
            ..Task::default()
        });
    }
    let ids: Vec<String> = look.buckets.iter().map(|it| it.id.clone()).collect();
    let token = |id: &str, description, role| Authorization {
        id: id.to_owned(),
        description,
        active: true,
        permissions: permissions(role, &ids),
    };
    let writer = mark::describe_writer(OTHER, &series(meters));
    let reader = mark::describe("x", OTHER, MarkRole::Reader);
    look.authorizations.extend([
        token("other-w", writer, MarkRole::Writer),
        token("other-r", reader, MarkRole::Reader),
    ]);
    look
}

#[test]
fn two_installations_live_together_in_the_same_buckets() {
    let influx = settings();
    let mut look = shared(&influx, &["Heat pump"]);
    for take_over in [false, true] {
        let plan = plan_for(&look, &influx, |wanted| wanted.take_over = take_over);
        assert!(plan.actions.is_empty(), "{plan:?}");
        assert!(plan.conflicts.is_empty() && plan.overlaps.is_empty());
    }
    assert!(foreign_writers(&look, &influx).is_empty());
    // What no PowerLogger has made and writes into our buckets is in the way.
    let foreign = |flux: &str, status: &str| Task {
        id: "f".to_owned(),
        name: "foreign".to_owned(),
        flux: flux.to_owned(),
        status: status.to_owned(),
        ..Task::default()
    };
    look.tasks
        .push(foreign("x |> to(bucket: \"1h\")", "inactive"));
    look.tasks
        .push(foreign("x |> to(bucket: \"elsewhere\")", "active"));
    let plan = plan_for(&look, &influx, |wanted| wanted.take_over = true);
    assert!(plan.actions.is_empty() && plan.conflicts.is_empty());
    look.tasks
        .push(foreign("x |> to(bucket: \"1h\")", "active"));
    let plan = plan_for(&look, &influx, |_| {});
    assert!(plan.actions.is_empty());
    assert_eq!(plan.conflicts[0].bucket, "1h");
    let plan = plan_for(&look, &influx, |wanted| wanted.take_over = true);
    assert!(matches!(&plan.actions[..], [Action::Deactivate { id, .. }] if id == "f"));
}

#[test]
fn a_retention_that_another_installation_shares_is_never_shortened() {
    let influx = settings();
    for bucket in 0..4 {
        for longer_s in [0, 400 * S_PER_DAY] {
            let mut look = shared(&influx, &["Heat pump"]);
            let wanted_s = look.buckets[bucket].retention_s;
            look.buckets[bucket].retention_s = longer_s;
            let is_longer = wanted_s != 0;
            let plan = plan_for(&look, &influx, |_| {});
            let lengthens = plan.actions.iter().all(|action| !action.loses_data());
            assert!(lengthens, "{plan:?}");
            assert_eq!(plan.actions.is_empty(), is_longer || longer_s == 0);
            let told = plan.kept.iter().any(|kept| kept.contains(OTHER));
            assert_eq!(told, is_longer, "{plan:?}");
            // Alone with it, ours is put right.
            let mut alone = complete(&influx);
            alone.buckets[bucket].retention_s = longer_s;
            let plan = plan_for(&alone, &influx, |_| {});
            assert_eq!(plan.actions.len(), usize::from(longer_s != wanted_s));
        }
    }
    // A shorter one is lengthened for both.
    let mut look = shared(&influx, &["Heat pump"]);
    look.buckets[0].retention_s = S_PER_DAY;
    let plan = plan_for(&look, &influx, |_| {});
    assert!(
        matches!(&plan.actions[..], [Action::SetRetention { to_s, .. }]
        if *to_s == 30 * S_PER_DAY)
    );
}

#[test]
fn meters_of_one_name_in_the_same_buckets_are_told() {
    let influx = settings();
    let look = shared(&influx, &["Heat pump", "Import", "import"]);
    let overlaps =
        |look: &Inventory, influx: &InfluxSettings| plan_for(look, influx, |_| {}).overlaps;
    let found = overlaps(&look, &influx);
    let [overlap] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(overlap.meters, ["Import"]);
    assert_eq!(
        (overlap.installation.as_str(), overlap.token.as_str()),
        (OTHER, "other-w")
    );
    // Another measurement or other buckets keep them apart, and so does a token that is not in force.
    let other = InfluxSettings {
        measurement: "Power".to_owned(),
        ..settings()
    };
    assert!(overlaps(&look, &other).is_empty());
    let mut elsewhere = look.clone();
    for bucket in &mut elsewhere.buckets {
        bucket.id += "-anew";
    }
    assert!(overlaps(&elsewhere, &influx).is_empty());
    let mut inactive = look.clone();
    inactive.authorizations[2].active = false;
    assert!(overlaps(&inactive, &influx).is_empty());
    // Of a former version's token it is not known.
    let mut former = look;
    former.authorizations[2].description = mark::describe("writes", OTHER, MarkRole::Writer);
    assert!(overlaps(&former, &influx).is_empty());
    let others = sharing::others(&former, &influx, US);
    assert_eq!(others[0].tokens, [("other-w".to_owned(), None)]);
}

#[test]
fn the_token_tells_which_meters_are_written_with_it() {
    let influx = settings();
    for former in [&["Import", "Gas"][..], &[]] {
        let mut look = complete(&influx);
        look.authorizations[0].description = mark::describe_writer(US, &series(former));
        let plan = plan_for(&look, &influx, |_| {});
        assert!(
            matches!(&plan.actions[..], [Action::DescribeWriter { id }] if id == "w"),
            "{plan:?}"
        );
    }
}

#[test]
fn a_token_that_a_copy_may_have_made_is_not_deleted() {
    let influx = settings();
    let look = complete(&influx);
    let plan = plan_for(&look, &influx, |wanted| {
        (wanted.writer_id, wanted.tokens, wanted.new_read_token) = (None, &[], true);
    });
    let kinds: Vec<_> = plan.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, ["create_writer_token", "create_read_token"]);
    let told = plan.kept.iter().filter(|kept| kept.contains("made here"));
    assert_eq!(told.count(), 2, "{plan:?}");
}

#[test]
fn without_tasks_ours_are_deleted() {
    let influx = InfluxSettings {
        downsampling: Downsampling::Client,
        ..settings()
    };
    let plan = plan_for(&complete(&influx), &influx, |_| {});
    let kinds: Vec<_> = plan.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, ["delete_task"; 3]);
}
