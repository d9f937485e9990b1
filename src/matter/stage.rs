//! One stage: a thread between two bounded channels, which keeps everything in its place.
use super::MatterError;
use crossbeam::channel::{Receiver, Sender, select_biased};
use std::convert::Infallible;
use std::thread::{self, JoinHandle};

/// What travels between stages: a frame in the state `F`, or something that keeps its place.
pub enum Item<F, J, P> {
    /// To be worked on.
    Frame(F),
    /// A frame that came too late: nothing was written.
    Late(J),
    /// Not a frame: an event, a gap.
    Pass(P),
    /// A stage's error; nothing comes after it.
    Failed(MatterError),
}

/// Hangs up when all is to end; nothing is ever sent.
pub type Cancel = Receiver<Infallible>;
/// What a stage makes of a frame.
pub type Done<F, J, P> = Result<Item<F, J, P>, MatterError>;

/// Works on frames one after the other until `from` or `to` or `cancel` hangs up, or work fails.
pub fn stage<A, B, J, P>(
    from: &Receiver<Item<A, J, P>>,
    to: &Sender<Item<B, J, P>>,
    cancel: &Cancel,
    mut work: impl FnMut(A) -> Done<B, J, P>,
) {
    loop {
        let item = select_biased! { recv(cancel) -> _ => return, recv(from) -> item => item };
        let Ok(item) = item else { return };
        let done = match item {
            Item::Frame(frame) => work(frame).unwrap_or_else(Item::Failed),
            Item::Late(job) => Item::Late(job),
            Item::Pass(payload) => Item::Pass(payload),
            Item::Failed(error) => Item::Failed(error),
        };
        let is_last = matches!(done, Item::Failed(_));
        let sent = select_biased! {
            recv(cancel) -> _ => return,
            send(to, done) -> sent => sent.is_ok(),
        };
        if is_last || !sent {
            return;
        }
    }
}

/// A named thread that traces where the one that starts it does.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, MatterError> {
    let trace = tracing::dispatcher::get_default(tracing::Dispatch::clone);
    let run = move || tracing::dispatcher::with_default(&trace, work);
    Ok(thread::Builder::new().name(name.into()).spawn(run)?)
}
