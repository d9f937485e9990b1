//! How far a build is, from TensorRT's threads to the one that waits; and back: whether to stop.
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use trtx::interfaces::MonitorProgress;

/// How often the one that waits is asked whether to stop.
const POLL: Duration = Duration::from_millis(50);

/// A phase under way: how many of how many steps are done.
struct Phase {
    name: String,
    done: i32,
    steps: i32,
}

/// TensorRT's end. Its phases nest: the outermost is the whole, the last the smallest part.
pub struct Monitor {
    phases: Mutex<Vec<Phase>>,
    fractions: Sender<f32>,
    stop: Arc<AtomicBool>,
}

/// The end of whoever waits.
pub struct Follower {
    fractions: Receiver<f32>,
    stop: Arc<AtomicBool>,
}

impl Monitor {
    /// Both ends.
    pub fn new() -> (Self, Follower) {
        let (sender, fractions) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let monitor = Self { phases: Mutex::default(), fractions: sender, stop: stop.clone() };
        (monitor, Follower { fractions, stop })
    }

    fn report(&self, phases: &[Phase]) {
        // Nobody may be left to tell.
        let _ = self.fractions.send(fraction(phases));
    }
}

/// Of the first phase, plus what its current step has of the next, and so on.
fn fraction(phases: &[Phase]) -> f32 {
    phases.iter().rev().fold(0.0, |inner, phase| {
        ((phase.done as f32 + inner) / phase.steps.max(1) as f32).clamp(0.0, 1.0)
    })
}

impl MonitorProgress for Monitor {
    fn phase_start(&self, phase_name: &str, _parent_phase: Option<&str>, num_steps: i32) {
        tracing::trace!(target: "tensorrt", phase_name, num_steps, "phase");
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        phases.push(Phase { name: phase_name.into(), done: 0, steps: num_steps });
        self.report(&phases);
    }

    fn step_complete(&self, phase_name: &str, step: i32) -> ControlFlow<()> {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(phase) = phases.iter_mut().rev().find(|phase| phase.name == phase_name) {
            phase.done = step + 1;
        }
        self.report(&phases);
        if self.stop.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn phase_finish(&self, phase_name: &str) {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = phases.iter().rposition(|phase| phase.name == phase_name) {
            phases.remove(at);
        }
    }
}

impl Follower {
    /// Follows the build to its end, never backwards. Whether it was interrupted.
    pub fn follow(&self, progress: &mut dyn FnMut(f32), interrupted: fn() -> bool) -> bool {
        let (mut reached, mut stopped) = (0.0, false);
        loop {
            match self.fractions.recv_timeout(POLL) {
                Ok(fraction) if fraction > reached => {
                    reached = fraction;
                    progress(fraction);
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return stopped,
            }
            stopped = stopped || interrupted();
            self.stop.store(stopped, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_phases_add_up() {
        let (monitor, follower) = Monitor::new();
        monitor.phase_start("all", None, 2);
        let _ = monitor.step_complete("all", 0);
        monitor.phase_start("part", Some("all"), 4);
        let _ = monitor.step_complete("part", 0);
        monitor.phase_finish("part");
        drop(monitor);
        let mut seen = Vec::new();
        assert!(!follower.follow(&mut |fraction| seen.push(fraction), || false));
        assert_eq!(seen, [0.5, 0.625]);
    }

    #[test]
    fn an_interrupted_build_is_told_to_stop() {
        let (monitor, follower) = Monitor::new();
        let build = std::thread::spawn(move || {
            while monitor.step_complete("all", 0).is_continue() {
                std::thread::yield_now();
            }
        });
        assert!(follower.follow(&mut |_| (), || true));
        assert!(build.join().is_ok());
    }
}
