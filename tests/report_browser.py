#!/usr/bin/env python3
"""Opens a report in headless Chromium, as a reader does, and checks that it works.

    tests/report_browser.py report.html [--screenshots DIR] [--no-install]

No script error, every picture loads, the slider lies on top and moves, the page fits a phone, and
nothing is fetched. Installs Debian's chromium where that is missing and may be installed; says why
it skips (exit code 0) where it cannot be had.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": (1280, 900), "phone": (500, 900)}
EARLY = """<script>
window.failures = [];
addEventListener("error", (e) => failures.push(String(e.message || e.target.src || e.target)), true);
addEventListener("securitypolicyviolation", (e) => failures.push("fetched: " + e.blockedURI));
</script>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;
 style-src 'unsafe-inline'; script-src 'unsafe-inline'">
"""
LATE = """<script>
addEventListener("unhandledrejection", (e) => failures.push(String(e.reason)));
// Those that no slider shows yet too; the load event waits for them all.
for (const { pairs } of data.worst)
  for (const { before, after } of pairs)
    document.body.append(...[before, after].map((src) => Object.assign(new Image(), { src, hidden: true })));
addEventListener("load", () => {
  const check = (ok, what) => ok || failures.push(what);
  const pictures = [...document.images];
  for (const picture of pictures)
    check(picture.complete && picture.naturalWidth > 1, "a picture does not load");
  const sliders = [...document.querySelectorAll(".slider")];
  for (const slider of sliders) {
    slider.scrollIntoView({ block: "center" });
    const range = slider.querySelector("input"), box = slider.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    check(top === range, "the slider's handle is not on top");
    const clip = () => getComputedStyle(slider.querySelectorAll("img")[1]).clipPath;
    for (const at of [20, 80]) {
      range.value = at;
      range.dispatchEvent(new Event("input"));
      check(clip().includes(at + "%"), `slider at ${at}: found ${clip()}`);
    }
  }
  for (const button of document.querySelectorAll("button")) button.click();
  for (const picture of document.images) check(picture.src.startsWith("data:"), "a picture is not embedded");
  check(document.documentElement.scrollWidth <= innerWidth + 1,
    `wider than the screen: ${document.documentElement.scrollWidth} > ${innerWidth}`);
  const found = { failures, pictures: pictures.length, sliders: sliders.length,
    charts: document.querySelectorAll("svg path").length, rows: document.querySelectorAll("tr").length };
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = JSON.stringify(found);
  document.body.append(answer);
});
</script>
"""


def browser(install):
    """Chromium's path, or None with the reason printed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found or not install:
        if not found:
            print("skipped: there is no chromium")
        return found
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print("skipped: there is no chromium, and it can only be installed by root with apt-get")
        return None
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"skipped: chromium could not be installed: {done.stderr.strip().splitlines()[-1:]}")
    return shutil.which("chromium")


def run(chromium, page, size, *arguments):
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   f"--user-data-dir={profile}",
                   f"--window-size={size[0]},{size[1]}", *arguments, page.resolve().as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--screenshots", type=Path, help="keep pictures of the page there")
    parser.add_argument("--no-install", action="store_true")
    arguments = parser.parse_args()
    chromium = browser(not arguments.no_install)
    if not chromium:
        return 0
    html = arguments.report.read_text()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        checked = Path(folder) / "checked.html"
        checked.write_text(html.replace("<meta", EARLY + "<meta", 1).replace("</html>", LATE + "</html>"))
        for name, size in SIZES.items():
            answer = re.search(r'<pre id="answer">(.*?)</pre>', run(chromium, checked, size, "--dump-dom"), re.S)
            found = json.loads(answer[1].replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")) if answer else None
            print(f"{name}: {json.dumps(found)}")
            failed |= not found or bool(found["failures"])
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
        for name, (width, _) in SIZES.items():
            shot = arguments.screenshots / f"{name}.png"
            run(chromium, arguments.report, (width, 3200), f"--screenshot={shot}")
            run(chromium, arguments.report, (width, 3200), "--force-dark-mode", "--blink-settings=preferredColorScheme=0",
                f"--screenshot={shot.with_name(name + '-dark.png')}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
