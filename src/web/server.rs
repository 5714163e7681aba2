//! The thread `web`: what is served in it, and the end of it all.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::error;

use super::connections::{Shared, over};
use super::doors::{keep_tcp, keep_unix};
use super::guard::Guard;
use super::source::Source;
use super::write_access::WriteAccess;
use super::{amounts_read, api};
use crate::config::{Listen, WebSettings};
use crate::system::priority;

/// How long the end waits for answers that are under way.
const END_MAX: Duration = Duration::from_millis(500);

/// Threads that may wait for the disk: two questions, and a door that is being opened.
const BLOCKING_MAX: usize = 4;

/// Where to listen, and who may ask.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The directory of the unix socket.
    pub unix_dir: PathBuf,
    /// The section `[web]`.
    pub settings: WebSettings,
}

/// The server, in its thread.
#[derive(Debug)]
pub struct Web {
    ending: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Web {
    /// Begins to serve what `source` tells.
    ///
    /// # Errors
    /// When the machine gives neither a thread nor a descriptor.
    pub fn begin(source: Source, doors: Doors) -> io::Result<Web> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(BLOCKING_MAX)
            .thread_name("web-disk")
            .build()?;
        let (ending, ended) = watch::channel(false);
        let thread = std::thread::Builder::new().name("web".to_owned());
        let thread = thread.spawn(move || {
            priority::give_way();
            runtime.block_on(serve(source, doors, ended));
            // A disk that does not answer keeps its threads, and holds up no other client.
            runtime.shutdown_background();
        })?;
        Ok(Web { ending, thread })
    }

    /// Ends it: streams are told, answers that are under way are given some time.
    pub fn end(self) {
        let _ = self.ending.send(true);
        if self.thread.join().is_err() {
            error!("the web thread has died; this is a defect, please report it with the log");
        }
    }
}

async fn serve(source: Source, doors: Doors, mut ending: watch::Receiver<bool>) {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy().into_owned();
    let settings = &doors.settings;
    let guard = Guard::new(
        &machine,
        &settings.hosts,
        settings.listen == Listen::Lan,
        source.clone(),
    );
    let access = WriteAccess::new(settings.token.clone());
    let router = api::router(source.clone(), access, guard, ending.clone());
    let shared = Arc::new(Shared::new(router, ending.clone()));
    let unix = keep_unix(doors.unix_dir.clone(), Arc::clone(&shared), source.clone());
    let mut tasks = vec![
        tokio::spawn(unix),
        tokio::spawn(amounts_read::keep(source.clone())),
    ];
    for address in settings.listen.addresses() {
        tasks.push(tokio::spawn(keep_tcp(
            address,
            Arc::clone(&shared),
            source.clone(),
        )));
    }
    over(&mut ending).await;
    for task in tasks {
        // Their sockets go with them.
        task.abort();
        let _ = task.await;
    }
    let _ = timeout(END_MAX, shared.closed()).await;
}
