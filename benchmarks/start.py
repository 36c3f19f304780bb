"""A second start in a browser: seconds from the command to a usable Home page.

The reference is a Streamlit script of two lines, started the same way in the same browser profile:
what it takes is Streamlit's and Chromium's own. Needs Chromium and a workspace with the sample
project (``make sample``); skips without.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = 'import streamlit as st\nst.header("Reference")\nst.button("Ready")\n'
ROUNDS = 5


def seconds_until_usable(browser: object, script: Path, selector: str) -> float:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        port = probe_socket.getsockname()[1]
    start = time.monotonic()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    silent = subprocess.DEVNULL
    server = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=silent, stderr=silent
    )
    try:
        address = f"http://127.0.0.1:{port}"
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.05)
        page = browser.new_page()  # type: ignore[attr-defined]
        page.goto(address)
        page.locator(selector).first.wait_for()
        seconds = time.monotonic() - start
        page.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    return seconds


def main() -> None:
    chromium = shutil.which("chromium")
    home = Path(os.environ.get("RADU_HOME") or ROOT / "workspace")
    if not chromium or not (home / "radu.db").exists():
        print(f"skipped: it needs Chromium and the sample project in {home} (make sample)")
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        reference = Path(scratch) / "reference.py"
        reference.write_text(REFERENCE, encoding="utf-8")
        browser = playwright.chromium.launch_persistent_context(
            Path(scratch) / "profile",
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu"],
        )
        times_taken: dict[str, list[float]] = {"reference": [], "studio": []}
        for _ in range(ROUNDS):
            for name, script, ready in (
                ("reference", reference, "button:has-text('Ready')"),
                ("studio", ROOT / "app.py", "h3"),
            ):
                times_taken[name].append(seconds_until_usable(browser, script, ready))
        browser.close()
    times_taken = {
        name: values[1:] for name, values in times_taken.items()
    }  # the first fills the cache
    for name, values in times_taken.items():
        print(f"{name}: median {statistics.median(values):.2f} s of {sorted(map(_short, values))}")
    ratio = statistics.median(times_taken["studio"]) / statistics.median(times_taken["reference"])
    print(f"ratio: {ratio:.2f} (load {os.getloadavg()[0]:.1f})")


def _short(seconds: float) -> float:
    return round(seconds, 2)


if __name__ == "__main__":
    main()
