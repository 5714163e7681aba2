//! Where tokens are found.

use super::*;

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
