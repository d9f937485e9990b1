//! One file over HTTP: resumed where a connection broke, and in place only when whole and right.
use super::interrupt;
use super::part::Part;
use anyhow::{anyhow, ensure};
use indicatif::ProgressBar;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use ureq::http::{HeaderMap, HeaderName};
use ureq::{Agent, Body};

/// What to download, and what it must be.
#[derive(Debug)]
pub struct Download {
    /// The address.
    pub url: String,
    /// The length in bytes; if `None`, what the server says.
    pub size: Option<u64>,
    /// The SHA-256 in hexadecimal; if `None`, any.
    pub sha256: Option<String>,
    /// A connection that brings nothing for so long counts as broken.
    pub patience: Duration,
    /// Connections in a row that may bring nothing new.
    pub tries: u32,
}

/// Why a connection brought no whole file.
enum Broken {
    /// Another may go on.
    Connection(anyhow::Error),
    /// No other will do better.
    ForGood(anyhow::Error),
}

impl From<anyhow::Error> for Broken {
    fn from(error: anyhow::Error) -> Self {
        Self::ForGood(error)
    }
}

/// A server's answer to the request for what is missing.
type Response = ureq::http::Response<Body>;

impl Download {
    /// Puts the file at `place`. What has arrived when this fails stays for the next run, unless
    /// it is wrong.
    pub fn run(&self, place: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
        let folder = place.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .map_err(|e| anyhow!("cannot make the folder {}: {e}", folder.display()))?;
        let mut part = Part::open(place, &self.url)?;
        match self.receive(&mut part, bar).and_then(|()| self.verify(&mut part)) {
            Ok(()) => part.place(place),
            Err(error) => {
                if !part.is_resumable() {
                    part.discard();
                }
                Err(error)
            }
        }
    }

    /// One connection after the other, until all is there.
    fn receive(&self, part: &mut Part, bar: &ProgressBar) -> anyhow::Result<()> {
        let agent = self.agent();
        let (mut longest, mut in_vain) = (part.len(), 0);
        loop {
            let broken = match self.connect(&agent, part, bar) {
                Ok(()) => return Ok(()),
                Err(Broken::ForGood(error)) => return Err(error),
                Err(Broken::Connection(error)) => error,
            };
            in_vain = if part.len() > longest { 1 } else { in_vain + 1 };
            longest = longest.max(part.len());
            if in_vain >= self.tries {
                let tries = self.tries;
                return Err(broken.context(format!(
                    "{}: {} bytes have come, {tries} connections brought no more",
                    self.url,
                    part.len()
                )));
            }
            tracing::info!("{}: {broken:#}; trying again", self.url);
            wait(Duration::from_millis(500) * in_vain)?;
        }
    }

    /// One connection: asks for what is missing, and takes what comes.
    fn connect(&self, agent: &Agent, part: &mut Part, bar: &ProgressBar) -> Result<(), Broken> {
        if self.size == Some(part.len()) {
            return Ok(());
        }
        let mut request = agent.get(&self.url);
        if part.is_resumable() {
            request = request.header(RANGE, format!("bytes={}-", part.len()));
            request = request.header(IF_RANGE, part.version());
        }
        let response = request.call().map_err(|e| self.unanswered(e))?;
        self.accept(&response, part)?;
        let total = self.total(&response, part.len())?;
        bar.set_length(total);
        bar.set_position(part.len());
        take(response.into_body(), total, part, bar)
    }

    /// Makes `part` ready for the bytes of `response`, or says why they are none.
    fn accept(&self, response: &Response, part: &mut Part) -> Result<(), Broken> {
        let (status, headers) = (response.status(), response.headers());
        let version = version(headers);
        match status.as_u16() {
            // The whole: the server knows no ranges, or the file has changed.
            200 => Ok(part.restart(version)?),
            206 if first_byte(headers) == Some(part.len())
                && [part.version(), ""].contains(&version) =>
            {
                Ok(())
            }
            206 | 416 => {
                part.restart("")?;
                Err(Broken::Connection(anyhow!("the server has another file, or part of it")))
            }
            408 | 429 | 500..=599 => Err(Broken::Connection(anyhow!("the server says {status}"))),
            _ => Err(Broken::ForGood(anyhow!("{}: expected the file, found {status}", self.url))),
        }
    }

    /// How long the file is, of which `len` bytes are here already.
    fn total(&self, response: &Response, len: u64) -> Result<u64, Broken> {
        let said = number(text(response.headers(), &CONTENT_LENGTH)).map(|rest| len + rest);
        match (self.size, said) {
            (Some(size), Some(said)) if size != said => {
                Err(Broken::ForGood(anyhow!("{}: expected {size} bytes, found {said}", self.url)))
            }
            (Some(size), _) => Ok(size),
            (None, Some(said)) => Ok(said),
            (None, None) => Err(Broken::ForGood(anyhow!(
                "{}: expected a server that says how long the file is, found none",
                self.url
            ))),
        }
    }

    /// Wrong bytes are dropped, so that the next run begins anew.
    fn verify(&self, part: &mut Part) -> anyhow::Result<()> {
        let Some(expected) = &self.sha256 else { return Ok(()) };
        let found = part.sha256()?;
        if found != *expected {
            part.restart("")?;
        }
        ensure!(found == *expected, "{}: expected SHA-256 {expected}, found {found}", self.url);
        Ok(())
    }

    fn agent(&self) -> Agent {
        Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("mgdsam2/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.patience))
            .timeout_connect(Some(self.patience))
            .timeout_recv_response(Some(self.patience))
            .timeout_per_read(Some(self.patience))
            .timeout_per_write(Some(self.patience))
            .build()
            .new_agent()
    }

    fn unanswered(&self, error: ureq::Error) -> Broken {
        use ureq::Error::{Http, InvalidProxyUrl, RedirectFailed, Tls, TooManyRedirects};
        match error {
            ureq::Error::BadUri(_)
            | Http(_)
            | InvalidProxyUrl
            | RedirectFailed
            | Tls(_)
            | TooManyRedirects => Broken::ForGood(anyhow!("{}: {error}", self.url)),
            _ => Broken::Connection(error.into()),
        }
    }
}

/// Appends what comes until `total` bytes are there.
fn take(body: Body, total: u64, part: &mut Part, bar: &ProgressBar) -> Result<(), Broken> {
    let mut body = body.into_reader();
    let mut chunk = vec![0; 1 << 16];
    while part.len() < total {
        check()?;
        let room = (total - part.len()).min(chunk.len() as u64) as usize;
        match body.read(&mut chunk[..room]) {
            Ok(0) => {
                let missing = total - part.len();
                return Err(Broken::Connection(anyhow!("it ended {missing} bytes early")));
            }
            Ok(n) => part.append(&chunk[..n])?,
            Err(e) => return Err(Broken::Connection(e.into())),
        }
        bar.set_position(part.len());
    }
    Ok(())
}

/// What `If-Range` may name: a strong entity tag, else the date; empty if the server gives none.
fn version(headers: &HeaderMap) -> &str {
    let strong = text(headers, &ETAG).filter(|tag| tag.starts_with('"'));
    strong.or_else(|| text(headers, &LAST_MODIFIED)).unwrap_or_default()
}

/// Of `bytes 100-199/200`, 100.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    number(text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split('-').next())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(digits: Option<&str>) -> Option<u64> {
    digits?.parse().ok()
}

/// Sleeps, and wakes for Ctrl-C.
fn wait(time: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        check()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn check() -> anyhow::Result<()> {
    ensure!(!interrupt::interrupted(), "interrupted: the same line goes on where it stopped");
    Ok(())
}
