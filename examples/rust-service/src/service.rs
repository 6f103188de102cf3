//! The routes, and the threads that answer.

use std::{
    error::Error,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tiny_http::{Method, Request, Response, Server};

use crate::visits::Visits;

/// How many requests are answered at once.
const WORKERS: usize = 4;

/// A service that runs until it is stopped.
pub struct Service {
    server: Arc<Server>,
    workers: Vec<JoinHandle<()>>,
}

impl Service {
    /// Listens on `address`, and keeps the count of visits in the folder `data`.
    pub fn start(address: &str, data: &Path) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let server = Arc::new(Server::http(address)?);
        let visits = Arc::new(Visits::open(data)?);
        let workers = (0..WORKERS)
            .map(|_| {
                let (server, visits) = (server.clone(), visits.clone());
                thread::spawn(move || {
                    for request in server.incoming_requests() {
                        answer(request, &visits);
                    }
                })
            })
            .collect();
        Ok(Service { server, workers })
    }

    /// The address that clients reach.
    pub fn address(&self) -> String {
        self.server.server_addr().to_string()
    }

    /// Takes no more requests, and returns when those that came are answered.
    pub fn stop(self) {
        for _ in &self.workers {
            self.server.unblock();
        }
        for worker in self.workers {
            // A worker that panicked has said so already.
            let _ = worker.join();
        }
    }
}

/// Name, version and architecture of this program.
pub fn about() -> String {
    format!(
        "rust-service {} on {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    )
}

fn answer(request: Request, visits: &Visits) {
    let path = request.url().split('?').next().unwrap_or_default();
    let (status, text) = match (request.method(), path) {
        (Method::Get | Method::Head, "/") => visits
            .add()
            .map_or_else(unwritable, |n| (200, format!("{}: visit {n}", about()))),
        (Method::Get | Method::Head, "/health") => visits
            .save()
            .map_or_else(unwritable, |()| (200, "ok".into())),
        (_, "/" | "/health") => (405, "only GET and HEAD".into()),
        _ => (404, "no such page".into()),
    };
    if let Err(err) = request.respond(Response::from_string(text + "\n").with_status_code(status)) {
        eprintln!("answer: {err}");
    }
}

fn unwritable(err: std::io::Error) -> (u16, String) {
    eprintln!("save the count: {err}");
    (503, "the count can't be saved".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe;
    use crate::visits::tests::Folder;

    #[test]
    fn answers_each_path() {
        let folder = Folder::new("paths");
        let service = Service::start("127.0.0.1:0", &folder.0).unwrap();
        let address = service.address();
        for (path, want) in [
            ("/", 200),
            ("/?a=b", 200),
            ("/health", 200),
            ("/other", 404),
        ] {
            assert_eq!(probe::status(&address, path).unwrap(), want, "{path}");
        }
        service.stop();
        assert_eq!(Visits::open(&folder.0).unwrap().add().unwrap(), 3);
    }

    #[test]
    fn is_not_healthy_where_nothing_can_be_saved() {
        let folder = Folder::new("unhealthy");
        let service = Service::start("127.0.0.1:0", &folder.0).unwrap();
        let address = service.address();
        probe::check(&address).unwrap();
        std::fs::remove_dir_all(&folder.0).unwrap();
        let err = probe::check(&address).unwrap_err();
        assert!(err.to_string().contains("503"), "{err}");
        service.stop();
    }

    #[test]
    fn stops_though_a_client_stays_connected() {
        let folder = Folder::new("stops");
        let service = Service::start("127.0.0.1:0", &folder.0).unwrap();
        let address = service.address();
        let _idle = std::net::TcpStream::connect(&address).unwrap();
        assert_eq!(probe::status(&address, "/").unwrap(), 200);
        service.stop();
    }
}
