//! Where published data sets keep their pictures, clips and ground truths.
//!
//! In each path `*` is the item: a file's name without its extension, or a folder's. Of several
//! places of one part the first that is there counts. Sources: the archives as the authors publish
//! them, and the folder names that their evaluation scripts and later work give them.
use super::args::Dataset;

/// Whether an item is a picture or a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Each file.
    Still,
    /// Each folder of frames, each movie.
    Clip,
}

/// A part of a data set in one of the places where it may be.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The part's name; empty where there is only one.
    pub split: &'static str,
    /// Pictures or clips.
    pub source: &'static str,
    /// Ground truths; empty where there are none.
    pub truth: &'static str,
}

/// A data set.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// What its items are.
    pub unit: Unit,
    /// Where they are.
    pub places: &'static [Place],
    /// Folders with lists of the clips of each split, `val.txt` if nothing else is wished.
    pub lists: &'static [&'static str],
}

const fn place(split: &'static str, source: &'static str, truth: &'static str) -> Place {
    Place { split, source, truth }
}

const fn stills(places: &'static [Place]) -> Layout {
    Layout { unit: Unit::Still, places, lists: &[] }
}

const fn clips(places: &'static [Place], lists: &'static [&'static str]) -> Layout {
    Layout { unit: Unit::Clip, places, lists }
}

impl Dataset {
    /// Where its items are.
    pub fn layout(self) -> Layout {
        match self {
            Self::Clips => clips(PLAIN, &[]),
            Self::Stills => stills(PLAIN),
            Self::DavisS => stills(DAVIS_S),
            Self::Davis2016 => clips(DAVIS_2016, &["ImageSets/480p", "ImageSets/1080p"]),
            Self::Davis2017 => clips(DAVIS_2017, &["ImageSets/2017"]),
            Self::Dis5k => stills(DIS5K),
            Self::Hrsod => stills(HRSOD),
            Self::Uhrsd => stills(UHRSD),
            Self::Duts => stills(DUTS),
            Self::HkuIs => stills(HKU_IS),
            Self::VHim => clips(V_HIM, &[]),
            Self::VideoMatte => clips(VIDEO_MATTE, &[]),
        }
    }
}

const PLAIN: &[Place] = &[place("", "*", "")];

const DAVIS_S: &[Place] = &[
    place("", "images/*", "masks/*"),
    place("", "image/*", "mask/*"),
    place("", "image/*", "gt/*"),
    place("", "im/*", "gt/*"),
    place("", "imgs/*", "gts/*"),
];

const DAVIS_2016: &[Place] = &[
    place("", "JPEGImages/480p/*", "Annotations/480p/*"),
    place("", "JPEGImages/1080p/*", "Annotations/1080p/*"),
];

const DAVIS_2017: &[Place] = &[
    place("", "JPEGImages/480p/*", "Annotations/480p/*"),
    place("", "JPEGImages/Full-Resolution/*", "Annotations/Full-Resolution/*"),
];

const DIS5K: &[Place] = &[
    place("DIS-VD", "DIS-VD/im/*", "DIS-VD/gt/*"),
    place("DIS-TE1", "DIS-TE1/im/*", "DIS-TE1/gt/*"),
    place("DIS-TE2", "DIS-TE2/im/*", "DIS-TE2/gt/*"),
    place("DIS-TE3", "DIS-TE3/im/*", "DIS-TE3/gt/*"),
    place("DIS-TE4", "DIS-TE4/im/*", "DIS-TE4/gt/*"),
];

const HRSOD: &[Place] = &[
    place("", "HRSOD_test/*", "HRSOD_test_mask/*"),
    place("", "HRSOD-TE/images/*", "HRSOD-TE/masks/*"),
    place("", "images/*", "masks/*"),
];

const UHRSD: &[Place] = &[
    place("", "UHRSD_TE_2K/image/*", "UHRSD_TE_2K/mask/*"),
    place("", "UHRSD_TE/image/*", "UHRSD_TE/mask/*"),
    place("", "image/*", "mask/*"),
    place("", "images/*", "masks/*"),
];

const DUTS: &[Place] = &[
    place("", "DUTS-TE/DUTS-TE-Image/*", "DUTS-TE/DUTS-TE-Mask/*"),
    place("", "DUTS-TE-Image/*", "DUTS-TE-Mask/*"),
    place("", "images/*", "masks/*"),
];

const HKU_IS: &[Place] = &[
    place("", "imgs/*", "gt/*"),
    place("", "Imgs/*", "gt/*"),
    place("", "images/*", "masks/*"),
    place("", "images/*", "gt/*"),
];

const V_HIM: &[Place] = &[
    place("comp_easy", "comp_easy/fgr/*", "comp_easy/pha/*"),
    place("comp_medium", "comp_medium/fgr/*", "comp_medium/pha/*"),
    place("comp_hard", "comp_hard/fgr/*", "comp_hard/pha/*"),
    place("", "fgr/*", "pha/*"),
];

const VIDEO_MATTE: &[Place] = &[
    place("videomatte_motion", "videomatte_motion/*/com", "videomatte_motion/*/pha"),
    place("videomatte_static", "videomatte_static/*/com", "videomatte_static/*/pha"),
    place("test", "test/fgr/*", "test/pha/*"),
    place("", "*/com", "*/pha"),
    place("", "fgr/*", "pha/*"),
];
