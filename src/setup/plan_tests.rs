//! What is there and what comes of it.

use super::*;
use crate::influx::management::Bucket;

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
        ca_file: None,
        timeout_ms: 1_000,
    }
}

/// A server on which everything is as it should be.
fn complete(influx: &InfluxSettings) -> Look {
    let days = [30, 90, 365, 0];
    let buckets = Level::ALL.iter().zip(days).map(|(level, days)| Bucket {
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
        description: mark::describe("x", US, Role::Task(view)),
        ..Task::default()
    });
    let token = |id: &str, role| Authorization {
        id: id.to_owned(),
        description: mark::describe("x", US, role),
        active: true,
        permissions: permissions(role, &ids),
    };
    Look {
        org_id: "org".to_owned(),
        authorizations: vec![token("w", Role::Writer), token("r", Role::Reader)],
        tasks: tasks.to_vec(),
        buckets,
    }
}

fn plan_for(look: &Look, influx: &InfluxSettings, change: impl FnOnce(&mut Wanted<'_>)) -> Plan {
    let mut wanted = Wanted {
        influx,
        raw_retention_d: 30,
        installation: US,
        writer_id: Some("w"),
        take_over: false,
        new_read_token: false,
    };
    change(&mut wanted);
    plan(look, &wanted)
}

/// The kinds of the actions after a change to a complete server.
fn kinds(change: impl FnOnce(&mut Look)) -> Vec<&'static str> {
    let influx = settings();
    let mut look = complete(&influx);
    change(&mut look);
    let plan = plan_for(&look, &influx, |_| {});
    plan.actions.iter().map(Action::kind).collect()
}

#[test]
fn an_empty_server_gets_everything_and_a_complete_one_nothing() {
    let plan = plan_for(&Look::default(), &settings(), |wanted| {
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

#[test]
fn what_others_made_is_left_alone_unless_it_is_in_the_way() {
    let influx = settings();
    let mut look = complete(&influx);
    let foreign = |script: &str, status: &str| Task {
        id: "f".to_owned(),
        name: "foreign".to_owned(),
        flux: script.to_owned(),
        status: status.to_owned(),
        description: mark::describe("x", "89abcdef", Role::Task(View::Hour)),
        ..Task::default()
    };
    look.tasks
        .push(foreign("x |> to(bucket: \"1h\")", "inactive"));
    look.tasks
        .push(foreign("x |> to(bucket: \"elsewhere\")", "active"));
    let others = look.authorizations.clone().into_iter().map(|mut entry| {
        entry.description = entry.description.replace(US, "89abcdef");
        entry
    });
    look.authorizations.extend(others.collect::<Vec<_>>());
    let plan = plan_for(&look, &influx, |wanted| wanted.take_over = true);
    assert!(
        plan.actions.is_empty() && plan.conflicts.is_empty(),
        "{plan:?}"
    );

    look.tasks
        .push(foreign("x |> to(bucket: \"1h\")", "active"));
    let plan = plan_for(&look, &influx, |_| {});
    assert!(plan.actions.is_empty());
    assert_eq!(plan.conflicts[0].bucket, "1h");
    let plan = plan_for(&look, &influx, |wanted| wanted.take_over = true);
    assert!(matches!(&plan.actions[..], [Action::Deactivate { .. }]));
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
