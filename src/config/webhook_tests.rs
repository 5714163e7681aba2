//! `[[webhook]]` as it is written, and what is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::fixture::Dir;

fn webhooks(toml: &str) -> Vec<WebhookSettings> {
    let loaded = Dir::new(toml, "").load();
    loaded.check().unwrap();
    loaded.settings.alarms.webhooks
}

fn problem(lines: &str) -> String {
    let text = format!("[[webhook]]\nservice = \"s\"\nurl = \"https://h/secret\"\n{lines}\n");
    let loaded = Dir::new(&text, "").load();
    assert!(!loaded.forbids_counting(), "counting goes on");
    assert!(loaded.settings.alarms.webhooks.is_empty(), "it is left out");
    let found: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].contains("secret"), "{found:?}");
    found[0].clone()
}

#[test]
fn each_has_its_own_form() {
    let found = webhooks(
        "[[webhook]]\nservice = \"ntfy\"\nurl = \"https://ntfy.sh\"\ntoken = \"tk_1\"\n\
         body = '{\"topic\": \"t\", \"message\": \"{text}\", \"priority\": {priority}}'\n\
         [[webhook]]\nservice = \"form\"\nurl = \"http://h/{token}\"\n\
         headers = [\"Content-Type: application/x-www-form-urlencoded\", \"X-Key: {token}\"]\nbody = \"a={text}\"\n\
         [[webhook]]\nservice = \"plain\"\nurl = \"http://h\"\nheaders = \"Content-Type: text/plain\"\n\
         body = \"{title}\"\ntimeout_ms = 500\n",
    );
    let forms: Vec<_> = found.iter().map(|webhook| webhook.form).collect();
    assert_eq!(forms, [BodyForm::Json, BodyForm::Form, BodyForm::Text]);
    assert!(found[1].url.rest.has_token() && found[1].headers[1].1.has_token());
    assert_eq!(found[0].token.as_ref().unwrap().expose(), "tk_1");
    assert_eq!((found[0].timeout_ms, found[2].timeout_ms), (10_000, 500));
    assert!(!format!("{found:?}").contains("tk_1"), "{found:?}");
}

#[test]
fn one_with_a_mistake_is_left_out_and_told_with_its_line() {
    for (lines, word) in [
        ("body = \"{text}\"", "it is no JSON"),
        ("body = '{\"a\": \"{txet}\"}'", "did you mean \"text\"?"),
        ("headers = \"no\"", "\"Name: value\""),
        ("headers = [\"A: b, c\"]", "no comma"),
        ("headers = \"A: \u{fc}\"", "only ASCII"),
        ("token = \"a\u{a0}b\"", "U+00A0"),
        ("credential = \"not.there\"", "chmod 600"),
        ("credential = \"../x\"", "chmod 600"),
        ("timeout_ms = 99", "out of range"),
    ] {
        let found = problem(lines);
        assert!(found.starts_with("powerlogger.toml:4: "), "{found}");
        assert!(found.contains(word), "{lines}: {found}");
    }
}

#[test]
fn one_needs_a_name_of_its_own_and_an_address() {
    let found = |text: &str| {
        let loaded = Dir::new(text, "").load();
        let problems = loaded.problems.iter().map(ToString::to_string);
        let all = problems.collect::<Vec<_>>().join("\n");
        (loaded.settings.alarms.webhooks.len(), all)
    };
    let (left, why) = found("[[webhook]]\nurl = \"http://h\"\n");
    assert_eq!((left, why.contains("service = ")), (0, true), "{why}");
    let (left, why) = found("[[webhook]]\nservice = \"a\"\n");
    assert_eq!((left, why.contains("url = ")), (0, true), "{why}");
    let two = "[[webhook]]\nservice = \"a\"\nurl = \"http://h\"\n".repeat(2);
    let (left, why) = found(&two);
    assert_eq!((left, why.contains("two webhooks")), (1, true), "{why}");
    let (left, why) = found("[[webhook]]\nservice = \"mqtt\"\nurl = \"http://h\"\n");
    assert_eq!((left, why.contains("another name")), (0, true), "{why}");
    let (left, why) = found("[webhook]\nservice = \"a\"\n");
    assert_eq!((left, why.contains("[[webhook]]")), (0, true), "{why}");
}

#[test]
fn a_token_comes_from_a_credential_else_from_a_private_file() {
    let text = "[[webhook]]\nservice = \"a\"\nurl = \"http://h\"\ncredential = \"hook.token\"\n";
    let (dir, credentials) = (Dir::new(text, ""), tempfile::tempdir().unwrap());
    let token = |env: &[(&str, &str)]| {
        let loaded = dir.load_with(env).unwrap();
        let mut webhooks = loaded.settings.alarms.webhooks.into_iter();
        let secret = webhooks.next().and_then(|webhook| webhook.token);
        secret.map(|secret| secret.expose().to_owned())
    };
    let file = dir.0.path().join("hook.token");
    fs::write(&file, "of the file\n").unwrap();
    assert_eq!(token(&[]), None, "others can read it");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(token(&[]).unwrap(), "of the file");
    fs::write(credentials.path().join("hook.token"), "of systemd").unwrap();
    let given = credentials.path().to_str().unwrap();
    assert_eq!(
        token(&[("CREDENTIALS_DIRECTORY", given)]).unwrap(),
        "of systemd"
    );
}
