//! The stages of a frame: order, lateness, intervals, errors and ends, without GStreamer.
#![allow(clippy::unwrap_used)]
mod fake;
mod world;
use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use fake::{Control, PATIENCE, alpha, wait_until};
use gstmgdsam2::frame::composite::Output;
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::refine::RefineMode;
use gstmgdsam2::frame::{
    Colorimetry, FrameView, FrameViewMut, Matrix, PixelFormat, Plane, PlaneMut,
};
use gstmgdsam2::matter::{
    Incoming, Item, Job, Matte, Matter, Options, Point, PointKind, Prompt, Propagation, Session,
};
use gstmgdsam2::synth::Kind;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use world::World;

const WIDTH: usize = 5;
const HEIGHT: usize = 3;

struct Grey {
    index: usize,
    source: Vec<u8>,
    target: Vec<u8>,
    is_late: bool,
}

impl Job for Grey {
    fn source(&self) -> FrameView<'_> {
        let planes = vec![Plane { bytes: &self.source, stride: WIDTH }];
        let (format, colorimetry) = (PixelFormat::Gray8, full_range());
        FrameView { format, width: WIDTH, height: HEIGHT, colorimetry, planes }
    }

    fn views(&mut self) -> (FrameView<'_>, FrameViewMut<'_>) {
        let (format, colorimetry) = (PixelFormat::Gray8, full_range());
        let planes = vec![Plane { bytes: &self.source, stride: WIDTH }];
        let source = FrameView { format, width: WIDTH, height: HEIGHT, colorimetry, planes };
        let planes = vec![PlaneMut { bytes: &mut self.target, stride: WIDTH }];
        (source, FrameViewMut { format, width: WIDTH, height: HEIGHT, colorimetry, planes })
    }

    fn is_late(&self) -> bool {
        self.is_late
    }
}

fn full_range() -> Colorimetry {
    Colorimetry { matrix: Matrix::Bt601, full_range: true }
}

type Input = Item<Incoming<Grey>, Grey, usize>;
type Output_ = Item<Matte<Grey>, Grey, usize>;

struct Running {
    matter: Matter<Grey, usize>,
    input: Sender<Input>,
    hang_up: Sender<Infallible>,
}

fn start(control: &Arc<Control>) -> Running {
    start_on(control.session())
}

fn start_on(session: Session) -> Running {
    let (input, incoming) = unbounded();
    let (hang_up, cancel) = bounded(0);
    let matter = Matter::start(session, incoming, &cancel).unwrap();
    Running { matter, input, hang_up }
}

/// On a session that follows what it is shown: all that it sees.
fn start_tracking() -> Running {
    let world = World::new(Kind::LightingJump, false);
    world.view.lock().unwrap().alpha = vec![1.0; world::SIDE * world::SIDE];
    start_on(world.session)
}

/// The frame with a click on its middle.
fn clicked(frame: Input) -> Input {
    let Item::Frame(mut incoming) = frame else { unreachable!() };
    let point = Point { x: 0.5, y: 0.5, kind: PointKind::Foreground };
    incoming.prompts = vec![Prompt::Points(vec![point])];
    Item::Frame(incoming)
}

/// The frame, which comes too late.
fn late(frame: Input) -> Input {
    let Item::Frame(mut incoming) = frame else { unreachable!() };
    incoming.job.is_late = true;
    Item::Frame(incoming)
}

fn frame(index: usize, value: u8, interval: u32) -> Input {
    let (source, target) = (vec![value; WIDTH * HEIGHT], vec![0; WIDTH * HEIGHT]);
    let (refine, output) = (Some(RefineMode::Off), Output::Straight);
    let (time, propagation) = (None, Propagation::default());
    let (is_first, steady, foreground) = (false, false, Foreground::Original);
    let options =
        Options { interval, is_first, time, propagation, refine, steady, foreground, output };
    let job = Grey { index, source, target, is_late: false };
    Item::Frame(Incoming { job, options, prompts: Vec::new() })
}

fn next(mattes: &Receiver<Output_>) -> Output_ {
    mattes.recv_timeout(PATIENCE).expect("an item in time")
}

fn matte(mattes: &Receiver<Output_>) -> Matte<Grey> {
    match next(mattes) {
        Item::Frame(matte) => matte,
        Item::Late(job) => panic!("frame {} was late", job.index),
        Item::Pass(payload) => panic!("payload {payload} came instead"),
        Item::Failed(error) => panic!("{error}"),
    }
}

#[test]
fn frames_and_payloads_keep_their_order() {
    let running = start(&Control::new());
    for index in 0..50 {
        running.input.send(frame(2 * index, 10, 1)).unwrap();
        running.input.send(Item::Pass(2 * index + 1)).unwrap();
    }
    for index in 0..50 {
        assert_eq!(matte(&running.matter.mattes).job.index, 2 * index);
        match next(&running.matter.mattes) {
            Item::Pass(payload) => assert_eq!(payload, 2 * index + 1),
            _ => panic!("expected payload {}", 2 * index + 1),
        }
    }
}

#[test]
fn alpha_is_what_the_session_computed() {
    let running = start(&Control::new());
    for value in [0, 40, 127, 200, 255] {
        running.input.send(frame(0, value, 1)).unwrap();
        let Matte { job, times, .. } = matte(&running.matter.mattes);
        assert!(job.target.iter().all(|a| a.abs_diff(alpha(value)) <= 1), "{:?}", job.target);
        assert!(times.prepare.is_some() && times.infer.is_some() && times.refine.is_some());
    }
}

#[test]
fn frames_between_inferences_use_the_last_one() {
    let control = Control::new();
    let running = start(&control);
    for (index, value) in [200, 0, 0, 100, 0, 0, 50].into_iter().enumerate() {
        running.input.send(frame(index, value, 3)).unwrap();
    }
    let mattes: Vec<_> = (0..7).map(|_| matte(&running.matter.mattes)).collect();
    for (matte, value) in mattes.iter().zip([200, 200, 200, 100, 100, 100, 50]) {
        let found = matte.job.target[0];
        assert!(found.abs_diff(alpha(value)) <= 1, "frame {}: {found}", matte.job.index);
        assert_eq!(matte.times.infer.is_some(), matte.job.index % 3 == 0);
    }
    assert_eq!(control.runs.load(SeqCst), 3);
}

#[test]
fn late_frames_are_dropped_before_inference() {
    let control = Control::new();
    let running = start(&control);
    for index in 0..4 {
        let frame = frame(index, 10, 1);
        running.input.send(if index % 2 == 1 { late(frame) } else { frame }).unwrap();
    }
    for index in 0..4 {
        match next(&running.matter.mattes) {
            Item::Frame(matte) => assert_eq!((matte.job.index, index % 2), (index, 0)),
            Item::Late(job) => assert_eq!((job.index, index % 2), (index, 1)),
            _ => panic!("expected frame {index}"),
        }
    }
    assert_eq!(control.runs.load(SeqCst), 2);
}

#[test]
fn a_prompt_takes_effect_on_exactly_its_frame_whatever_the_interval() {
    let running = start_tracking();
    for index in 0..9 {
        let frame = frame(index, 10, 3);
        running.input.send(if index == 4 { clicked(frame) } else { frame }).unwrap();
    }
    for index in 0..9 {
        let Matte { memory, times, .. } = matte(&running.matter.mattes);
        // Three frames after each inference comes the next; the prompt is one of its own.
        assert_eq!(times.infer.is_some(), [0, 3, 4, 7].contains(&index), "frame {index}");
        assert_eq!(memory.is_some(), times.infer.is_some(), "frame {index}");
        let prompted = memory.map(|memory| memory.prompted);
        assert!(prompted.is_none_or(|n| n == usize::from(index >= 4)), "frame {index}: {memory:?}");
    }
}

#[test]
fn a_prompted_frame_is_never_too_late() {
    let running = start_tracking();
    running.input.send(late(clicked(frame(0, 10, 1)))).unwrap();
    assert_eq!(matte(&running.matter.mattes).memory.map(|memory| memory.prompted), Some(1));
}

#[test]
fn a_clip_that_starts_with_a_late_frame_forgets_the_one_before() {
    let running = start_tracking();
    running.input.send(clicked(frame(0, 10, 1))).unwrap();
    assert!(matte(&running.matter.mattes).memory.unwrap().is_present);
    let Item::Frame(mut first) = late(frame(1, 10, 1)) else { unreachable!() };
    first.options.is_first = true;
    running.input.send(Item::Frame(first)).unwrap();
    running.input.send(frame(2, 10, 1)).unwrap();
    assert!(matches!(next(&running.matter.mattes), Item::Late(_)));
    assert!(matte(&running.matter.mattes).memory.unwrap().needs_prompt);
}

#[test]
fn a_reset_between_frames_forgets_what_came_before_it_and_nothing_after() {
    let running = start_tracking();
    for index in 0..6 {
        let Item::Frame(mut incoming) = frame(index, 10, 1) else { unreachable!() };
        incoming.options.is_first = index == 3;
        let incoming = Item::Frame(incoming);
        running.input.send(if index % 3 == 1 { clicked(incoming) } else { incoming }).unwrap();
    }
    for index in 0..6 {
        let memory = matte(&running.matter.mattes).memory.unwrap();
        assert_eq!(memory.needs_prompt, index % 3 == 0, "frame {index}: {memory:?}");
    }
}

#[test]
fn a_session_that_comes_back_has_forgotten_its_clip() {
    let Running { matter, input, hang_up } = start_tracking();
    input.send(clicked(frame(0, 10, 1))).unwrap();
    assert!(matte(&matter.mattes).memory.unwrap().is_present);
    drop(hang_up);
    let running = start_on(matter.stop().unwrap());
    running.input.send(frame(0, 10, 1)).unwrap();
    assert!(matte(&running.matter.mattes).memory.unwrap().needs_prompt);
}

#[test]
fn a_failed_inference_ends_the_stream_after_the_frames_before_it() {
    let control = Control::new();
    control.fails_at.store(2, SeqCst);
    let running = start(&control);
    for index in 0..5 {
        running.input.send(frame(index, 10, 1)).unwrap();
    }
    assert_eq!(matte(&running.matter.mattes).job.index, 0);
    assert_eq!(matte(&running.matter.mattes).job.index, 1);
    match next(&running.matter.mattes) {
        Item::Failed(error) => assert!(error.to_string().contains("tensor `image`"), "{error}"),
        _ => panic!("expected the error of frame 2"),
    }
    assert!(running.matter.mattes.recv_timeout(PATIENCE).is_err(), "nothing comes after an error");
    assert!(running.matter.stop().is_some(), "the session survives");
}

#[test]
fn a_frame_that_is_shorter_than_it_says_is_an_error() {
    let running = start(&Control::new());
    let Item::Frame(mut incoming) = frame(0, 10, 1) else { unreachable!() };
    incoming.job.source.truncate(WIDTH);
    running.input.send(Item::Frame(incoming)).unwrap();
    assert!(matches!(next(&running.matter.mattes), Item::Failed(_)));
}

#[test]
fn pixel_work_goes_on_while_another_frame_is_inferred() {
    let control = Control::new();
    control.close();
    let running = start(&control);
    for index in 0..4 {
        running.input.send(frame(index, 10, 1)).unwrap();
    }
    // One is inferred, one is prepared and waits, one is being prepared: one is left.
    wait_until("three frames are in the stages", || running.input.len() <= 1);
    control.open();
    (0..4).for_each(|index| assert_eq!(matte(&running.matter.mattes).job.index, index));
}

#[test]
fn hanging_up_ends_all_stages_and_gives_the_session_back() {
    let control = Control::new();
    control.close();
    let Running { matter, input, hang_up } = start(&control);
    (0..20).for_each(|index| input.send(frame(index, 10, 1)).unwrap());
    wait_until("inference runs", || control.runs.load(SeqCst) == 1);
    drop(hang_up);
    control.open();
    assert!(matter.stop().is_some());
    assert_eq!(control.runs.load(SeqCst), 1, "no inference starts after the end");
}
