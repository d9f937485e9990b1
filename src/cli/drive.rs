//! Runs one GStreamer pipeline to its end.
use super::interrupt;
use anyhow::{Context, anyhow};
use gst::MessageView;
use gst::prelude::*;

const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// A pipeline that is taken down when it goes out of scope.
pub struct Running {
    /// The pipeline.
    pub pipeline: gst::Pipeline,
}

impl Running {
    /// Builds `description`, in `gst-launch-1.0`'s language.
    pub fn parse(description: &str) -> anyhow::Result<Self> {
        tracing::info!("{description}");
        let pipeline = gst::parse::launch(description)
            .with_context(|| format!("cannot build the pipeline `{description}`"))?
            .downcast::<gst::Pipeline>()
            .map_err(|_| anyhow!("`{description}` is one element: expected several"))?;
        Ok(Self { pipeline })
    }

    /// The element that the description calls `name`.
    pub fn element<T: IsA<gst::Element>>(&self, name: &str) -> T {
        let element = self.pipeline.by_name(name).expect("the description names this element");
        element.downcast().expect("the description says what kind of element it is")
    }

    /// Starts.
    pub fn play(&self) -> anyhow::Result<()> {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            self.check()?;
            return Err(anyhow!("the pipeline does not start"));
        }
        Ok(())
    }

    /// The error that the pipeline has posted, if it has.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.bus().pop_filtered(&[gst::MessageType::Error]) {
            Some(message) => Err(reason(&message)),
            None => Ok(()),
        }
    }

    /// Plays until end of stream. `on_message` sees every message but errors and the end.
    pub fn to_end(&self, mut on_message: impl FnMut(&gst::MessageRef)) -> anyhow::Result<()> {
        self.play()?;
        loop {
            interrupt::check()?;
            let Some(message) = self.bus().timed_pop(POLL) else { continue };
            match message.view() {
                MessageView::Eos(_) => return Ok(()),
                MessageView::Error(_) => return Err(reason(&message)),
                MessageView::Warning(warning) => match cause(warning.debug().as_deref()) {
                    Some(cause) => tracing::warn!("{cause}"),
                    None => tracing::warn!("{}", warning.error()),
                },
                _ => on_message(&message),
            }
        }
    }

    fn bus(&self) -> gst::Bus {
        self.pipeline.bus().expect("a pipeline has a bus")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn reason(message: &gst::MessageRef) -> anyhow::Error {
    let MessageView::Error(error) = message.view() else { return anyhow!("{message:?}") };
    anyhow!("{}", detail(&error.error(), error.debug().as_deref()))
}

/// GStreamer's sentence and the cause that its sender gave.
fn detail(error: &gst::glib::Error, debug: Option<&str>) -> String {
    cause(debug).map_or_else(|| error.to_string(), |cause| format!("{error} ({cause})"))
}

/// Of a debug text, the last line; the first says where in the source it was posted, and may be
/// all there is.
fn cause(debug: Option<&str>) -> Option<&str> {
    let lines = debug.map(|text| text.lines().skip(1));
    lines.and_then(Iterator::last).map(str::trim).filter(|cause| !cause.is_empty())
}
