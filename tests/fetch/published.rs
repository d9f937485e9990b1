//! Checkpoints as SAM2 publishes them: a zip archive of `torch.save({"model": state_dict})`.
use safetensors::SafeTensors;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

/// The f32 tensors of a safetensors file in that format.
pub fn published(weights: &[u8]) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(weights).unwrap();
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut pickle = b"\x80\x02}".to_vec();
    text(&mut pickle, "model");
    pickle.extend(b"}(");
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut pickle, name);
        rebuild(&mut pickle, i, tensor.shape());
        archive.start_file(format!("toy/data/{i}"), options).unwrap();
        archive.write_all(tensor.data()).unwrap();
    }
    pickle.extend(b"us.");
    archive.start_file("toy/data.pkl", options).unwrap();
    archive.write_all(&pickle).unwrap();
    archive.start_file("toy/version", options).unwrap();
    archive.write_all(b"3\n").unwrap();
    archive.finish().unwrap().into_inner()
}

/// `torch._utils._rebuild_tensor_v2` on the storage `i`, rows without gaps.
fn rebuild(pickle: &mut Vec<u8>, i: usize, shape: &[usize]) {
    pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    text(pickle, "storage");
    pickle.extend(b"ctorch\nFloatStorage\n");
    text(pickle, &i.to_string());
    text(pickle, "cpu");
    integers(pickle, &[shape.iter().product()]);
    pickle.extend(b"tQ");
    integers(pickle, &[0]);
    let strides: Vec<usize> = (1..=shape.len()).map(|d| shape[d..].iter().product()).collect();
    for numbers in [shape, &strides] {
        pickle.push(b'(');
        integers(pickle, numbers);
        pickle.push(b't');
    }
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.as_bytes());
}

fn integers(pickle: &mut Vec<u8>, numbers: &[usize]) {
    for &number in numbers {
        pickle.push(b'J');
        pickle.extend((number as i32).to_le_bytes());
    }
}
