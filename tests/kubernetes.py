"""Checks the manifests in pipelines/kubernetes: against Kubernetes' schema, and that what they run does work.

Usage: tests/kubernetes.py [MGDSAM2]      with kubernetes-validate from PyPI in .deps/python or installed
"""

import json
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / ".deps" / "python"))
try:
    import kubernetes_validate
    import yaml
except ImportError:
    print("kubernetes skipped: kubernetes-validate is not installed")
    sys.exit(0)


def container(manifest: dict) -> dict:
    return manifest["spec"]["template"]["spec"]["containers"][0]


def run(manifest: dict, program: str, data: str, index: int | None = None) -> None:
    """What the manifest's container would run, with the volume at `data`."""
    environment = {"PATH": f"{pathlib.Path(program).parent}:/usr/bin:/bin"}
    environment |= {e["name"]: e["value"] for e in container(manifest).get("env", [])}
    environment["XDG_CACHE_HOME"] = f"{data}/cache"
    if index is not None:
        environment["JOB_COMPLETION_INDEX"] = str(index)
    command = [word.replace("/data/", f"{data}/") for word in container(manifest)["command"]]
    subprocess.run(command, check=True, env=environment, cwd=root)


def main(program: str) -> None:
    folder = root / "pipelines" / "kubernetes"
    batch, merge = (yaml.safe_load((folder / name).read_text()) for name in ("batch.yaml", "merge.yaml"))
    for manifest in (batch, merge):
        version = kubernetes_validate.latest_version()
        kubernetes_validate.validate(manifest, version, strict=True)
        print(f"kubernetes: {manifest['metadata']['name']} is what {version} expects")
    shards = batch["spec"]["completions"]
    assert {"name": "SHARDS", "value": str(shards)} in container(batch)["env"], "SHARDS is not completions"
    with tempfile.TemporaryDirectory() as data:
        for clip in range(3):
            line = [program, "-q", "synth", "--out", f"{data}/clips/{clip}.mkv", "--frames", "2", "--size", "64x48"]
            subprocess.run(line, check=True)
        pathlib.Path(data, "job.toml").write_text('root = "clips"\nout = "out"\n')
        for index in range(shards):
            run(batch, program, data, index)
        run(merge, program, data)
        results = [json.loads(line) for line in open(f"{data}/out/result.jsonl")]
        assert [r["status"] for r in results] == ["done"] * 3, results
    print(f"kubernetes: {shards} shards and their merge ran")


if __name__ == "__main__":
    main(str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "target/release/mgdsam2").resolve()))
