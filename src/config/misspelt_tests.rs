//! Keys that are not ours.

use super::*;

#[test]
fn what_others_call_it() {
    for (name, want) in [
        ("INFLUX_URL", "\"INFLUX_HOST\""),
        ("INFLUXDB_TOKEN", "\"INFLUX_TOKEN\""),
        ("INFLUX_BUCKET", "\"RAW_BUCKET\""),
        ("INFLUX_TOKN", "\"INFLUX_TOKEN\""),
        ("INFLUX_HSOT", "\"INFLUX_HOST\""),
        ("influx_host", "\"INFLUX_HOST\""),
        ("RAW_BUKET", "\"RAW_BUCKET\""),
        ("QUEUE_DIRS", "\"QUEUE_DIR\""),
        ("GPIO_DEBOUNCE", "\"GPIO_BOUNCE_TIME\""),
        ("INFLUX_XYZ", "there are INFLUX_HOST"),
    ] {
        let (told, _) = misspelt(name).unwrap();
        assert!(told.contains(want), "{name}: {told}");
    }
    for name in [
        "HOME",
        "MQTT_HOST",
        "INFLUXDB_DB",
        "INFLUXDB_ADMIN_USER",
        "debug",
    ] {
        assert_eq!(misspelt(name), None, "{name}");
    }
}

#[test]
fn and_what_it_concerns() {
    let part = |name| misspelt(name).unwrap().1;
    assert_eq!(part("INFLUX_URL"), ConfigPart::Server);
    assert_eq!(part("RAW_BUKET"), ConfigPart::Server);
    assert_eq!(part("GPIO_PUL"), ConfigPart::Counting);
    assert_eq!(part("QUEUE_DIRS"), ConfigPart::Counting);
}
