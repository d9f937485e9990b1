//! A file server on the loopback that misbehaves as it is told, one connection after the other.
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How one connection is answered.
#[derive(Clone)]
pub struct Answer {
    pub file: Vec<u8>,
    pub etag: &'static str,
    /// Instead of the file.
    pub status: Option<u16>,
    /// What `Content-Length` says, where it is not the truth.
    pub claimed: Option<usize>,
    /// Bytes of the body after which nothing comes.
    pub stops_after: Option<usize>,
    /// Says nothing instead of hanging up.
    pub stalls: bool,
    pub knows_ranges: bool,
}

impl Answer {
    pub fn of(file: &[u8]) -> Self {
        Self {
            file: file.into(),
            etag: "\"first\"",
            status: None,
            claimed: None,
            stops_after: None,
            stalls: false,
            knows_ranges: true,
        }
    }
}

/// What a client asked for.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Asked {
    pub range: Option<String>,
    pub if_range: Option<String>,
}

/// Serves until the process ends.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// The last answer is given again and again.
    pub fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        thread::spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                let (answer, log) = (answers[i.min(answers.len() - 1)].clone(), log.clone());
                // A client may hang up first.
                thread::spawn(move || drop(reply(stream.unwrap(), &answer, &log)));
            }
        });
        Self { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}/toy.pt", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn reply(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let asked = read_request(&stream)?;
    log.lock().unwrap().push(asked.clone());
    let first = asked.range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-'));
    let same = asked.if_range.is_none_or(|tag| tag == answer.etag);
    let first = first.filter(|_| answer.knows_ranges && same).map(|n| n.parse().unwrap());
    let total = answer.file.len();
    let status = match (answer.status, first) {
        (Some(status), _) => status,
        (None, Some(first)) if first >= total => 416,
        (None, Some(_)) => 206,
        (None, None) => 200,
    };
    let body = match status {
        200 | 206 => &answer.file[first.unwrap_or(0)..],
        _ => &[],
    };
    let claimed = answer.claimed.unwrap_or(body.len());
    write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: {claimed}\r\nConnection: close\r\n")?;
    if !answer.etag.is_empty() {
        write!(stream, "ETag: {}\r\n", answer.etag)?;
    }
    if let Some(first) = first.filter(|_| status == 206) {
        write!(stream, "Content-Range: bytes {first}-{}/{total}\r\n", total - 1)?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(&body[..answer.stops_after.unwrap_or(body.len()).min(body.len())])?;
    stream.flush()?;
    if answer.stalls {
        thread::sleep(Duration::from_secs(3600));
    }
    Ok(())
}

fn read_request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut asked = Asked::default();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = Some(value.into()),
            "if-range" => asked.if_range = Some(value.into()),
            _ => {}
        }
    }
    Ok(asked)
}
