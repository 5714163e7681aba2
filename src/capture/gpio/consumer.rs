//! The name of a line request at the kernel: its consumer, in `gpioinfo`.

/// What names of line requests at the kernel (their consumer, in `gpioinfo`) begin with.
const CONSUMER_BEGIN: &str = "powerlogger-";

/// The consumer of requests that former versions made; a request keeps it over an upgrade.
pub const FORMER_CONSUMER: &str = "powerlogger";

/// The name of a request at the kernel: by its id a later run knows its own.
pub(super) fn consumer(request_id: u64) -> String {
    format!("{CONSUMER_BEGIN}{request_id:016x}")
}

/// The id of the request that has a line under this name; None: it is not a PowerLogger's, or a former
/// version's.
pub fn request_of(consumer: &str) -> Option<u64> {
    u64::from_str_radix(consumer.strip_prefix(CONSUMER_BEGIN)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_tells_the_request() {
        let name = consumer(u64::MAX);
        assert!(name.len() <= 31, "the kernel cuts it there");
        assert_eq!(request_of(&name), Some(u64::MAX));
        assert_eq!(request_of(FORMER_CONSUMER), None);
        assert_eq!(request_of("powerlogger-x"), None);
    }
}
