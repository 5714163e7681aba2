//! `/api/v2/query` and `/api/v2/delete` (v2.9.1 `http/query_handler.go`, `http/delete_handler.go`).

use serde_json::Value;

use super::super::flux::eval::{Run, Table, run};
use super::super::reply::Reply;
use super::{Answered, Asked, not_found};

pub fn query(asked: &mut Asked<'_>) -> Answered {
    asked.org()?;
    let is_json = asked.request.header("Content-Type");
    let (flux, now) = if is_json.is_some_and(|kind| kind.starts_with("application/json")) {
        let body = asked.json()?;
        (
            body["query"].as_str().unwrap_or_default().to_owned(),
            body["now"].clone(),
        )
    } else {
        (
            String::from_utf8_lossy(&asked.request.body).into_owned(),
            Value::Null,
        )
    };
    let now_ns = match now.as_str() {
        Some(now) => time_ns(now)?,
        None => asked.now_ns,
    };
    let token = asked.token.clone();
    let tables = run(
        &flux,
        &mut Run {
            store: asked.store,
            token: Some(&token),
            now_ns,
            real_ns: asked.now_ns,
        },
    );
    let tables = tables.map_err(|(status, message)| {
        let code = if status == 404 {
            "not found"
        } else {
            "invalid"
        };
        Reply::error(status, code, &message)
    })?;
    Ok(Reply {
        status: 200,
        headers: vec![("Content-Type", "text/csv; charset=utf-8".to_owned())],
        body: csv(&tables),
    })
}

/// Tables with the same columns stand under one header.
fn csv(tables: &[Table]) -> String {
    let mut text = String::new();
    let mut under: Option<Vec<&String>> = None;
    for (n, table) in tables
        .iter()
        .filter(|table| !table.rows.is_empty())
        .enumerate()
    {
        let columns: Vec<&String> = table.rows[0].keys().collect();
        if under.as_ref() != Some(&columns) {
            if under.is_some() {
                text.push_str("\r\n");
            }
            let names = columns.iter().map(|name| format!(",{}", quoted(name)));
            text.push_str(&format!(",result,table{}\r\n", names.collect::<String>()));
            under = Some(columns);
        }
        for row in &table.rows {
            let cells = row
                .values()
                .map(|cell| format!(",{}", quoted(&cell.shown())));
            text.push_str(&format!(",_result,{n}{}\r\n", cells.collect::<String>()));
        }
    }
    text.push_str("\r\n");
    text
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn time_ns(text: &str) -> Result<i64, Reply> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| Reply::error(400, "invalid", "not a time"))?;
    Ok(i64::try_from(time.as_nanosecond()).expect("a near year"))
}

pub fn delete(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json()?;
    let wanted = asked.request.query("bucket").unwrap_or_default();
    let found = asked
        .store
        .bucket_named(wanted)
        .or(asked.store.bucket_with_id(wanted));
    let (name, id) = found.ok_or_else(|| not_found(&format!("bucket {wanted:?} not found")))?;
    if !asked.store.may(&asked.token, "write", &id) {
        return Err(Reply::error(
            403,
            "forbidden",
            "insufficient permissions to delete",
        ));
    }
    let bound = |name: &str| match body[name].as_str() {
        Some(time) => time_ns(time),
        None => Err(Reply::error(400, "invalid", &format!("missing {name}"))),
    };
    let (start, stop) = (bound("start")?, bound("stop")?);
    let wanted = conditions(body["predicate"].as_str().unwrap_or_default())?;
    asked.store.remove_points(&name, |series, time_ns| {
        let holds = |(key, value): &(String, String)| {
            let value = value.replace(',', "\\,").replace(' ', "\\ ");
            match key.as_str() {
                "_measurement" => series == value || series.starts_with(&format!("{value},")),
                key => {
                    format!("{series},").contains(&format!(",{key}={},", value.replace('=', "\\=")))
                }
            }
        };
        start <= time_ns && time_ns <= stop && wanted.iter().all(holds)
    });
    Ok(Reply::no_content())
}

/// `key="value" AND …`.
fn conditions(predicate: &str) -> Result<Vec<(String, String)>, Reply> {
    let bad = || Reply::error(400, "invalid", "the predicate cannot be read");
    let parts = predicate.split(" AND ").filter(|part| !part.is_empty());
    let parts = parts.map(|part| {
        let (key, value) = part.split_once('=').ok_or_else(bad)?;
        let value = value
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .ok_or_else(bad)?;
        Ok((
            key.to_owned(),
            value.replace("\\\"", "\"").replace("\\\\", "\\"),
        ))
    });
    parts.collect()
}
