//! The element on real engines, from a small recipe with random weights.
#![allow(clippy::unwrap_used)]
use gst::prelude::*;
use gstmgdsam2::backend::BackendError;
use gstmgdsam2::engines::{self, BackendChoice, EngineError, Precision, Request, Weights};
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::preprocess::Squash;
use gstmgdsam2::frame::refine::{Coefficients, Refine, RefineMode};
use gstmgdsam2::frame::{
    Colorimetry, FrameView, FrameViewMut, Matrix, PixelFormat, Plane, PlaneMut,
};
use gstmgdsam2::session::{Exchange, Frame, Session};
use std::path::Path;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");
const FRAMES: usize = 4;
const WIDTH: usize = 160;
const HEIGHT: usize = 90;

/// The session that the element should run; none where there is no OpenVINO.
fn session(cache: &Path) -> Option<Session> {
    let request = Request {
        model: MODEL.into(),
        weights: Weights::random(1),
        backend: BackendChoice::Auto,
        precision: Some(Precision::F32),
        threads: 1,
        cache: Some(cache.into()),
        ..Request::default()
    };
    match engines::open(&request, &mut |_| {}) {
        Ok(opened) => Some(opened.session),
        Err(EngineError::Backend(error @ BackendError::NoLibrary { .. })) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn matte_by_hand(session: &mut Session, source: &FrameView) -> Vec<u8> {
    let side = session.side();
    let mut exchange = Exchange::new(side);
    Squash::new(side).run(source, exchange.image_mut()).unwrap();
    session.step(&Frame::default(), &mut exchange).unwrap();
    let mut coefficients = Coefficients::new();
    let mode = RefineMode::GuidedFilter;
    let (image, logits) = exchange.image_and_logits();
    Refine::new(side).fit(image, logits, mode, &mut coefficients).unwrap();
    let mut alpha = vec![0; WIDTH * HEIGHT];
    let planes = vec![PlaneMut { bytes: &mut alpha, stride: WIDTH }];
    let (format, colorimetry) = (PixelFormat::Gray8, source.colorimetry);
    let mut target = FrameViewMut { format, width: WIDTH, height: HEIGHT, colorimetry, planes };
    let original = Foreground::Original;
    Composite::new().run(source, &coefficients, original, Output::Straight, &mut target).unwrap();
    alpha
}

fn rgb_view(bytes: &[u8]) -> FrameView<'_> {
    FrameView {
        format: PixelFormat::Rgb,
        width: WIDTH,
        height: HEIGHT,
        colorimetry: Colorimetry { matrix: Matrix::Bt601, full_range: true },
        planes: vec![Plane { bytes, stride: 3 * WIDTH }],
    }
}

#[test]
fn alpha_out_is_what_the_session_computes() {
    gst::init().unwrap();
    gstmgdsam2::plugin_register_static().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let Some(mut session) = session(cache.path()) else { return };
    let description = format!(
        "videotestsrc pattern=ball num-buffers={FRAMES} \
         ! video/x-raw,format=RGB,width={WIDTH},height={HEIGHT},framerate=25/1 ! tee name=t \
         t. ! queue ! appsink name=source sync=false \
         t. ! queue ! mgdsam2matte name=matte model={MODEL} weights=random:1 precision=f32 \
              threads=1 cache-dir={} ! video/x-raw,format=GRAY8 ! appsink name=alpha sync=false",
        cache.path().display()
    );
    let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = |name| pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap();
    let pull = |sink: &gst_app::AppSink| sink.try_pull_sample(gst::ClockTime::from_seconds(60));
    let (source, alpha) = (sink("source"), sink("alpha"));
    for index in 0..FRAMES {
        let (from, to) = (pull(&source).unwrap(), pull(&alpha).unwrap());
        let (from, to) = (from.buffer().unwrap(), to.buffer().unwrap());
        assert_eq!(from.pts(), to.pts());
        let expected = matte_by_hand(&mut session, &rgb_view(&from.map_readable().unwrap()));
        assert!(*to.map_readable().unwrap() == expected[..], "frame {index} differs");
    }
    assert!(pull(&alpha).is_none() && alpha.is_eos());
    let stats = pipeline.by_name("matte").unwrap().property::<gst::Structure>("stats");
    assert!(stats.get::<&str>("backend").unwrap().starts_with("openvino"), "{stats}");
    assert_eq!(stats.get::<&str>("precision"), Ok("f32"));
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_model_that_is_not_there_is_an_error_that_names_it() {
    gst::init().unwrap();
    // The other test may have been first.
    let _ = gstmgdsam2::plugin_register_static();
    let description = "videotestsrc ! mgdsam2matte model=/no/such.toml ! fakesink";
    let pipeline = gst::parse::launch(description).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    let patience = gst::ClockTime::from_seconds(60);
    let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else { panic!("{message:?}") };
    assert!(error.error().message().contains("/no/such.toml"), "{}", error.error());
    pipeline.set_state(gst::State::Null).unwrap();
}
