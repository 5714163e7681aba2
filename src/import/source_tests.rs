//! Tests of texts that are read row by row.

use super::super::survey::Survey;
use super::*;

#[test]
fn a_quoted_newline_is_a_cells_own_and_a_bad_row_is_named_by_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pulses.csv");
    let text = "time,note,meter\n\
                1767268800,\"came\r\n\r\nlate, \"\"1767268801,x,Import\"\"\",Import\n\
                1767268802,x\n\
                1767268803,\"never closed,Import\n\
                1767268804,,Import\n";
    std::fs::write(&path, text).unwrap();
    let source = ImportFile::open(&path).unwrap();
    let context = Context::of_defaults(WallNs::of_s(2_000_000_000));
    let survey = Survey::take(&source, &context, &mut |_| {}).unwrap();
    let found = survey.meters["Import"];
    assert_eq!((survey.meters.len(), found.pulses), (1, 2));
    let times = (found.first_ns.s(), found.last_ns.s());
    assert_eq!(times, (1_767_268_800, 1_767_268_804));
    let bad: Vec<i64> = survey.unclear_rows.iter().map(|row| row.number).collect();
    assert_eq!(bad, [5, 6], "lines of the file");
}
