//! What the session does through a clip whose truth is known; its engines know it too.
#![allow(clippy::unwrap_used, missing_docs)]
mod world;

use gstmgdsam2::session::{Frame, Point, PointKind, Prompt, Propagation};
use gstmgdsam2::synth::{Kind, TRIAL_FRAMES};
use std::time::Duration;
use world::{OTHER, SIDE, World, is_visible};

/// A frame at its time at 25 a second.
fn at(index: usize) -> Frame<'static> {
    let time = Some(Duration::from_millis(40 * index as u64));
    Frame { time, is_first: index == 0, ..Frame::default() }
}

/// Shows the whole trial; in each frame the matte is the subject's, or nothing while it is not
/// in view. Returns in how many frames it was not.
#[track_caller]
fn assert_follows_the_subject(world: &mut World, first: Frame) -> usize {
    let mut absent = 0;
    for index in 0..TRIAL_FRAMES {
        world.show(index);
        let state = world.step(if index == 0 { first } else { at(index) }).unwrap();
        let truth = world.view.lock().unwrap().alpha.clone();
        assert_eq!(state.is_present, is_visible(&truth), "frame {index}: {state:?}");
        if state.is_present {
            assert!(world.error(&truth) < 0.05, "frame {index}: {}", world.error(&truth));
        } else {
            assert!(world.alpha().iter().all(|&a| a == 0.0), "frame {index}");
            absent += 1;
        }
    }
    absent
}

/// Something else is always to be seen, in a corner.
fn put_something_else(world: &World) {
    let corner = |i: usize| f32::from(u8::from(i % SIDE < 24 && i / SIDE < 24));
    world.view.lock().unwrap().others = (0..SIDE * SIDE).map(corner).collect();
}

#[test]
fn the_first_matte_starts_the_tracker_and_an_occluded_object_comes_back() {
    let mut world = World::new(Kind::Occlusion, true);
    let absent = assert_follows_the_subject(&mut world, at(0));
    assert!(absent > 3, "only {absent} frames without the subject");
}

#[test]
fn an_object_that_leaves_is_not_replaced_and_is_found_again() {
    let mut world = World::new(Kind::LeaveAndReturn, true);
    world.show(0);
    let prompts = world.on_the_subject();
    put_something_else(&world);
    let absent = assert_follows_the_subject(&mut world, Frame { prompts: &prompts, ..at(0) });
    assert!(absent > 3, "only {absent} frames without the subject");
}

#[test]
fn an_object_that_stays_away_is_given_up_when_asked() {
    let mut world = World::new(Kind::LeaveAndReturn, true);
    let redetect = Some(Duration::from_millis(200));
    let propagation = Propagation { redetect, ..Propagation::default() };
    let mut away = 0;
    for index in 0..TRIAL_FRAMES {
        world.show(index);
        let is_gone = !is_visible(&world.view.lock().unwrap().alpha);
        if index > 0 {
            put_something_else(&world);
        }
        let state = world.step(Frame { propagation, ..at(index) }).unwrap();
        away += usize::from(is_gone);
        // Five frames are 200 ms.
        assert_eq!(state.redetections, u64::from(away > 5), "frame {index}: {state:?}");
        if state.redetections > 0 {
            let others = world.view.lock().unwrap().others.clone();
            assert!(state.is_present && world.error(&others) < 0.05, "frame {index}");
        }
    }
    assert!(away > 6, "only {away} frames without the subject");
}

#[test]
fn without_a_time_nothing_is_given_up() {
    let mut world = World::new(Kind::LeaveAndReturn, true);
    let redetect = Some(Duration::ZERO);
    let propagation = Propagation { redetect, ..Propagation::default() };
    for index in 0..TRIAL_FRAMES {
        world.show(index);
        let state = world.step(Frame { propagation, ..Frame::default() }).unwrap();
        assert_eq!(state.redetections, 0);
    }
}

#[test]
fn a_cut_starts_a_new_detection() {
    let mut world = World::new(Kind::Cut, true);
    assert_eq!(assert_follows_the_subject(&mut world, at(0)), 0);
    let state = world.step(at(TRIAL_FRAMES)).unwrap();
    assert_eq!((state.scene_cuts, state.prompted), (1, 1), "{state:?}");
}

#[test]
fn without_looking_for_cuts_the_old_object_is_missed_in_the_new_scene() {
    let mut world = World::new(Kind::Cut, true);
    let propagation = Propagation { scene_cut: None, ..Propagation::default() };
    for index in 0..TRIAL_FRAMES {
        world.show(index);
        let state = world.step(Frame { propagation, ..at(index) }).unwrap();
        assert_eq!(state.is_present, index < TRIAL_FRAMES / 2, "frame {index}: {state:?}");
    }
}

#[test]
fn of_two_alike_objects_only_the_prompted_one_is_matted() {
    let mut world = World::new(Kind::Crossing, true);
    for index in 0..TRIAL_FRAMES {
        world.show(index);
        // The twin is the subject mirrored.
        let alpha = world.view.lock().unwrap().alpha.clone();
        let twin: Vec<f32> = alpha.chunks(SIDE).flat_map(|r| r.iter().rev().copied()).collect();
        let apart = alpha.iter().zip(&twin).map(|(a, b)| a * b).sum::<f32>() == 0.0;
        world.view.lock().unwrap().others = twin;
        let prompts = world.on_the_subject();
        let prompts = if index == 0 { &prompts[..] } else { &[] };
        let state = world.step(Frame { prompts, ..at(index) }).unwrap();
        assert!(state.is_present && state.scene_cuts == 0, "frame {index}: {state:?}");
        let near = 2.0 * world.error(&alpha);
        assert!(!apart || near < 0.5, "frame {index}: {near}");
    }
}

#[test]
fn fast_motion_and_a_lighting_jump_are_no_cuts() {
    for kind in [Kind::FastMotion, Kind::LightingJump] {
        let mut world = World::new(kind, true);
        assert_eq!(assert_follows_the_subject(&mut world, at(0)), 0, "{kind:?}");
        let state = world.step(at(TRIAL_FRAMES)).unwrap();
        assert_eq!((state.scene_cuts, state.remembered > 0), (0, true), "{kind:?}: {state:?}");
    }
}

#[test]
fn a_prompt_holds_from_its_frame_on_and_replaces_what_was_detected() {
    let mut world = World::new(Kind::LightingJump, true);
    for index in 0..10 {
        world.show(index);
        put_something_else(&world);
        let prompts = world.on_the_subject();
        let prompts = if index == 5 { &prompts[..] } else { &[] };
        let state = world.step(Frame { prompts, ..at(index) }).unwrap();
        let view = world.view.lock().unwrap();
        let (alpha, others) = (view.alpha.clone(), view.others.clone());
        drop(view);
        // Until then both are followed as one, the other being larger.
        let covers = |of: &[f32]| world.alpha().iter().zip(of).any(|(a, b)| a * b > 0.5);
        assert_eq!((covers(&alpha), covers(&others)), (index == 0 || index >= 5, index < 5));
        assert_eq!(state.prompted, 1, "what was only detected is forgotten: {state:?}");
    }
}

#[test]
fn without_a_detail_path_alpha_is_zero_until_prompted_and_the_mask_after() {
    let mut world = World::new(Kind::Cut, false);
    for index in 0..TRIAL_FRAMES {
        world.show(index);
        let prompts = world.on_the_subject();
        let prompts = if index == 5 { &prompts[..] } else { &[] };
        let state = world.step(Frame { prompts, ..at(index) }).unwrap();
        assert_eq!(state.needs_prompt, index < 5, "frame {index}: {state:?}");
        // What was prompted is remembered beyond the cut, and is not in the new scene.
        let is_there = (5..TRIAL_FRAMES / 2).contains(&index);
        assert_eq!(state.is_present, is_there, "frame {index}: {state:?}");
        assert_eq!(world.alpha().iter().any(|&a| a > 0.0), is_there, "frame {index}");
        assert_eq!(state.prompted, usize::from(index >= 5), "frame {index}: {state:?}");
    }
}

#[test]
fn the_first_frame_of_a_clip_forgets_the_one_before() {
    let mut world = World::new(Kind::LightingJump, false);
    for index in 0..3 {
        world.show(index);
        let prompts = world.on_the_subject();
        let prompts = if index == 0 { &prompts[..] } else { &[] };
        let frame = Frame { is_first: index == 2, prompts, ..at(index) };
        assert_eq!(world.step(frame).unwrap().needs_prompt, index == 2);
    }
}

#[test]
fn turned_off_the_matte_is_the_detail_paths() {
    let mut world = World::new(Kind::LeaveAndReturn, true);
    let propagation = Propagation { is_on: false, ..Propagation::default() };
    world.show(0);
    put_something_else(&world);
    world.step(at(0)).unwrap();
    world.step(Frame { propagation, ..at(1) }).unwrap();
    let view = world.view.lock().unwrap();
    let seen: Vec<f32> = view.alpha.iter().zip(&view.others).map(|(a, b)| a.max(*b)).collect();
    drop(view);
    assert!(world.error(&seen) < 0.05);
    assert_eq!(world.session.tracker().unwrap().bank().conditioning_frames().count(), 0);
}

#[test]
fn a_frame_looks_at_no_more_frames_than_asked() {
    let mut world = World::new(Kind::LightingJump, true);
    for (index, memory_frames) in [0, 0, 0, 0, 0, 1, 2, 99].into_iter().enumerate() {
        world.show(index);
        let propagation = Propagation { memory_frames, ..Propagation::default() };
        let state = world.step(Frame { propagation, ..at(index) }).unwrap();
        assert!(state.is_present, "frame {index}");
        let looked_at = world.view.lock().unwrap().looked_at;
        assert_eq!(looked_at, [0, 1, 2, 3, 4, 1, 2, 4][index], "frame {index}");
    }
}

#[test]
fn numbers_that_are_none_are_zero_alpha_and_are_not_remembered() {
    let mut world = World::new(Kind::LightingJump, true);
    for index in 0..9 {
        world.show(index);
        let is_odd = (3..6).contains(&index);
        world.view.lock().unwrap().score = is_odd.then_some(f32::NAN);
        let prompts = world.on_the_subject();
        let prompts = if index == 4 { &prompts[..] } else { &[] };
        let state = world.step(Frame { prompts, ..at(index) }).unwrap();
        assert_eq!(state.is_present, !is_odd, "frame {index}: {state:?}");
        assert_eq!(world.alpha().iter().all(|&a| a == 0.0), is_odd, "frame {index}");
        assert_eq!(state.prompted, 1, "frame {index}: {state:?}");
    }
}

#[test]
fn a_prompt_that_is_none_is_an_error_that_says_so() {
    let mut world = World::new(Kind::LightingJump, true);
    world.show(0);
    let prompts = [Prompt::from_corners([f32::NAN, 0.0], [1.0, 1.0])];
    let error = world.step(Frame { prompts: &prompts, ..at(0) }).unwrap_err();
    assert_eq!(error.to_string(), "prompt: coordinates: expected finite numbers, found NaN, 0");
}

#[test]
fn nothing_in_view_is_not_followed() {
    let mut world = World::new(Kind::LightingJump, true);
    world.show(0);
    world.view.lock().unwrap().alpha.fill(0.0);
    let state = world.step(at(0)).unwrap();
    assert_eq!((state.prompted, state.needs_prompt), (0, false));
    world.show(1);
    assert_eq!(world.step(at(1)).unwrap().prompted, 1);
}

#[test]
fn what_is_followed_may_be_something_else() {
    let mut world = World::new(Kind::LightingJump, true);
    world.show(0);
    put_something_else(&world);
    let corner = Point { x: 0.05, y: 0.05, kind: PointKind::Foreground };
    let prompts = [Prompt::Points(vec![corner])];
    world.step(Frame { prompts: &prompts, ..at(0) }).unwrap();
    let mask = world.session.tracker().unwrap().mask();
    assert_eq!(mask.obj_ptr[0], OTHER);
}

#[test]
fn what_is_remembered_is_the_trackers_own_mask() {
    for mut world in [World::new(Kind::Crossing, true), World::prompted(Kind::Crossing)] {
        for index in 0..3 {
            world.show(index);
            let prompts = world.on_the_subject();
            let prompts = if index == 0 { &prompts[..] } else { &[] };
            let state = world.step(Frame { prompts, ..at(index) }).unwrap();
            assert!(state.is_present, "frame {index}");
        }
        let remembered = world.view.lock().unwrap().remembered.clone();
        assert!(remembered == world.session.tracker().unwrap().mask().logits);
        assert!(remembered != world.exchange.logits());
    }
}
