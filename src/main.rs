//! The binary: parses, dispatches, prints the error with what to do, chooses the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use powerlogger::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = cli::standard_output();
    let outcome = cli::main(cli, &mut *out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    // The reader of the answer may stop when it has seen enough: `export | head`.
    let cause = error.root_cause().downcast_ref::<io::Error>();
    if cause.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stderr(), "{}", cli::explain(&error));
    cli::exit_code(&error)
}
