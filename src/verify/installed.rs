//! How the program was installed: what starts it depends on it.

use std::path::Path;

/// There only where systemd runs the machine.
const SYSTEMD: &str = "/run/systemd/system";

/// What starts the daemon here.
pub fn start() -> String {
    let exe = std::env::current_exe().unwrap_or_default();
    start_of(&exe, Path::new(SYSTEMD).exists()).to_owned()
}

fn start_of(exe: &Path, has_systemd: bool) -> &'static str {
    let is_built_here = exe.components().any(|part| part.as_os_str() == "target");
    match (is_built_here, has_systemd) {
        (true, _) => "`make run` in the clone, or `powerlogger run`",
        (false, false) => "`powerlogger run`",
        (false, true) if exe.starts_with("/usr/bin") => {
            "`sudo systemctl enable --now powerlogger`, also after each boot"
        }
        (false, true) => "`make service-install` in the clone, also after each boot",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_it_fits_how_it_was_installed() {
        for (exe, has_systemd, wants) in [
            ("/usr/bin/powerlogger", true, "systemctl enable --now"),
            ("/usr/local/bin/powerlogger", true, "make service-install"),
            ("/opt/meter/bin/powerlogger", true, "make service-install"),
            (
                "/home/me/clone/target/release/powerlogger",
                true,
                "make run",
            ),
            ("/home/me/clone/target/debug/powerlogger", false, "make run"),
            ("/usr/bin/powerlogger", false, "powerlogger run"),
        ] {
            let said = start_of(Path::new(exe), has_systemd);
            assert!(said.contains(wants), "{exe}: {said}");
            let makes = said.contains("make ");
            assert!(!makes || !exe.starts_with("/usr/bin"), "{exe}: {said}");
        }
    }
}
