//! Deletions, each followed by what is left.

use serde_json::{Value, json};

use super::queries::of;
use super::{Case, ask, bucket, org, right, token, write};
use crate::support::fake_influx::shapes::POINTS;

const PREDICATES: &[&str] = &[
    "",
    "_measurement=\"m\"",
    "_measurement=\"m\" AND t=\"x\"",
    "_measurement=m",
    "_measurement=\"m\" and t=\"y\"",
    "t!=\"x\"",
    "_measurement!=\"m\"",
    "_measurement!=\"m\" AND t=\"y\"",
    "t=\"y\" AND _measurement!=\"n\"",
    "_measurement!=\"none\"",
    "t!=\"x\" AND _measurement=\"m\"",
    "t!=\"none\"",
    "_measurement=\"m n\"",
    "t=\"a, b=c\"",
    "\"t\"=\"y\"",
    "t = \"y\"",
    "(t=\"y\")",
    "t=\"x\" AND u=\"1\"",
    "t=\"y\" AND t=\"x\"",
    "nope=\"x\"",
    "_field=\"f\"",
    "_measurement=\"m\" OR t=\"y\"",
    "t=~/x/",
    "t='x'",
    "_measurement=\"m\" AND",
];

pub fn all() -> Vec<Case> {
    let mut cases = vec![
        org(),
        ask("op", "POST /api/v2/buckets", bucket("d", 0)).keep("d", "/id"),
        ask(
            "op",
            "POST /api/v2/authorizations",
            token(&[right("read", "$d")]),
        )
        .keep("reader", "/token"),
    ];
    for predicate in PREDICATES {
        let body = json!({ "start": "1970-01-01T00:00:00Z", "stop": "1971-01-01T00:00:00Z", "predicate": predicate });
        cases.extend(delete("POST /api/v2/delete?org=home&bucket=d", body));
    }
    let whole = json!({ "start": "1970-01-01T00:00:00Z", "stop": "1971-01-01T00:00:00Z" });
    // Both bounds are included.
    let exact =
        json!({ "start": "1970-01-01T00:00:00.000001Z", "stop": "1970-01-01T00:00:00.000002Z" });
    let bodies = [
        exact,
        json!({ "start": "1970-01-01T00:00:00Z" }),
        json!({ "stop": "1970-01-01T00:00:00Z" }),
        json!({ "start": "x", "stop": "1970-01-01T00:00:00Z" }),
        json!({ "start": "1971-01-01T00:00:00Z", "stop": "1970-01-01T00:00:00Z" }),
    ];
    for body in bodies {
        cases.extend(delete("POST /api/v2/delete?org=home&bucket=d", body));
    }
    for line in [
        "POST /api/v2/delete?orgID=$org&bucketID=$d",
        "POST /api/v2/delete?org=elsewhere&bucket=d",
        "POST /api/v2/delete?org=home&bucket=missing",
        "POST /api/v2/delete?org=home",
        "POST /api/v2/delete?bucket=d",
    ] {
        cases.extend(delete(line, whole.clone()));
    }
    cases.push(ask(
        "reader",
        "POST /api/v2/delete?org=home&bucket=d",
        whole.clone(),
    ));
    cases.push(ask("bad", "POST /api/v2/delete?org=home&bucket=d", whole));
    cases.push(
        ask("op", "POST /api/v2/delete?org=home&bucket=d", Value::Null)
            .text("application/json", "{bad"),
    );
    cases
}

/// Points, a request to delete some, and what is left of each measurement and field.
fn delete(line: &'static str, body: Value) -> Vec<Case> {
    let written = write(
        "d",
        &[
            "m,t=x,u=1 f=1i 1000",
            "m,t=x,u=1 f=2i 2000",
            "m,t=x g=6i 2500",
            "m,t=y f=3i 3000",
            "m\\ n,t=a\\,\\ b\\=c f=4i 4000",
            "n g=5i 5000",
        ],
    );
    let left = |(measurement, field)| {
        let values = [
            ("bucket", "\"d\""),
            ("start", "1969-01-01T00:00:00Z"),
            ("measurement", measurement),
            ("field", field),
        ];
        let query = json!({ "query": of(POINTS, &values) });
        ask("op", "POST /api/v2/query?org=home", query).in_any_order()
    };
    let fields = [
        ("\"m\"", "\"f\""),
        ("\"m\"", "\"g\""),
        ("\"m n\"", "\"f\""),
        ("\"n\"", "\"g\""),
    ];
    let asked = [written, ask("op", line, body)].into_iter();
    asked.chain(fields.map(left)).collect()
}
