//! Prompts on their way to their frames.
use super::mask_file;
use crate::matter::Prompt;
use std::path::Path;

/// The name of the event that prompts.
pub const EVENT: &str = "mgdsam2/prompt";

/// Prompts that wait for their frames, at most.
const MOST: usize = 256;

/// Prompts that wait for their frames, in the order they came.
#[derive(Debug, Default)]
pub struct Prompts(Vec<(Option<gst::ClockTime>, Prompt)>);

impl Prompts {
    /// For the frame that is shown at running time `time`; without one, or where that frame has
    /// come in already, for the next.
    pub fn add(
        &mut self,
        time: Option<gst::ClockTime>,
        prompt: Prompt,
    ) -> Result<(), gst::ErrorMessage> {
        if self.0.len() == MOST {
            return Err(wrong(format!("expected at most {MOST} that wait for frames, found more")));
        }
        self.0.push((time, prompt));
        Ok(())
    }

    /// The prompts of the frame that is shown from `start` to `end`.
    pub fn due(
        &mut self,
        start: Option<gst::ClockTime>,
        end: Option<gst::ClockTime>,
    ) -> Vec<Prompt> {
        let is_due = |time: Option<gst::ClockTime>| match (time, start, end) {
            (Some(time), _, Some(end)) => time < end,
            (Some(time), Some(start), None) => time <= start,
            _ => true,
        };
        self.0.extract_if(.., |(time, _)| is_due(*time)).map(|(_, prompt)| prompt).collect()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The prompt in an event's fields: `prompt`, the text of the property of that name, or
/// `prompt-mask`, a picture's path; and its `running-time` in nanoseconds, if it has one.
pub fn from_structure(
    structure: &gst::StructureRef,
) -> Result<(Option<gst::ClockTime>, Prompt), gst::ErrorMessage> {
    let text = |field| structure.get_optional::<String>(field).map_err(|e| wrong(e.to_string()));
    let (points, mask) =
        (text("prompt")?.unwrap_or_default(), text("prompt-mask")?.unwrap_or_default());
    let prompt = read(&points, &mask)?
        .ok_or_else(|| wrong(format!("expected `prompt` or `prompt-mask`, found {structure}")))?;
    let time = structure.get_optional::<u64>("running-time").map_err(|e| wrong(e.to_string()))?;
    Ok((time.map(gst::ClockTime::from_nseconds), prompt))
}

/// The prompt in a text of points and boxes or in the picture at the path `mask`; none if both are
/// empty, an error if neither is.
pub fn read(text: &str, mask: &str) -> Result<Option<Prompt>, gst::ErrorMessage> {
    match (text, mask) {
        ("", "") => Ok(None),
        (text, "") => text.parse().map(Some).map_err(|e| wrong(format!("{e}"))),
        ("", mask) => mask_file::read(Path::new(mask)).map(Some),
        _ => Err(wrong("expected points and boxes or a mask, found both".into())),
    }
}

/// That something is no prompt.
pub fn wrong(what: String) -> gst::ErrorMessage {
    gst::error_msg!(gst::ResourceError::Settings, ("prompt: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(ms: u64) -> Option<gst::ClockTime> {
        Some(gst::ClockTime::from_mseconds(ms))
    }

    fn prompt(text: &str) -> Prompt {
        text.parse().unwrap()
    }

    #[test]
    fn a_prompt_waits_for_the_frame_that_is_shown_at_its_time() {
        let mut prompts = Prompts::default();
        prompts.add(at(50), prompt("point=0.5,0.5")).unwrap();
        assert_eq!(prompts.due(at(0), at(40)), []);
        assert_eq!(prompts.due(at(40), at(80)), [prompt("point=0.5,0.5")]);
        assert_eq!(prompts.due(at(80), at(120)), []);
    }

    #[test]
    fn prompts_whose_frame_has_gone_by_are_for_the_next() {
        let mut prompts = Prompts::default();
        prompts.add(None, prompt("point=0.1,0.1")).unwrap();
        prompts.add(at(0), prompt("point=0.2,0.2")).unwrap();
        let both = [prompt("point=0.1,0.1"), prompt("point=0.2,0.2")];
        assert_eq!(prompts.due(at(40), None), both);
        assert_eq!(prompts.due(at(80), None), []);
    }

    #[test]
    fn prompts_beyond_the_limit_are_refused() {
        let mut prompts = Prompts::default();
        for _ in 0..MOST {
            prompts.add(at(1), prompt("point=0.1,0.1")).unwrap();
        }
        assert!(prompts.add(at(1), prompt("point=0.1,0.1")).is_err());
    }
}
