//! `/api/v2/query` and `/api/v2/delete` (v2.9.1 `http/query.go`, `http/delete_handler.go`,
//! `predicate/parser.go`).

use super::super::queries::{Run, encode, run};
use super::super::reply::Reply;
use super::{Answered, Asked, invalid, not_found, prefixed, text};

const DECODE: &str = "failed to decode request body: ";
const JSON: &str = "failed parsing request body as JSON; if sending a raw Flux script, set \
                    'Content-Type: application/vnd.flux' in your request headers: ";

pub fn query(asked: &mut Asked<'_>) -> Answered {
    let decode = |refused: Reply| prefixed(refused, 400, "invalid", DECODE);
    let kind = asked.request.header("Content-Type").unwrap_or_default();
    let body = if kind.starts_with("application/vnd.flux") {
        let script = String::from_utf8_lossy(&asked.request.body);
        serde_json::json!({ "query": script })
    } else {
        asked.json(&format!("{DECODE}{JSON}"))?
    };
    let now_ns = match body["now"].as_str() {
        Some(now) => {
            time_ns(now).ok_or_else(|| decode(invalid(&format!("{JSON}parsing time {now:?}"))))?
        }
        None => asked.now_ns,
    };
    let script = text(&body["query"]).to_owned();
    if script.is_empty() {
        return Err(decode(invalid("request body requires either query or AST")));
    }
    if let Some(other) = body["type"].as_str().filter(|kind| *kind != "flux") {
        return Err(decode(invalid(&format!("unknown query type: {other}"))));
    }
    let own = serde_json::json!({ "header": true, "delimiter": ",", "annotations": [] });
    let dialect = body["dialect"].as_object();
    assert!(
        dialect.is_none_or(|given| given.iter().all(|(key, value)| own[key] == *value)),
        "the fake answers in one form alone, not in {dialect:?}"
    );
    let org_id = asked.org_asked().map_err(decode)?;
    org_id.ok_or_else(|| decode(invalid("Please provide either orgID or org")))?;
    let token = asked.token.clone();
    let outcome = run(
        &script,
        &mut Run {
            store: asked.store,
            token: Some(&token),
            now_ns,
            real_ns: asked.now_ns,
        },
    );
    let outcome =
        outcome.map_err(|failed| Reply::error(failed.status, failed.code, &failed.message))?;
    Ok(Reply {
        status: 200,
        headers: vec![("Content-Type", "text/csv; charset=utf-8".to_owned())],
        body: encode(&outcome),
    })
}

fn time_ns(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

const BODY: &str = "error decoding json body: ";

pub fn delete(asked: &mut Asked<'_>) -> Answered {
    let body = asked.json(BODY)?;
    let bound = |name: &str, example: &str| {
        time_ns(text(&body[name])).ok_or_else(|| {
            let why = format!(
                "{BODY}invalid RFC3339Nano for field {name}, please format your time with \
                 RFC3339Nano format, example: {example}"
            );
            invalid(&why)
        })
    };
    let start = bound("start", "2009-01-02T23:00:00Z")?;
    let stop = bound("stop", "2009-01-01T23:00:00Z")?;
    let wanted = conditions(text(&body["predicate"]))?;
    let org_id = asked.org_asked()?;
    let org_id = org_id.ok_or_else(|| invalid("Please provide either orgID or org"))?;
    let given = |key: &str| asked.request.query(key);
    let bucket = given("bucket").or(given("bucketID"));
    let bucket = bucket.ok_or_else(|| invalid("Please provide either bucketID or bucket"))?;
    let found = asked.store.bucket_named(bucket);
    let found = found.or(asked.store.bucket_with_id(bucket));
    let found = found.filter(|(name, _)| asked.store.buckets[name].org_id == org_id);
    let (name, id) = found.ok_or_else(|| not_found(&format!("bucket {bucket:?} not found")))?;
    if !asked.store.may(&asked.token, "write", &id) {
        let message = "insufficient permissions to delete";
        return Err(Reply::error(403, "forbidden", message));
    }
    if wanted.iter().any(|condition| condition.key == "_field") {
        let message = "delete by field is not supported";
        return Err(Reply::error(501, "not implemented", message));
    }
    // "Any measurement but this", and nothing else, deletes nothing.
    if wanted
        .iter()
        .any(|condition| condition.is_other_measurement())
        && wanted
            .iter()
            .all(|condition| condition.key == "_measurement")
    {
        return Ok(Reply::no_content());
    }
    asked.store.remove_points(&name, |series, time_ns| {
        // Both bounds are included.
        start <= time_ns
            && time_ns <= stop
            && wanted.iter().all(|condition| condition.holds(series))
    });
    Ok(Reply::no_content())
}

/// `key = value` or `key != value`.
struct Condition {
    key: String,
    is_equal: bool,
    value: String,
}

impl Condition {
    fn is_other_measurement(&self) -> bool {
        self.key == "_measurement" && !self.is_equal
    }

    /// A series without the tag is never meant, neither by `=` nor by `!=`.
    fn holds(&self, series: &str) -> bool {
        let escape = |text: &str| text.replace(',', "\\,").replace(' ', "\\ ");
        let tag = |text: &str| escape(text).replace('=', "\\=");
        if self.key == "_measurement" {
            let own = escape(&self.value);
            let same = series == own || series.starts_with(&format!("{own},"));
            return same == self.is_equal;
        }
        let series = format!("{series},");
        let has = |part: String| series.contains(&part);
        let with = has(format!(",{}={},", tag(&self.key), tag(&self.value)));
        with == self.is_equal && has(format!(",{}=", tag(&self.key)))
    }
}

/// The words of a predicate: names, signs, and texts in quotes.
fn words(predicate: &str) -> Result<Vec<String>, Reply> {
    let chars: Vec<char> = predicate.chars().collect();
    let (mut words, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let begin = at;
        match chars[at] {
            c if c.is_whitespace() => at += 1,
            '(' | ')' => at += 1,
            '"' => {
                let mut word = String::from("\"");
                at += 1;
                while *chars.get(at).ok_or_else(|| invalid("bad string"))? != '"' {
                    at += usize::from(chars[at] == '\\');
                    word.extend(chars.get(at));
                    at += 1;
                }
                at += 1;
                words.push(word);
            }
            '=' | '!' | '~' => {
                while at < chars.len() && "=!~".contains(chars[at]) {
                    at += 1;
                }
                words.push(chars[begin..at].iter().collect());
            }
            '\'' => {
                let value: String = chars[begin + 1..]
                    .iter()
                    .take_while(|c| **c != '\'')
                    .collect();
                return Err(invalid(&format!(
                    "{BODY}bad tag value: {value:?}, at position 1"
                )));
            }
            _ => {
                while at < chars.len() && !" ()=!~\"'".contains(chars[at]) {
                    at += 1;
                }
                words.push(chars[begin..at].iter().collect());
            }
        }
    }
    Ok(words)
}

/// Conditions, joined by AND alone.
fn conditions(predicate: &str) -> Result<Vec<Condition>, Reply> {
    let words = words(predicate)?;
    let (mut conditions, mut rest) = (Vec::new(), words.as_slice());
    while !rest.is_empty() {
        let [key, sign, value, after @ ..] = rest else {
            return Err(invalid(
                "invalid request; error parsing predicate: found EOF",
            ));
        };
        let is_equal = match sign.as_str() {
            "=" => true,
            "!=" => false,
            "=~" | "!~" => {
                let why = format!("{BODY}operator: {sign:?} at position: 1 is not supported yet");
                return Err(invalid(&why));
            }
            _ => return Err(invalid(&format!("{BODY}invalid operator"))),
        };
        let bare = |word: &String| word.trim_start_matches('"').to_owned();
        conditions.push(Condition {
            key: bare(key),
            is_equal,
            value: bare(value),
        });
        rest = match after {
            [] => after,
            [word, after @ ..] if word.eq_ignore_ascii_case("and") && !after.is_empty() => after,
            [word] if word.eq_ignore_ascii_case("and") => {
                return Err(invalid(
                    "invalid request; error parsing predicate: found EOF",
                ));
            }
            [word, ..] if word.eq_ignore_ascii_case("or") => {
                let why =
                    format!("{BODY}the logical operator OR is not supported yet at position 1");
                return Err(invalid(&why));
            }
            _ => return Err(invalid(&format!("{BODY}invalid operator"))),
        };
    }
    Ok(conditions)
}
