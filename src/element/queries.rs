//! Answers to queries: caps, allocation, latency.
use super::formats;
use super::imp::MgdSam2Matte;
use gst::prelude::*;
use gst::subclass::prelude::*;

impl MgdSam2Matte {
    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        #[cfg(feature = "cuda")]
        if self.answers(query) {
            return true;
        }
        let is_serialized = query.is_serialized();
        match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let output = formats::OUTPUT.caps();
                let wanted = self.srcpad.peer_query_caps(Some(&output)).intersect(&output);
                answer_caps(query, formats::inputs_for(&wanted));
                true
            }
            gst::QueryViewMut::Allocation(query) => {
                #[cfg(feature = "cuda")]
                self.propose_pool(query);
                query.add_allocation_meta::<gst_video::VideoMeta>(None);
                true
            }
            _ if is_serialized => {
                let drained = self.stream().and_then(|stream| stream.drain());
                drained.is_ok() && gst::Pad::query_default(pad, Some(&*self.obj()), query)
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }

    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        #[cfg(feature = "cuda")]
        if self.answers(query) {
            return true;
        }
        match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let input = formats::INPUT.caps();
                let given = self.sinkpad.peer_query_caps(Some(&input)).intersect(&input);
                answer_caps(query, formats::outputs_for(&given));
                true
            }
            gst::QueryViewMut::Latency(query) => {
                let mut upstream = gst::query::Latency::new();
                if !self.sinkpad.peer_query(&mut upstream) {
                    return false;
                }
                let (is_live, min, max) = upstream.result();
                let (ours, held) = self.latency();
                query.set(is_live, min + ours, max.map(|max| max + held));
                true
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }
}

/// Answers with `caps`, in the asker's order of preference.
fn answer_caps(query: &mut gst::query::Caps, caps: gst::Caps) {
    let caps = match query.filter() {
        Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
        None => caps,
    };
    query.set_result(&caps);
}
