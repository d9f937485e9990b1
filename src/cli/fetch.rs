//! `mgdsam2 fetch`: a model's published weights into the user's data folder.
use super::Outcome;
use super::args::FetchArgs;
use super::download::Download;
use super::progress::Bars;
use anyhow::{Context, ensure};
use gstmgdsam2::engines::Recipe;
use gstmgdsam2::engines::entry::hash_file;
use gstmgdsam2::engines::weights;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

const MGD_SAM2: &str = "\
MGD-SAM2's authors publish their checkpoint in a folder on Google Drive, which their repository
links under \"Testing\":

  https://github.com/sevenshr/MGD-SAM2

They state no licence, so it is not downloaded here: whether you may use it is between you and
them. Download it with a browser, then

  mgdsam2 matte clip.mp4 -o matte.mov --model base-plus --mgd FILE.pth
  gst-launch-1.0 ... ! mgdsam2matte model=base-plus weights=FILE.pth ! ...

It is read as it is; the engine is built once.";

/// Downloads, or says where to.
pub fn run(typed: &FetchArgs, bars: &Bars) -> anyhow::Result<Outcome> {
    if typed.recipe == "mgd-sam2" {
        println!("{MGD_SAM2}");
        return Ok(Outcome::Complete);
    }
    let recipe = Recipe::find(&typed.recipe)?;
    let download = download(typed, &recipe)?;
    let place = weights::place_of(&recipe.name).context("cannot find the user's data folder")?;
    if is_there(&place, download.sha256.as_deref())? {
        bars.say(&format!("{} is there already", place.display()));
        return Ok(Outcome::Complete);
    }
    let size = download.size.map_or("of unknown size".into(), megabytes);
    bars.say(&format!("{}\n  {size}, licence: {}", download.url, recipe.weights.licence));
    let bar = bars.bytes();
    bar.set_message(recipe.name.clone());
    let fetched = download.run(&place, &bar);
    bar.finish_and_clear();
    fetched.with_context(|| format!("cannot fetch `{}`", recipe.name))?;
    bars.say(&format!(
        "{}\n  next: mgdsam2 matte CLIP -o matte.mov --model {}",
        place.display(),
        typed.recipe
    ));
    Ok(Outcome::Complete)
}

/// What `recipe` states, unless `typed` says otherwise.
fn download(typed: &FetchArgs, recipe: &Recipe) -> anyhow::Result<Download> {
    let (name, stated) = (&recipe.name, &recipe.weights);
    ensure!(!stated.shipped, "`{name}` ships with its weights: there is nothing to fetch");
    let url = typed.url.clone().or_else(|| stated.url.clone());
    let url = url.with_context(|| format!("`{name}` has no published file: {}", stated.source))?;
    // Another file has another length.
    let size = stated.size.filter(|_| typed.sha256.is_none());
    Ok(Download {
        url,
        size,
        sha256: typed.sha256.clone().or_else(|| stated.sha256.clone()),
        patience: Duration::from_secs(typed.patience),
        tries: typed.tries,
    })
}

/// Whether what lies at `place` is what would be fetched.
fn is_there(place: &Path, sha256: Option<&str>) -> anyhow::Result<bool> {
    let (Some(expected), Ok(mut file)) = (sha256, File::open(place)) else { return Ok(false) };
    let (_, found) =
        hash_file(&mut file).with_context(|| format!("cannot read {}", place.display()))?;
    Ok(found == expected)
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
