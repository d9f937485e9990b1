"""Writes the fixtures beside it: every container, nesting and element type, and hostile files.

Run with PyTorch (1.13 of Debian's python3-torch made the committed files):

    python3 tests/data/checkpoints/make.py

Every good file holds the tensors of `state_dict()`, whose values count up from the first; what
halves cannot hold is not used. The values are what tests/checkpoint.rs expects.
"""

import collections
import os
import pickle
import struct
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).parent


def counting(start, *shape):
    return torch.arange(start, start + torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


def state_dict(dtype=torch.float32):
    """Six tensors: two plain, a transposed view, a slice at an offset, a scalar, an integer."""
    return collections.OrderedDict(
        {
            "conv.weight": counting(0, 2, 3, 1, 1).to(dtype),
            "conv.bias": counting(6, 2).to(dtype),
            "transposed": counting(0, 2, 3).to(dtype).t(),
            "slice": counting(0, 10).to(dtype)[4:8:2],
            "scalar": torch.tensor(0.5, dtype=dtype),
            "bn.num_batches_tracked": torch.tensor(7),
        }
    )


class Exploit:
    """Unpickling this by Python writes a file."""

    def __reduce__(self):
        return os.system, ("touch /tmp/mgdsam2-pickle-was-run",)


def good():
    tensors = state_dict()
    torch.save(tensors, HERE / "zip.pt")
    torch.save(tensors, HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(tensors, HERE / "protocol4.pt", pickle_protocol=4)
    torch.save(state_dict(torch.float16), HERE / "f16.pt")
    torch.save(state_dict(torch.bfloat16), HERE / "bf16.pt")
    torch.save(state_dict(torch.float64), HERE / "f64.pt")
    optimizer = {"state": {0: {"exp_avg": counting(0, 2)}}, "param_groups": [{"lr": 1e-3}]}
    torch.save({"model": tensors, "optimizer": optimizer, "epoch": 3}, HERE / "nested_model.pt")
    wrapped = {f"model.module.{key}": tensor for key, tensor in tensors.items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, HERE / "wrapped.pt")
    torch.save({"epoch": 3, "state_dict": tensors}, HERE / "nested_state_dict.pt")
    torch.save(
        {"model": "a name", "state_dict": tensors},
        HERE / "nested_legacy.pth",
        _use_new_zipfile_serialization=False,
    )


def archive(name, pickled, storages=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(HERE / name, "w", compression) as file:
        file.writestr(zipfile.ZipInfo("archive/data.pkl"), pickled, compression)
        for key, data in storages:
            file.writestr(zipfile.ZipInfo(f"archive/data/{key}"), data, compression)
        file.writestr(zipfile.ZipInfo("archive/version"), "3\n", zipfile.ZIP_STORED)


def tensor_pickle(keys, numel, offset, size, stride):
    """A dictionary of float tensors on storage 0, by hand, so that it may lie."""
    ints = lambda values: b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"
    text = lambda s: b"X" + struct.pack("<I", len(s)) + s.encode()
    rebuilt = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
        + b"J" + struct.pack("<i", numel) + b"tQ"
        + b"J" + struct.pack("<i", offset) + ints(size) + ints(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )
    return b"\x80\x02}(" + b"".join(text(key) + rebuilt for key in keys) + b"u."


def hostile():
    tensors = state_dict()
    torch.save({"model": tensors, "x": Exploit()}, HERE / "bad_exploit.pt")
    torch.save({"model": tensors, "x": Exploit()}, HERE / "bad_exploit_protocol4.pt", pickle_protocol=4)
    torch.save(
        {"model": tensors, "x": Exploit()},
        HERE / "bad_exploit.pth",
        _use_new_zipfile_serialization=False,
    )
    # 4 MiB of None behind 4 kB.
    archive("bad_bomb.pt", b"\x80\x02" + b"N" * (4 << 20) + b".", compression=zipfile.ZIP_DEFLATED)
    archive("bad_nesting.pt", b"\x80\x02" + b"]" + b"\x85" * 2_000 + b".")
    # Each line doubles the tree: 2^60 objects.
    archive("bad_doubling.pt", b"\x80\x02]" + b"2\x86" * 60 + b".")
    four = struct.pack("<4f", 1, 2, 3, 4)
    archive("bad_extent.pt", tensor_pickle(["w"], 4, 0, [5], [1]), [("0", four)])
    archive("bad_offset.pt", tensor_pickle(["w"], 4, 3, [2], [1]), [("0", four)])
    archive("bad_negative.pt", tensor_pickle(["w"], 4, -1, [2], [1]), [("0", four)])
    archive("bad_overflow.pt", tensor_pickle(["w"], 4, 0, [2**31 - 1] * 4, [0] * 4), [("0", four)])
    archive("bad_huge_view.pt", tensor_pickle(["w"], 4, 0, [2**31 - 1] * 2, [0] * 2), [("0", four)])
    both = tensor_pickle(["a.b"], 4, 0, [4], [1])[:-2]
    inner = tensor_pickle(["b"], 4, 0, [4], [1])[2:-1]
    archive("bad_same_key.pt", both + b"X\x01\0\0\0a" + inner + b"u.", [("0", four)])
    archive("bad_no_tensors.pt", pickle.dumps({"epoch": 3}, protocol=2))
    archive("bad_root.pt", pickle.dumps([1, 2], protocol=2))
    # The storage is cut short: opens, and fails when it is read.
    archive("short_storage.pt", tensor_pickle(["w"], 4, 0, [4], [1]), [("0", four[:8])])


if __name__ == "__main__":
    torch.manual_seed(0)
    good()
    hostile()
