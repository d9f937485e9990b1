"""Checks that every dependency may be linked under this project's licence, and comes from the registry."""

import json
import re
import subprocess
import sys

# Permissive, or (MPL) copyleft for its own files only. CDLA-Permissive is the list of root certificates, which is data.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip


def allowed(expression: str) -> bool:
    """Whether one alternative of an SPDX expression, or all of a conjunction, is allowed."""
    terms = re.sub(r"\s*/\s*", " OR ", expression)  # the old way to write OR
    tokens = re.findall(r"\(|\)|\bAND\b|\bOR\b|[\w.+-]+(?: WITH [\w.-]+)?", terms)
    words = {"(": "(", ")": ")", "AND": " and ", "OR": " or "}
    return bool(tokens) and eval("".join(words.get(t, str(t in ALLOWED)) for t in tokens))


def main() -> int:
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--all-features"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    wrong = 0
    for package in packages:
        name, licence, source = f"{package['name']} {package['version']}", package["license"], package["source"]
        if not allowed(licence or ""):
            print(f"{name}: expected a permissive licence, found {licence}", file=sys.stderr)
            wrong += 1
        if source is not None and not source.startswith("registry+"):
            print(f"{name}: expected a registry as its source, found {source}", file=sys.stderr)
            wrong += 1
    print(f"licences: {len(packages)} packages, {wrong} not allowed")
    return 1 if wrong or len(packages) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
