//! A small web service that counts its visits. The container's environment
//! configures it: `LISTEN` is the address, `DATA_DIR` where the count is kept.

mod probe;
mod service;
mod visits;

use std::{env, error::Error, path::Path, process::ExitCode};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

fn main() -> ExitCode {
    let listen = env::var("LISTEN").unwrap_or_else(|_| "0.0.0.0:8080".into());
    let data = env::var("DATA_DIR").unwrap_or_else(|_| "/data".into());
    let args: Vec<String> = env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve(&listen, Path::new(&data)),
        // What a health check runs: the image has no curl.
        ["--check"] => probe::check(&listen).map_err(Into::into),
        ["--version"] => {
            println!("{}", service::about());
            Ok(())
        }
        _ => Err("usage: rust-service [--check | --version]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("rust-service: {err}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or SIGINT, and answers what is being asked by then.
fn serve(listen: &str, data: &Path) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let service = service::Service::start(listen, data)
        .map_err(|err| format!("serve on {listen:?}: {err}"))?;
    eprintln!("{} serves on {}", service::about(), service.address());
    signals.forever().next();
    service.stop();
    Ok(())
}
