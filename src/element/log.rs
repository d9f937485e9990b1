//! What the modules below trace, told through `GST_DEBUG`.
use super::CAT;
use gst::log::DebugLogger;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A `tracing` layer that writes into the element's debug category. Applications with a
/// subscriber of their own may add it; the element itself uses it on its own threads only.
#[derive(Debug, Default)]
pub struct GstLog;

/// Runs `work` with its traces in the GStreamer log, unless the application listens already.
/// Threads that `matter` starts within do the same.
pub fn to_gst<T>(work: impl FnOnce() -> T) -> T {
    let listens = tracing::dispatcher::get_default(|dispatch| {
        !dispatch.is::<tracing::subscriber::NoSubscriber>()
    });
    match listens {
        true => work(),
        false => {
            let subscriber = tracing_subscriber::registry().with(GstLog);
            tracing::subscriber::with_default(subscriber, work)
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for GstLog {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        CAT.above_threshold(level(*metadata.level()))
    }

    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut line = Line(span.metadata().name().to_owned());
        span.record(&mut line);
        gst::log_with_level!(CAT, level(*span.metadata().level()), "{}", line.0);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        gst::log_with_level!(CAT, level(*event.metadata().level()), "{}", line.0);
    }
}

/// GStreamer's DEBUG is for a few lines a frame, as is TRACE here.
fn level(level: Level) -> gst::DebugLevel {
    match level {
        Level::ERROR => gst::DebugLevel::Error,
        Level::WARN => gst::DebugLevel::Warning,
        Level::INFO => gst::DebugLevel::Info,
        Level::DEBUG => gst::DebugLevel::Debug,
        Level::TRACE => gst::DebugLevel::Log,
    }
}

/// A message and its fields, in one line.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, ": {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
