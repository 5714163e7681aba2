//! How much of the processor a thread gets beside others.

use rustix::process::{getpriority_process, setpriority_process};

/// The nice value of what counting does not wait for.
const BESIDE_COUNTING: i32 = 10;

/// Lets this thread, and those that it starts, give way to those that count. Where that is forbidden it stays as it is.
pub fn give_way() {
    // On Linux a nice value is a thread's own, and this is the thread that calls.
    if getpriority_process(None).is_ok_and(|nice| nice < BESIDE_COUNTING) {
        let _ = setpriority_process(None, BESIDE_COUNTING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gives_way_and_no_other_does() {
        let before = getpriority_process(None).unwrap();
        let thread = std::thread::spawn(|| {
            give_way();
            getpriority_process(None).unwrap()
        });
        assert_eq!(thread.join().unwrap(), BESIDE_COUNTING.max(before));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
