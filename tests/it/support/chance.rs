//! What is random in a test: the same in each run, so that a commit passes or fails, not a day.

/// The seed that `name` gives: a number; `random` for another one in each run, as in a search by night; or 1.
/// It is said, so that a run can be had again.
#[allow(clippy::print_stderr, reason = "who repeats a run needs it")]
pub(crate) fn seed(name: &str) -> u64 {
    let seed = match std::env::var(name).as_deref() {
        Err(_) => 1,
        Ok("random") => fastrand::u64(..),
        Ok(number) => number
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number or `random`, not {number:?}")),
    };
    eprintln!("{name}={seed}");
    seed
}
