//! Writes of every kind that an InfluxDB 2 answers differently.

use powerlogger::influx::gzip::Gzip;

const HOUR_NS: i64 = 3_600_000_000_000;
pub const DAY_NS: i64 = 24 * HOUR_NS;

/// A write.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub query: String,
    /// Whose: `writer`, `other`, `inactive`, `reader`; empty for none.
    pub token: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

fn case(name: &str, query: &str, body: impl AsRef<[u8]>) -> Case {
    Case {
        name: name.to_owned(),
        query: query.to_owned(),
        token: "writer",
        headers: Vec::new(),
        body: body.as_ref().to_vec(),
    }
}

impl Case {
    fn token(self, token: &'static str) -> Case {
        Case { token, ..self }
    }

    fn header(mut self, name: &'static str, value: &str) -> Case {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn gzip(self) -> Case {
        self.header("Content-Encoding", "gzip")
    }
}

const EVER: &str = "org=home&bucket=ever";
const MONTH: &str = "org=home&bucket=month";

/// All of them, for buckets `ever`, `month` (30 days) and `two words` in the organization `home`.
pub fn all(now_ns: i64) -> Vec<Case> {
    [
        requests(),
        bodies(),
        lines(),
        batches(now_ns),
        stamps(now_ns),
    ]
    .concat()
}

/// Tokens, organizations, buckets, precisions: checked before the body is looked at, in order.
fn requests() -> Vec<Case> {
    let bad = "not a point";
    vec![
        case("no token", EVER, bad).token(""),
        case("unknown token", "precision=x", bad).token("unknown"),
        case("v1 precision", "org=home&bucket=ever&precision=n", bad),
        case(
            "precision before bucket",
            "org=home&precision=fortnight",
            bad,
        ),
        case("no bucket, no organization", "", bad),
        case("bucket before gzip", "org=home", bad).gzip(),
        case("gzip before organization", "org=nobody&bucket=ever", bad).gzip(),
        case("no organization", "bucket=ever", bad),
        case("empty organization", "org=&bucket=ever", bad),
        case("unknown organization", "org=nobody&bucket=ever", bad),
        case(
            "unknown organization id",
            "org=0123456789abcdef&bucket=ever",
            bad,
        ),
        case("unknown bucket", "org=home&bucket=nothing", bad),
        case("unknown bucket id", "org=home&bucket=0123456789abcdef", bad),
        case(
            "unknown bucket, with quotes",
            "org=home&bucket=a%22%20b",
            bad,
        ),
        case("another bucket's token", EVER, bad).token("other"),
        case(
            "another bucket's token, no such bucket",
            "org=home&bucket=no",
            bad,
        )
        .token("other"),
        case("inactive token", EVER, bad).token("inactive"),
        case("inactive token, no such bucket", "org=home&bucket=no", bad).token("inactive"),
        case("read-only token", EVER, bad).token("reader"),
        case(
            "forbidden before bad gzip body",
            EVER,
            b"\x1f\x8b\x08\0\0\0\0\0\0\0",
        )
        .token("other")
        .gzip(),
    ]
}

/// Bodies, and what is wrong with their compression.
fn bodies() -> Vec<Case> {
    let good = Gzip::new().compress(b"gz Pulse=1i 1\n");
    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    let end = good.len();
    vec![
        case("nothing", EVER, ""),
        case("only comments", EVER, "# a\n\n  \n#b"),
        case("gzip", EVER, &good).gzip(),
        case("x-gzip", EVER, &good).header("Content-Encoding", "x-gzip"),
        case("two gzip members", EVER, [&good[..], &good[..]].concat()).gzip(),
        case("gzip of nothing", EVER, Gzip::new().compress(b"")).gzip(),
        case("empty gzip", EVER, "").gzip(),
        case("plain as gzip", EVER, "gz Pulse=1i 1\n").gzip(),
        case("half a gzip header", EVER, &good[..5]).gzip(),
        case("a gzip header alone", EVER, &good[..10]).gzip(),
        case("truncated gzip", EVER, &good[..end - 12]).gzip(),
        case("gzip without its trailer", EVER, &good[..end - 8]).gzip(),
        case("gzip with half its trailer", EVER, &good[..end - 4]).gzip(),
        case("gzip checksum", EVER, flip(end - 6)).gzip(),
        case("gzip length", EVER, flip(end - 1)).gzip(),
        case("gzip and a few bytes", EVER, [&good[..], b"abc"].concat()).gzip(),
        case(
            "gzip and a line",
            EVER,
            [&good[..], b"gz Pulse=1i 1\n"].concat(),
        )
        .gzip(),
        case("deflate", EVER, [&good[..10], &[0xff; 40]].concat()).gzip(),
        case("gzip magic", EVER, flip(0)).gzip(),
        case("gzip method", EVER, flip(2)).gzip(),
        case("other encoding", EVER, "enc Pulse=1i 1").header("Content-Encoding", "br"),
        case("other content type", EVER, "ct Pulse=1i 1")
            .header("Content-Type", "application/json"),
    ]
}

/// Single lines, good and bad.
fn lines() -> Vec<Case> {
    let lines = [
        "l Pulse=1i 1",
        "l,b=2,a=1 Pulse=1i 1",
        "l,a=1,b=2 Pulse=1i 1",
        "My\\ Power\\,=x,t=a\\=b\\,c\\ d\\e\"ü Pulse=0i -1",
        "  l Pulse=1i  3  ",
        "l Pulse=1i,v=2,w=t,x=\"a \\\" b\",y=3u 4",
        "l x=\"two\nlines\",Pulse=1i 5",
        "bad",
        "l",
        "l ",
        "l v",
        "l v=",
        "l v= 1",
        "l v=1i x",
        "l,a= v=1i 1",
        "l, v=1i 1",
        "l,a v=1i 1",
        "l,=b v=1i 1",
        "l,a=b",
        "l,a=b=c v=1i 1",
        "l,a=b,a=c v=1i 1",
        ",a=b v=1i 1",
        "l,time=x v=1i 1",
        "l,_field=x v=1i 1",
        "l,_measurement=x v=1i 1",
        "l =1i 1",
        "l v=1i,=2i 1",
        "l v=1i, 1",
        "l v=1i,w 1",
        "l v=abc 1",
        "l v=\"x 1",
        "l2 v=\"x\"y 1",
        "l2 v=\"x\"y\",Pulse=1i 1",
        "l v=tru 1",
        "l v=1ii 1",
        "l v=-i 1",
        "l v=1.5i 1",
        "l v=+1i 1",
        "l v=1e400 1",
        "l v=nan 1",
        "l v=--1 1",
        "l v=1-2 1",
        "l v=-1u 1",
        "l v=9223372036854775808i 1",
        "l v=18446744073709551616u 1",
        "l v=1i 1 1",
        "l a=1i b=2i 1",
        "l v=1i 1.5",
        "l v=1i +5",
        "l v=1i 5\r",
        "l v=1i -",
        "l v=1i 9223372036854775806",
        "l v=1i 9223372036854775807",
        "l v=1i 9223372036854775808",
        "l v=1i -9223372036854775808",
        "l time=1i 1",
        "l time=1i,Pulse=1i 6",
        "l v=1i 7\\",
        "l,a=b\\ v=1i 7",
        "l v\\=1i 7",
        "l,a\\=b v=1i 7",
    ];
    lines.iter().map(|line| case(line, EVER, line)).collect()
}

/// Several points, some of which are refused. `now`: a little in the past.
fn batches(now: i64) -> Vec<Case> {
    let old = now - 30 * DAY_NS - HOUR_NS * 25;
    let p = |m: &str, v: &str, ts: i64| format!("{m} Pulse={v} {ts}\n");
    let bad = format!(
        "{}bad\n{}bad=2 x\n",
        p("b9", "1i", now),
        p("b9", "2i", now + 1)
    );
    let conflict = p("b10", "1i", now) + &p("b10", "1.5", now + 1) + &p("b10", "2i", now + 2);
    let retention = p("b11", "1i", old) + &p("b11", "1i", now) + &p("b11", "1i", old - DAY_NS);
    // The middle of the shard group that the edge of retention falls into, on either side.
    let edge = now - 30 * DAY_NS;
    let (before, after) = (
        edge - edge.rem_euclid(DAY_NS),
        edge + DAY_NS - 1 - edge.rem_euclid(DAY_NS),
    );
    let both = p("b13", "1i", old) + &p("b13", "1i", now) + &p("b13", "true", now);
    vec![
        case("bad lines among good ones", EVER, bad),
        case("field type conflict", MONTH, conflict),
        case(
            "conflict again",
            MONTH,
            p("b10", "\"text\"", now) + &p("b10", "3u", now),
        ),
        case("past retention", MONTH, retention),
        case("past retention alone", MONTH, p("b12", "1i", old)),
        case(
            "past retention, with tags",
            MONTH,
            format!("b12,a=b,c=d Pulse=1i {old}\n"),
        ),
        case("just past retention", MONTH, p("b14", "1i", before)),
        case(
            "just past retention, in company",
            MONTH,
            p("b14", "1i", before) + &p("b14", "1i", after),
        ),
        case("both", MONTH, both),
    ]
}

/// Stamps of every precision, and points written again.
fn stamps(now: i64) -> Vec<Case> {
    let p = |m: &str, v: &str, ts: i64| format!("{m} Pulse={v} {ts}\n");
    let seconds = |m: &str| format!("{m} Pulse=1i {}\n", now / 1_000_000_000);
    let (s, ms) = (
        format!("{EVER}&precision=s"),
        format!("{MONTH}&precision=ms"),
    );
    vec![
        case("far future", MONTH, p("b15", "1i", now + 3_000 * DAY_NS)),
        case(
            "the same point again",
            EVER,
            p("b16", "1i", now) + &p("b16", "2i", now),
        ),
        case("and again", EVER, p("b16", "3i", now)),
        case("seconds", &s, seconds("b17")),
        case("seconds out of range", &s, "b18 Pulse=1i 9223372037"),
        case("seconds as milliseconds", &ms, seconds("b19")),
        case(
            "empty precision",
            &format!("{EVER}&precision="),
            p("b20", "1i", now),
        ),
        case("no stamp", MONTH, "b21 Pulse=1i\n"),
        case(
            "type in another shard",
            EVER,
            p("b22", "1i", now) + &p("b22", "2i", now - 30 * DAY_NS),
        ),
        case(
            "by bucket name with plus",
            "org=home&bucket=two+words",
            p("b23", "1i", now),
        ),
    ]
}
