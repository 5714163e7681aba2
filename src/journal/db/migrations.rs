//! The schema, as numbered steps.

/// What tells the journal from all others. One that is made now has no clock segment yet: a random number. One
/// that was made earlier has copies that do not know it: it is made of what they have, too.
pub(crate) const GIVE_ID: &str = "
    INSERT OR IGNORE INTO journal SELECT 'id', coalesce(
        (SELECT boot_id || ' ' || begins_ns || coalesce(' ' || (SELECT min(begins_s) FROM watched), '')
         FROM clock_segment WHERE boot_id <> 'import' ORDER BY id LIMIT 1),
        lower(hex(randomblob(16))));
    ";

/// The steps from an empty file to the newest schema; a journal's `user_version` says how many
/// of them it has seen. Only ever append.
pub(in crate::journal) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE meter (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE clock_segment (
        id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, begins_ns INTEGER NOT NULL,
        offset_ns INTEGER NOT NULL, trust INTEGER NOT NULL);
    CREATE TABLE pulse (
        id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, segment INTEGER NOT NULL,
        mono_ns INTEGER NOT NULL, estimated INTEGER NOT NULL);
    CREATE TABLE line (
        meter INTEGER PRIMARY KEY, pulses INTEGER NOT NULL DEFAULT 0, last_segment INTEGER,
        last_mono_ns INTEGER, request_id INTEGER, line_seqno INTEGER, filter TEXT);
    CREATE TABLE ledger (
        meter INTEGER NOT NULL, cause TEXT NOT NULL, pulses INTEGER NOT NULL,
        first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
        PRIMARY KEY (meter, cause)) WITHOUT ROWID;
    CREATE TABLE destination (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL DEFAULT '',
        message TEXT NOT NULL DEFAULT '', since_ns INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE delivered (
        destination INTEGER NOT NULL, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL,
        PRIMARY KEY (destination, first_id)) WITHOUT ROWID;
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, destination INTEGER NOT NULL, pulse INTEGER NOT NULL,
        meter INTEGER NOT NULL, wall_ns INTEGER NOT NULL, message TEXT NOT NULL,
        at_ns INTEGER NOT NULL);
    CREATE TABLE journal (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    ",
    "
    CREATE TABLE window (
        view INTEGER NOT NULL, start_s INTEGER NOT NULL, meter INTEGER NOT NULL,
        pulses INTEGER NOT NULL, PRIMARY KEY (view, start_s, meter)) WITHOUT ROWID;
    CREATE TABLE rolled (first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL);
    CREATE TABLE hour_ids (
        start_s INTEGER PRIMARY KEY, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL);
    CREATE TABLE watched (
        meter INTEGER NOT NULL, begins_s INTEGER NOT NULL, ends_s INTEGER NOT NULL,
        PRIMARY KEY (meter, begins_s)) WITHOUT ROWID;
    CREATE TABLE reconciled (
        destination INTEGER NOT NULL, level INTEGER NOT NULL, until_s INTEGER NOT NULL,
        PRIMARY KEY (destination, level)) WITHOUT ROWID;
    CREATE TABLE changed_window (
        destination INTEGER NOT NULL, level INTEGER NOT NULL, start_s INTEGER NOT NULL,
        roll INTEGER NOT NULL, PRIMARY KEY (destination, level, start_s)) WITHOUT ROWID;
    ALTER TABLE destination ADD COLUMN views_state TEXT NOT NULL DEFAULT '';
    ALTER TABLE destination ADD COLUMN views_message TEXT NOT NULL DEFAULT '';
    ALTER TABLE destination ADD COLUMN views_since_ns INTEGER NOT NULL DEFAULT 0;
    ",
    "
    ALTER TABLE clock_segment ADD COLUMN slept_ns INTEGER NOT NULL DEFAULT 0;
    ",
    "
    CREATE TABLE register (
        id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, at_ns INTEGER NOT NULL,
        pulses INTEGER NOT NULL, kwh REAL NOT NULL, imp_per_kwh REAL NOT NULL,
        adopted INTEGER NOT NULL);
    ",
    "
    CREATE TABLE elapsed (
        one INTEGER PRIMARY KEY CHECK (one = 1), boot_id TEXT NOT NULL, mono_ns INTEGER NOT NULL,
        sure_ns INTEGER, shown_ns INTEGER, over_a_boot INTEGER NOT NULL,
        steady_boot_ns INTEGER, steady_wall_ns INTEGER, steady_for_ns INTEGER);
    CREATE TABLE thinned (
        segment INTEGER NOT NULL, minute INTEGER NOT NULL, meter INTEGER NOT NULL,
        pulses INTEGER NOT NULL, first_id INTEGER NOT NULL,
        PRIMARY KEY (segment, minute, meter)) WITHOUT ROWID;
    ",
    GIVE_ID,
    // What the reconciler has still to look at, and what it found: no restart forgets it.
    "
    CREATE TABLE compare_span (
        destination INTEGER NOT NULL, level INTEGER NOT NULL, kind INTEGER NOT NULL,
        from_s INTEGER NOT NULL, to_s INTEGER NOT NULL,
        PRIMARY KEY (destination, level, kind, from_s)) WITHOUT ROWID;
    ALTER TABLE reconciled ADD COLUMN looked_from_s INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE reconciled ADD COLUMN all_s INTEGER NOT NULL DEFAULT 0;
    ",
    // What the filter of a line made lately of what looks like pulses.
    "
    ALTER TABLE line ADD COLUMN tally TEXT;
    ",
    // A point in quarantine may be marked to be sent again; a pulse that raw no longer takes is told once, however
    // many servers say so; whether a server gets the pulses themselves is known without the configuration.
    "
    ALTER TABLE quarantine ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX quarantine_again ON quarantine (destination, pulse) WHERE again = 1;
    CREATE TABLE expired (first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL);
    ALTER TABLE destination ADD COLUMN raw INTEGER NOT NULL DEFAULT 1;
    ",
    "
    CREATE TABLE line_now (
        meter INTEGER PRIMARY KEY, since_ns INTEGER NOT NULL, why TEXT);
    ",
    MARK_SIMULATED,
    // Quarters of an hour and local days. What was counted before is filled in while the daemon counts: opening takes no
    // longer for it.
    "
    ALTER TABLE window ADD COLUMN shortest_gap_ms INTEGER;
    ALTER TABLE window ADD COLUMN longest_gap_ms INTEGER;
    CREATE TABLE quarter (
        start_s INTEGER NOT NULL, meter INTEGER NOT NULL, pulses INTEGER NOT NULL,
        coarse INTEGER NOT NULL, shortest_gap_ms INTEGER, longest_gap_ms INTEGER,
        PRIMARY KEY (start_s, meter)) WITHOUT ROWID;
    CREATE TABLE zone (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, days_from_s INTEGER NOT NULL);
    CREATE TABLE day (
        zone INTEGER NOT NULL, start_s INTEGER NOT NULL, meter INTEGER NOT NULL,
        pulses INTEGER NOT NULL, shortest_gap_ms INTEGER, longest_gap_ms INTEGER,
        PRIMARY KEY (zone, start_s, meter)) WITHOUT ROWID;
    INSERT OR REPLACE INTO journal SELECT 'quarters_from_s',
        CASE WHEN EXISTS (SELECT 1 FROM window) THEN 9223372036854775807 ELSE 0 END;
    ",
    // Pulses that were counted before keep the energy that they had.
    "
    CREATE TABLE factor (
        meter INTEGER NOT NULL, from_s INTEGER NOT NULL, imp_per_kwh REAL NOT NULL,
        PRIMARY KEY (meter, from_s)) WITHOUT ROWID;
    ",
    // Meters may count gas and water: the numbers of a reading and of a factor are of this unit.
    "
    ALTER TABLE factor ADD COLUMN unit TEXT NOT NULL DEFAULT 'kWh';
    ALTER TABLE register ADD COLUMN unit TEXT NOT NULL DEFAULT 'kWh';
    ",
    // What is published by MQTT keeps its names and its counts, and is taken away when it is gone.
    "
    CREATE TABLE mqtt_meter (
        slug TEXT PRIMARY KEY, meter TEXT NOT NULL, line TEXT NOT NULL, pulses INTEGER NOT NULL,
        amount REAL NOT NULL, pulses_per_unit REAL) WITHOUT ROWID;
    CREATE TABLE mqtt_topic (topic TEXT PRIMARY KEY) WITHOUT ROWID;
    ",
    // A face goes round at its digits, and a meter may be exchanged.
    "
    ALTER TABLE register ADD COLUMN digits TEXT;
    ALTER TABLE register ADD COLUMN exchange TEXT;
    ALTER TABLE register ADD COLUMN serial TEXT;
    ",
    // What the alarms have told, and what is still to be told: no restart repeats or forgets it.
    "
    CREATE TABLE alarm (
        word TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL, since_ns INTEGER NOT NULL,
        sentence TEXT NOT NULL, remedy TEXT NOT NULL, PRIMARY KEY (word, subject)) WITHOUT ROWID;
    CREATE TABLE alarm_event (
        id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, is_end INTEGER NOT NULL, word TEXT NOT NULL,
        subject TEXT NOT NULL, severity TEXT NOT NULL, since_ns INTEGER NOT NULL, sentence TEXT NOT NULL,
        remedy TEXT NOT NULL, waits_for TEXT NOT NULL);
    CREATE TABLE alarm_lost (meter TEXT PRIMARY KEY, pulses INTEGER NOT NULL) WITHOUT ROWID;
    ",
    // When pulses were lost or put back.
    "
    CREATE TABLE ledger_quarter (
        meter INTEGER NOT NULL, cause TEXT NOT NULL, start_s INTEGER NOT NULL, pulses INTEGER NOT NULL,
        first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, PRIMARY KEY (meter, cause, start_s)) WITHOUT ROWID;
    ",
    DATE_LEDGER,
    // A meter that counts something else is no renamed one. What a known one counts is told by what its pulses were worth.
    "
    ALTER TABLE mqtt_meter ADD COLUMN unit TEXT;
    UPDATE mqtt_meter SET unit = (
        SELECT CASE factor.unit WHEN 'Wh' THEN 'kWh' ELSE factor.unit END
        FROM factor JOIN meter ON meter.id = factor.meter
        WHERE meter.name = mqtt_meter.meter ORDER BY from_s DESC LIMIT 1);
    ",
];

/// Of what was lost before times were kept, only between when and when is known.
pub(in crate::journal) const DATE_LEDGER: &str = "
    INSERT INTO ledger_quarter SELECT meter, cause, first_ns / 900000000000 * 900, pulses, first_ns, last_ns
        FROM ledger WHERE cause IN ('memory_full', 'disk_bound', 'refused');
    ";

/// Marks a journal that holds nothing but simulated pulses (and what was imported into it).
pub(in crate::journal) const MARK_SIMULATED: &str = "
    INSERT OR IGNORE INTO journal SELECT 'simulated', 1
        WHERE EXISTS (SELECT 1 FROM clock_segment WHERE boot_id = 'simulated')
        AND NOT EXISTS (SELECT 1 FROM clock_segment WHERE boot_id NOT IN ('simulated', 'import'));
    ";
