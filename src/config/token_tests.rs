//! Where tokens are found.

use super::*;
use crate::config::Influx;
use crate::config::fixture::Dir;

#[test]
fn the_services_credential_is_for_its_own_configuration() {
    let of_service = Path::new("/run/credentials/powerlogger.service/influx-token");
    assert_eq!(credential_path(None, true).as_deref(), Some(of_service));
    assert_eq!(credential_path(None, false), None);
    for is_system in [true, false] {
        let own = credential_path(Some("/run/credentials/x"), is_system);
        assert_eq!(
            own.as_deref(),
            Some(Path::new("/run/credentials/x/influx-token"))
        );
    }
}

#[test]
fn the_services_token_goes_to_no_server_that_a_commands_environment_names() {
    let dotenv = "INFLUX_HOST=http://db:8086\nINFLUX_ORG=home\nINFLUX_TOKEN=admin\n";
    let dir = Dir::new("", dotenv);
    let of_files = dir.load();
    let env = [("INFLUX_HOST", "http://elsewhere:8086")];
    let of_shell = dir.load_with(&env).unwrap();
    assert!(!is_from_environment(&of_files.values));
    assert!(is_from_environment(&of_shell.values));
    let Influx::Configured(influx) = &of_shell.settings.influx else {
        panic!("it is configured");
    };
    let path = Path::new("/run/credentials/powerlogger.service/influx-token");
    let mut notes = Vec::new();
    let mut used = |text: &str, from_environment| {
        of_credential(text, path, influx, from_environment, &mut notes)
    };
    assert_eq!(used("secret\n", false).as_deref(), Some("secret\n"));
    assert_eq!(used("secret\n", true), None);
    // One that says for whom it is decides that itself.
    let here = "token=secret\nhost=http://elsewhere:8086\norg=home\n";
    assert_eq!(used(here, true).as_deref(), Some("secret"));
    assert_eq!(used(&here.replace("elsewhere", "db"), true), None);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].contains("INFLUX_HOST comes from the environment"),
        "{notes:?}"
    );
}
