//! `mgdsam2 fetch` against servers that break, stall and lie: nothing wrong is ever in place.
#![allow(clippy::unwrap_used)]
mod published;
mod server;

use server::{Answer, Server};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A user's folders, and a recipe `toy.toml` whose weights are published.
struct Home {
    folder: TempDir,
}

impl Home {
    /// The recipe states the length and the SHA-256 of `file`.
    fn new(file: &[u8]) -> Self {
        let (size, sha256) = (file.len(), sha256(file));
        Self::with(&format!("size = {size}\nsha256 = \"{sha256}\""))
    }

    fn with(stated: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("toy.toml"), recipe(stated)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self) -> PathBuf {
        self.path("data/mgdsam2/weights/toy.pt")
    }

    /// What lies where weights are kept.
    fn kept(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place().parent().unwrap()).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mgdsam2"));
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.args(arguments).current_dir(self.folder.path()).env_remove("RUST_LOG");
        command.env("XDG_DATA_HOME", self.path("data")).env("XDG_CACHE_HOME", self.path("cache"));
        command.output().unwrap()
    }

    fn fetch(&self, server: &Server, more: &[&str]) -> Output {
        let url = server.url();
        let line = ["fetch", "toy.toml", "--url", &url, "--patience", "1", "--tries", "2"];
        self.run(&[&line, more].concat())
    }

    fn fetches(&self, server: &Server, file: &[u8]) {
        succeeded(&self.fetch(server, &[]));
        assert!(fs::read(self.place()).unwrap() == file, "other bytes are in place");
        assert_eq!(self.kept(), ["toy.pt"]);
    }

    /// Exit code 1, and every one of `words` in the error.
    fn refuses(&self, server: &Server, words: &[&str]) {
        let output = self.fetch(server, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{words:?} are not in: {text}");
        assert!(!self.place().exists());
    }
}

fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    text
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The smallest of the golden models as a recipe.
fn recipe(stated: &str) -> String {
    let config = fs::read(golden("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let mut model = config["config"].as_object().unwrap().clone();
    for other in ["batch", "seed", "quiet", "what"] {
        model.remove(other);
    }
    let model = toml::to_string(&model).unwrap();
    format!(
        "title = 'Toy'\ndescription = 'x'\n[weights]\nshipped = false\nsource = 'nowhere'\n\
         licence = 'none needed'\n{stated}\n[model]\n{model}[openvino]\nprecision = 'f32'\n"
    )
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/goldens/mgd_c").join(name)
}

/// Long enough for several reads.
fn file() -> Vec<u8> {
    (0..300_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn ranges(server: &Server) -> Vec<Option<String>> {
    server.asked().into_iter().map(|asked| asked.range).collect()
}

#[test]
fn a_file_is_fetched_once_with_its_size_and_licence_said_before() {
    let file = file();
    let (home, server) = (Home::new(&file), Server::new(vec![Answer::of(&file)]));
    let text = succeeded(&home.fetch(&server, &[]));
    assert!(text.contains("2 MB, licence: none needed"), "{text}");
    assert!(succeeded(&home.fetch(&server, &[])).contains("there already"));
    assert_eq!(ranges(&server), [None]);
}

#[test]
fn a_broken_connection_is_gone_on_with_where_it_broke() {
    let file = file();
    let breaks = Answer { stops_after: Some(500_000), ..Answer::of(&file) };
    let server = Server::new(vec![breaks.clone(), breaks, Answer::of(&file)]);
    Home::new(&file).fetches(&server, &file);
    let from = |n: u32| Some(format!("bytes={n}-"));
    assert_eq!(ranges(&server), [None, from(500_000), from(1_000_000)]);
    assert_eq!(server.asked()[1].if_range.as_deref(), Some("\"first\""));
}

#[test]
fn the_next_run_goes_on_where_the_last_one_gave_up() {
    let file = file();
    let home = Home::new(&file);
    let gone = Answer { status: Some(503), ..Answer::of(&file) };
    let breaks = Answer { stops_after: Some(700_000), ..Answer::of(&file) };
    let server = Server::new(vec![breaks, gone.clone(), gone, Answer::of(&file)]);
    home.refuses(&server, &["700000 bytes have come", "503"]);
    assert_eq!(home.kept(), ["toy.pt.part"]);
    home.fetches(&server, &file);
    assert_eq!(ranges(&server)[3].as_deref(), Some("bytes=700000-"));
}

#[test]
fn a_part_from_another_address_is_begun_anew() {
    let file = file();
    let home = Home::new(&file);
    let gone = Answer { status: Some(503), ..Answer::of(&file) };
    let breaks = Answer { stops_after: Some(700_000), ..Answer::of(&file) };
    home.refuses(&Server::new(vec![breaks, gone]), &["503"]);
    let other = Server::new(vec![Answer::of(&file)]);
    home.fetches(&other, &file);
    assert_eq!(ranges(&other), [None]);
}

#[test]
fn a_silent_server_is_given_up_on() {
    let file = file();
    let stalls = Answer { stops_after: Some(0), stalls: true, ..Answer::of(&file) };
    let home = Home::new(&file);
    home.refuses(&Server::new(vec![stalls.clone()]), &["0 bytes have come", "timeout"]);
    assert!(home.kept().is_empty());
    let later = Answer { stops_after: Some(200_000), ..stalls };
    home.fetches(&Server::new(vec![later, Answer::of(&file)]), &file);
}

#[test]
fn a_server_that_knows_no_ranges_starts_from_the_beginning() {
    let file = file();
    let breaks = Answer { stops_after: Some(500_000), ..Answer::of(&file) };
    let whole = Answer { knows_ranges: false, ..Answer::of(&file) };
    Home::new(&file).fetches(&Server::new(vec![breaks, whole]), &file);
}

#[test]
fn a_server_without_a_version_is_not_asked_for_the_rest() {
    let file = file();
    let nameless = Answer { etag: "", ..Answer::of(&file) };
    let breaks = Answer { stops_after: Some(500_000), ..nameless.clone() };
    let server = Server::new(vec![breaks, nameless]);
    Home::new(&file).fetches(&server, &file);
    assert_eq!(ranges(&server), [None, None]);
}

#[test]
fn a_file_that_changes_meanwhile_is_fetched_whole() {
    let (old, new) = (vec![7; 1_200_000], file());
    let breaks = Answer { stops_after: Some(500_000), ..Answer::of(&old) };
    let changed = Answer { etag: "\"second\"", ..Answer::of(&new) };
    Home::new(&new).fetches(&Server::new(vec![breaks, changed]), &new);
}

#[test]
fn wrong_bytes_are_refused_and_not_kept() {
    let file = file();
    let mut wrong = file.clone();
    wrong[600_000] ^= 1;
    let home = Home::new(&file);
    home.refuses(&Server::new(vec![Answer::of(&wrong)]), &["expected SHA-256", &sha256(&wrong)]);
    assert!(home.kept().is_empty());
    home.fetches(&Server::new(vec![Answer::of(&file)]), &file);
}

#[test]
fn another_length_than_the_recipes_is_refused_at_once() {
    let file = file();
    for length in [file.len() - 1, file.len() + 1, 17] {
        let home = Home::new(&file);
        let lies = Answer { claimed: Some(length), ..Answer::of(&file) };
        let server = Server::new(vec![lies]);
        home.refuses(&server, &["expected 1200000 bytes", &length.to_string()]);
        assert!(home.kept().is_empty());
        assert_eq!(server.asked().len(), 1);
    }
}

/// Without a length in the recipe the server's word counts until it is broken.
#[test]
fn a_server_that_promises_more_than_it_has_is_given_up_on() {
    let file = file();
    let home = Home::with(&format!("sha256 = \"{}\"", sha256(&file)));
    let lies = Answer { claimed: Some(file.len() + 9), ..Answer::of(&file) };
    home.refuses(&Server::new(vec![lies]), &["cannot fetch `toy`"]);
}

#[test]
fn a_missing_file_is_not_asked_for_twice() {
    let home = Home::new(&file());
    let server = Server::new(vec![Answer { status: Some(404), ..Answer::of(&[]) }]);
    home.refuses(&server, &["expected the file, found 404", &server.url()]);
    assert_eq!(server.asked().len(), 1);
    assert!(home.kept().is_empty());
}

#[test]
fn another_checksum_may_be_asked_for() {
    let (stated, other) = (file(), b"another file".to_vec());
    let home = Home::new(&stated);
    let server = Server::new(vec![Answer::of(&other)]);
    succeeded(&home.fetch(&server, &["--sha256", &sha256(&other).to_uppercase()]));
    assert_eq!(fs::read(home.place()).unwrap(), other);
}

#[test]
fn recipes_without_a_published_file_and_mgd_sam2_say_where_to_look() {
    let home = Home::with("");
    let without = home.run(&["fetch", "toy.toml"]);
    let text = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(without.status.code() == Some(1) && text.contains("nowhere"), "{text}");
    let shipped = home.run(&["fetch", "nano"]);
    assert!(String::from_utf8_lossy(&shipped.stderr).contains("nothing to fetch"));
    let authors = home.run(&["fetch", "mgd-sam2"]);
    succeeded(&authors);
    let text = String::from_utf8(authors.stdout).unwrap();
    for word in ["github.com/sevenshr/MGD-SAM2", "no licence", "--mgd"] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
}

#[test]
fn lists_say_what_has_been_fetched_and_where_it_lies() {
    let home = Home::with("");
    let says = |line: &[&str]| String::from_utf8(home.run(line).stdout).unwrap();
    let show = || says(&["engine", "show", "sam2.1-tiny"]);
    assert!(show().contains("no: `mgdsam2 fetch sam2.1-tiny`"), "{}", show());
    let place = home.place().with_file_name("sam2.1-tiny.pt");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, vec![0; 2_000_000]).unwrap();
    let expected = format!("{}, 2 MB", place.display());
    assert!(show().contains(&expected), "{}", show());
    let list = says(&["engine", "list"]);
    assert!(list.lines().filter(|line| line.contains(&expected)).count() == 1, "{list}");
}

#[test]
fn a_published_checkpoint_goes_from_the_server_to_alpha() {
    let weights = fs::read(golden("weights.safetensors")).unwrap();
    let file = published::published(&weights);
    let home = Home::new(&file);
    succeeded(&home.run(&["-q", "synth", "--out", "clip", "--frames", "1", "--size", "64x48"]));
    let line = ["-q", "matte", "clip/im", "--alpha-only", "--model", "toy.toml", "-o"];
    let matte = |out: &str, more: &[&str]| home.run(&[&line[..], &[out], more].concat());
    let before = matte("before/", &[]);
    let text = String::from_utf8_lossy(&before.stderr).into_owned();
    assert!(before.status.code() == Some(1) && text.contains("mgdsam2 fetch toy"), "{text}");
    home.fetches(&Server::new(vec![Answer::of(&file)]), &file);
    succeeded(&matte("fetched/", &[]));
    succeeded(&matte("given/", &["--mgd", golden("weights.safetensors").to_str().unwrap()]));
    let alpha = |out: &str| fs::read(home.path(out).join("00000.png")).unwrap();
    assert!(alpha("fetched") == alpha("given"), "the fetched weights give another matte");
}
