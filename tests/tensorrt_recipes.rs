//! TensorRT-RTX compiles every recipe in every arithmetic: `tests/engines.sh` prints the table.
#![cfg(all(feature = "tensorrt", not(feature = "tensorrt-enterprise")))]
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::tensorrt::Target;
use gstmgdsam2::engines::entry::{Entry, Manifest};
use gstmgdsam2::engines::{self, BackendChoice, Recipe, Request, Weights};
use gstmgdsam2::signature::Precision;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};
use tempfile::TempDir;
use tracing_subscriber::filter::LevelFilter;

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];
const RECIPE: &str = "MGDSAM2_RECIPE";
const FOLDER: &str = "MGDSAM2_FOLDER";
/// What the child's line begins with.
const FIGURES: &str = "figures: ";

/// All that TensorRT-RTX serves in this arithmetic: on Turing it multiplies matrices in f16 alone.
fn targets(precision: Precision) -> Vec<String> {
    let all = Target::all().map(|target| target.to_string());
    all.filter(|target| precision == Precision::F16 || target != "7.5").collect()
}

fn name(precision: Precision) -> String {
    format!("{precision:?}").to_lowercase()
}

/// What an environment variable lists, or else everything.
fn is_chosen(variable: &str, name: &str) -> bool {
    let list = env::var(variable).unwrap_or_default();
    list.trim().is_empty() || list.split_whitespace().any(|chosen| chosen == name)
}

#[test]
#[ignore = "most of an hour; tests/engines.sh runs it and prints its table"]
fn every_recipe_compiles() {
    let mut precisions = PRECISIONS.to_vec();
    precisions.retain(|precision| is_chosen("MGDSAM2_PRECISIONS", &name(*precision)));
    let title = |precision: &Precision| {
        format!(" {} for {} |", name(*precision), targets(*precision).join(", "))
    };
    println!("| recipe | engines |{}", precisions.iter().map(title).collect::<String>());
    println!("|---|---|{}", "---|".repeat(precisions.len()));
    let recipes = Recipe::list().filter(|recipe| is_chosen("MGDSAM2_RECIPES", recipe));
    let recipes: Vec<_> = recipes.collect();
    assert!(!recipes.is_empty() && !precisions.is_empty(), "nothing of that name is known");
    let mut failures = Vec::new();
    for recipe in recipes {
        let cells = precisions.iter().map(|&precision| {
            cell(recipe, precision).unwrap_or_else(|reason| {
                failures.push(format!("{recipe} in {precision:?}: {reason}"));
                (0, " failed |".into())
            })
        });
        let (engines, cells): (Vec<_>, String) = cells.unzip();
        println!("| {recipe} | {} |{cells}", engines.into_iter().max().unwrap_or(0));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// How many engines a recipe has and what came of them, built twice, in a process each: its
/// figures are of one build alone.
fn cell(recipe: &str, precision: Precision) -> Result<(usize, String), String> {
    let (folder, figures) = built(recipe, precision)?;
    let (again, _) = built(recipe, precision)?;
    let first = engines::list_cache(Some(folder.path().into())).unwrap();
    let second = engines::list_cache(Some(again.path().into())).unwrap();
    if first.len() != second.len() {
        return Err(format!("built {} engines, then {}", first.len(), second.len()));
    }
    let (mut bytes, mut same) = (0, 0);
    for (first, second) in first.iter().zip(&second) {
        let (manifest, other) = (manifest(first)?, manifest(second)?);
        bytes += manifest.size;
        same += usize::from(manifest.sha256 == other.sha256);
        if !is_reordered(first, second) {
            return Err(format!("{}: other bytes the second time", manifest.labels.graph));
        }
    }
    Ok((first.len(), format!(" {} MB, {figures}, {same} same |", bytes / 1_000_000)))
}

fn manifest(entry: &Entry) -> Result<&Manifest, String> {
    entry.manifest.as_ref().map_err(Clone::clone)
}

/// Whether two engines are the same bytes in an order of their own: TensorRT lists tensors by the
/// addresses that they had while it built.
fn is_reordered(first: &Entry, second: &Entry) -> bool {
    let [first, second] = [first, second].map(|entry| {
        let mut counts = [0_u64; 256];
        let engine = fs::read(entry.payload()).unwrap();
        engine.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        counts
    });
    first == second
}

/// The cache of a child that built this recipe, and its figures.
fn built(recipe: &str, precision: Precision) -> Result<(TempDir, String), String> {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_compiles_a_recipe", "--ignored", "--nocapture"])
        .env(RECIPE, recipe)
        .env("MGDSAM2_PRECISIONS", name(precision))
        .env(FOLDER, folder.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    let figures = output.lines().find_map(|line| line.strip_prefix(FIGURES));
    let figures = figures.filter(|_| child.status.success());
    figures.map(|figures| (folder, figures.into())).ok_or_else(|| child.status.to_string())
}

#[test]
#[ignore = "run by every_recipe_compiles, in a process of its own"]
fn child_compiles_a_recipe() {
    // What TensorRT warns of is seen.
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN);
    log.with_writer(std::io::stderr).without_time().init();
    let of_child = |name: &&Precision| is_chosen("MGDSAM2_PRECISIONS", &self::name(**name));
    let precision = *PRECISIONS.iter().find(of_child).unwrap();
    let request = Request {
        model: env::var(RECIPE).unwrap(),
        weights: Weights::random(7),
        backend: BackendChoice::TensorRt,
        precision: Some(precision),
        cache: env::var_os(FOLDER).map(PathBuf::from),
        targets: targets(precision),
        ..Request::default()
    };
    let built = engines::build(&request, &mut |_| ()).unwrap();
    assert!(built.graphs.iter().all(|graph| !graph.reused && graph.entry.is_some()));
    println!("{FIGURES}{} s of CPU, peak {} MB", cpu_seconds(), peak_mb());
}

fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024 / 1_000_000
}

/// Of all threads until now: it does not depend on what else runs.
fn cpu_seconds() -> u64 {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    // utime and stime, the 14th and 15th field.
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>() / TICKS_PER_SECOND
}
