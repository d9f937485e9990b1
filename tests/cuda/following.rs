//! Objects followed on the device, with its engines and all that lies between them, and on the host.
use crate::emulated::emulated;
use crate::fakecuda;
use crate::toy;
use crate::world::{PROMPTED, World};
use gstmgdsam2::backend::Engine;
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::cuda::Device;
use gstmgdsam2::session::{
    DeviceExchange, Exchange, Frame, Held, MemoryState, Prompt, Propagation, RefineMode, Session,
};
use gstmgdsam2::signature::ElementType;
use gstmgdsam2::synth::Kind;
use std::time::Duration;

/// States, logits and what was remembered, frame by frame: those of the host.
pub fn whatever_follows_an_object_does_so_on_the_device(device: &Device) {
    let _slow = Slow::new();
    let here: fn(Box<dyn Engine>) -> Box<dyn Engine> = |engine| engine;
    for (kind, detail) in [
        (Kind::Demo, Some(None)),
        (Kind::Cut, Some(None)),
        (Kind::Occlusion, Some(None)),
        (Kind::LeaveAndReturn, Some(PROMPTED)),
        (Kind::Cut, Some(PROMPTED)),
        (Kind::Occlusion, None),
        (Kind::Cut, None),
    ] {
        let mut host = World::of(kind, detail, here);
        let mut there = World::of(kind, detail, emulated).on(device);
        for world in [&mut host, &mut there] {
            world.session.set_refine(RefineMode::ColorLines);
        }
        let mut was_present = false;
        for index in (0..60).step_by(3) {
            let [want, got] = [&mut host, &mut there].map(|world| step(world, index));
            assert_eq!(got, want, "{kind:?} {detail:?}, frame {index}");
            let close = |a: &f32, b: &f32| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
            let same = |a: &[f32], b: &[f32]| {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b))
            };
            let (got, wanted) = (there.exchange.logits(), host.exchange.logits());
            assert!(same(got, wanted), "{kind:?} {detail:?}, frame {index}");
            let [got, wanted] =
                [&there, &host].map(|world| world.view.lock().unwrap().remembered.clone());
            assert!(same(&got, &wanted), "{kind:?} {detail:?}, frame {index}: memory");
            was_present |= want.is_present;
        }
        assert!(was_present, "{kind:?} {detail:?}: nothing was followed");
    }
}

/// A device on which what is not waited for is missing.
struct Slow;

impl Slow {
    fn new() -> Self {
        fakecuda::driver().iter().for_each(|driver| driver.delay_us(100));
        Self
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        fakecuda::driver().iter().for_each(|driver| driver.delay_us(0));
    }
}

fn step(world: &mut World, index: usize) -> MemoryState {
    world.show(index);
    let prompts = if index == 0 { world.on_the_subject().to_vec() } else { Vec::new() };
    let propagation =
        Propagation { redetect: Some(Duration::from_millis(200)), ..Propagation::default() };
    let time = Some(Duration::from_millis(40 * index as u64));
    world.step(Frame { prompts: &prompts, propagation, time, ..Frame::default() }).unwrap()
}

/// The tracker's own graphs: the memory reaches memory attention, to the last bit.
pub fn the_trackers_graphs_remember_on_the_device(device: &Device) {
    let _slow = Slow::new();
    let weights = Checkpoint::random(7);
    let session = |wrap| toy::wrapped(&weights, &toy::config(), ElementType::U8, wrap);
    let mut host = session(|engine| engine);
    let [mut there, mut brought] = [session(emulated), session(emulated)];
    let mut on_device = Exchange::new(toy::SIDE);
    on_device.on_device = Some(DeviceExchange::new(device, toy::SIDE).unwrap());
    let [mut on_host, mut as_brought] = [(); 2].map(|()| Exchange::new(toy::SIDE));
    for index in 0..8 {
        let pixels: Vec<u8> = (0..3 * toy::SIDE * toy::SIDE)
            .map(|i| (i / 3 % toy::SIDE * 3 + i / 3 / toy::SIDE + 5 * index + i % 3 * 40) as u8)
            .collect();
        on_host.image_mut().copy_from_slice(&pixels);
        as_brought.image_mut().copy_from_slice(&pixels);
        let on = on_device.on_device.as_mut().unwrap();
        let Held::Pixels(image, _) = &mut on.image else { panic!("it lies on the device") };
        device.upload([(&pixels[..], image)]).unwrap();
        device.record(&on.last).unwrap();
        follow(&mut host, index, &mut on_host);
        follow(&mut there, index, &mut on_device);
        follow(&mut brought, index, &mut as_brought);
        on_device.fetch_all().unwrap();
        let [want, got] = [&host, &there].map(|session| session.tracker().unwrap().mask());
        assert_eq!((&got.low_res_logits, &got.obj_ptr), (&want.low_res_logits, &want.obj_ptr));
        assert_eq!(on_device.logits(), on_host.logits(), "frame {index}");
        assert_eq!(as_brought.logits(), on_host.logits(), "frame {index}");
        assert!(got.is_remembered && got.logits.is_empty());
    }
}

fn follow(session: &mut Session, index: usize, exchange: &mut Exchange) {
    let corners = [Prompt::from_corners([0.2, 0.3], [0.7, 0.8])];
    let prompts = if index == 0 { &corners[..] } else { &[] };
    let frame = Frame { index: index as i64, prompts, ..Frame::default() };
    session.step(&frame, exchange).unwrap();
}
