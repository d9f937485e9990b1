//! A short, seeded fuzzing of what is read from files; `tests/fuzz` holds the long one.
//!
//! Good files are flipped, cut, spliced and overwritten. Anything may come back but a panic, an
//! abort or more memory than a file so small has reason to ask for.
#![allow(clippy::unwrap_used)]

use gstmgdsam2::checkpoint::Checkpoint;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const MUTANTS: usize = 6_000;

/// Twice what the worst file below was seen to take.
const MEMORY_LIMIT: usize = 192 << 20;

/// Held by each test, so that the peak is its own.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn mutated_checkpoints_neither_panic_nor_fill_memory() {
    let _alone = ALONE.lock();
    let seeds = seeds();
    let mut rng = Pcg64::seed_from_u64(1);
    let file = tempfile::NamedTempFile::new_in(scratch()).unwrap();
    let mut opened = 0;
    for i in 0..MUTANTS {
        let mutant = mutant(&mut rng, &seeds);
        write(file.path(), &mutant);
        let (did_open, peak) = open_and_read(file.path());
        opened += usize::from(did_open);
        assert!(peak < MEMORY_LIMIT, "mutant {i} took {peak} bytes");
    }
    println!("{opened} of {MUTANTS} mutants opened");
    // All refused or all opened would mean that nothing behind the first check was tried.
    assert!(opened > MUTANTS / 100 && opened < MUTANTS / 2, "{opened} of {MUTANTS} opened");
}

/// The most objects that half a million opcodes can make, of each kind.
#[test]
fn pickles_at_the_limits_do_not_fill_memory() {
    let _alone = ALONE.lock();
    let file = tempfile::NamedTempFile::new_in(scratch()).unwrap();
    for (opcodes, times) in [
        (&b"}"[..], 520_000),
        (b"]", 520_000),
        (b"(", 520_000),
        (b"}K\x01Ns", 130_000),
        (b"X\x18\0\0\0aaaaaaaaaaaaaaaaaaaaaaaa", 520_000),
        (b"ccollections\nOrderedDict\n", 520_000),
        (b"ccollections\nOrderedDict\n)R", 170_000),
        (b"]q\0", 260_000),
        (b"]2\x86", 170_000),
        (b"]2e", 170_000),
    ] {
        write(file.path(), &legacy(&[opcodes.repeat(times), b".".to_vec()].concat()));
        let (_, peak) = open_and_read(file.path());
        println!("{times} times {:?} took {} MB", opcodes.escape_ascii().to_string(), peak >> 20);
        assert!(peak < MEMORY_LIMIT, "{opcodes:?} took {peak} bytes");
    }
}

/// 2 MiB of extents, each of which the JSON reader holds as a value of its own.
#[test]
fn a_safetensors_header_at_the_limit_does_not_fill_memory() {
    let _alone = ALONE.lock();
    let file = tempfile::NamedTempFile::new_in(scratch()).unwrap();
    let extents = "1,".repeat(1 << 20);
    let header = format!(r#"{{"a":{{"shape":[{}1]}}}}"#, &extents[..extents.len() - 64]);
    write(file.path(), &[&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat());
    let (_, peak) = open_and_read(file.path());
    println!("took {} MB", peak >> 20);
    assert!(peak < MEMORY_LIMIT, "took {peak} bytes");
}

/// `object` between the other pickles of a legacy checkpoint.
fn legacy(object: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";
    let header = b"\x80\x02M\xe9\x03.\x80\x02}X\r\0\0\0little_endian\x88s.\x80\x02";
    [&magic[..], header, object, b"\x80\x02]."].concat()
}

/// Whether it opened, and the most bytes that were live. Tensors are read as a graph would: at
/// a shape it expects.
fn open_and_read(path: &Path) -> (bool, usize) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let checkpoint = Checkpoint::open(path).ok();
    if let Some(checkpoint) = &checkpoint {
        for key in checkpoint.keys() {
            let shape = checkpoint.shape(key).unwrap();
            if shape.iter().map(|&extent| extent as f64).product::<f64>() < 1e6 {
                drop(checkpoint.read(key, shape));
            }
        }
    }
    (checkpoint.is_some(), PEAK.load(Ordering::Relaxed) - before)
}

/// Every small fixture; archives without checksums, so that what is behind them is reached.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_checkpoint = |path: &PathBuf| path.extension().is_some_and(|e| e != "py");
    let mut seeds: Vec<Vec<u8>> = (paths.iter().filter(|path| is_checkpoint(path)))
        .map(|path| without_checksums(fs::read(path).unwrap()))
        .collect();
    let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}"#;
    seeds.push([&(header.len() as u64).to_le_bytes()[..], header, &[0; 12]].concat());
    assert!(seeds.len() > 10, "only {} seeds", seeds.len());
    seeds
}

/// A checksum of zero is one that `torch.save` left out.
fn without_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    for start in 0..bytes.len().saturating_sub(20) {
        let checksum = match &bytes[start..start + 4] {
            b"PK\x03\x04" => 14,
            b"PK\x01\x02" => 16,
            b"PK\x07\x08" => 4,
            _ => continue,
        };
        bytes[start + checksum..][..4].fill(0);
    }
    bytes
}

/// A seed with one to four changes.
fn mutant(rng: &mut Pcg64, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[below(rng, seeds.len())].clone();
    for _ in 0..1 + below(rng, 4) {
        let at = below(rng, bytes.len().max(1));
        match below(rng, 6) {
            0 => flip(rng, &mut bytes, at),
            1 => bytes.truncate(at),
            2 => splice(rng, &mut bytes, at, seeds),
            3 => interesting(rng, &mut bytes, at),
            4 => drop(bytes.drain(at..(at + below(rng, 9)).min(bytes.len()))),
            _ => bytes.insert(at, rng.next_u32() as u8),
        }
    }
    bytes
}

fn flip(rng: &mut Pcg64, bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << below(rng, 8);
    }
}

/// Up to 64 bytes of another seed over these.
fn splice(rng: &mut Pcg64, bytes: &mut [u8], at: usize, seeds: &[Vec<u8>]) {
    let other = &seeds[below(rng, seeds.len())];
    let from = below(rng, other.len());
    let len = (1 + below(rng, 64)).min(other.len() - from).min(bytes.len() - at);
    bytes[at..at + len].copy_from_slice(&other[from..from + len]);
}

/// Lengths and offsets that arithmetic may overflow on.
fn interesting(rng: &mut Pcg64, bytes: &mut [u8], at: usize) {
    let values = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX];
    let value = values[below(rng, values.len())].to_le_bytes();
    let len = [1, 2, 4, 8][below(rng, 4)].min(bytes.len() - at);
    bytes[at..at + len].copy_from_slice(&value[..len]);
}

fn below(rng: &mut Pcg64, bound: usize) -> usize {
    (rng.next_u64() % bound as u64) as usize
}

/// Thousands of files: in memory, where there is such a place.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn write(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, counting the bytes that are live.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came; the counters touch no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `memory` came from the system's `alloc` above, with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}
