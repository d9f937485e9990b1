//! What an application may ask of a playing element: its action signals and the prompt event.
use super::prompts;
use super::{CAT, MgdSam2Matte, imp, lock};
use crate::matter::Prompt;
use gst::glib;
use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;

/// `reset()` and `prompt(prompt, prompt-mask, running-time) -> bool`.
pub(super) fn signals() -> Vec<Signal> {
    vec![reset(), prompt()]
}

/// Forgets the object: the next frame that comes in is treated as the first.
fn reset() -> Signal {
    Signal::builder("reset")
        .flags(glib::SignalFlags::ACTION)
        .class_handler(|args| {
            let element = args[0].get::<MgdSam2Matte>().expect("signals are emitted on us");
            element.imp().reset();
            None
        })
        .build()
}

/// `prompt(prompt, prompt-mask, running-time)`: says which object it is, as the properties of these
/// names do, on the frame that is shown at the running time in nanoseconds
/// (`GST_CLOCK_TIME_NONE`: the next). False, and a warning on the bus, if it is no prompt.
fn prompt() -> Signal {
    Signal::builder("prompt")
        .param_types([String::static_type(), String::static_type(), u64::static_type()])
        .return_type::<bool>()
        .flags(glib::SignalFlags::ACTION)
        .class_handler(|args| {
            let element = args[0].get::<MgdSam2Matte>().expect("signals are emitted on us");
            let text =
                |i: usize| args[i].get::<Option<String>>().ok().flatten().unwrap_or_default();
            let prompt = prompts::read(&text(1), &text(2));
            let time = args[3].get::<Option<gst::ClockTime>>().ok().flatten();
            Some(element.imp().ask(time, prompt).to_value())
        })
        .build()
}

impl imp::MgdSam2Matte {
    /// Takes `event` if it is one that prompts; else it is for others.
    pub(super) fn takes(&self, event: &gst::EventRef) -> bool {
        let Some(structure) = event.structure().filter(|s| s.name() == prompts::EVENT) else {
            return false;
        };
        match prompts::from_structure(structure) {
            Ok((time, prompt)) => self.ask(time, Ok(Some(prompt))),
            Err(error) => self.ask(None, Err(error)),
        };
        true
    }

    /// The properties say another object: from the next frame on, if the element plays.
    pub(super) fn prompt_changed(&self) {
        let prompt = lock(&self.settings).prompt();
        let plays = lock(&self.state).is_some();
        if plays && !matches!(prompt, Ok(None)) {
            self.ask(None, prompt);
        }
    }

    /// Tells the user why alpha is zero everywhere, unless a prompt is on its way.
    pub(super) fn ask_for_prompt(&self) {
        if !lock(&self.prompts).is_empty() {
            return;
        }
        gst::element_imp_warning!(
            self,
            gst::ResourceError::Settings,
            ("this model mattes what a `prompt` or `prompt-mask` shows it, and there was none yet")
        );
    }

    /// Keeps a prompt for its frame. What is none is a warning on the bus, for a slip of the mouse
    /// shall not end a live stream.
    fn ask(
        &self,
        time: Option<gst::ClockTime>,
        prompt: Result<Option<Prompt>, gst::ErrorMessage>,
    ) -> bool {
        let kept = prompt.and_then(|prompt| match prompt {
            Some(prompt) => {
                let prompt = lock(&self.settings).check_prompt(prompt)?;
                lock(&self.prompts).add(time, prompt)
            }
            None => Err(prompts::wrong("expected points, a box or a mask, found none".into())),
        });
        if let Err(error) = &kept {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{error}"));
        }
        gst::info!(CAT, imp = self, "a prompt for {}: {kept:?}", time.display());
        kept.is_ok()
    }
}
