"""The pictures of the README and the docs: ``make pictures``, of a real studio with a real run.

The workspace has the sample project's bank, and the tutorial's library with the run that the
tutorial trains (some minutes of CPU), unless ``--home`` names one that has them. A picture is a PNG
of at most 256 colours.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # the studio, and what starts one

from studio_process import studio  # noqa: E402

from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.sample import load_sample  # noqa: E402

PICTURES = ROOT / "docs" / "images"
BANKING, LIBRARY = "aurora_banking_en", "lindby_library_en"
COMMANDS = (  # those of the tutorial
    "init {module} --schema schema.json",
    "import csv utterances.csv --module {module} --keep-good",
    "import csv corrections.csv --module {module}",
    "resolve --module {module}",
    "split --module {module} --validation 15% --test 20%",
    "fit {module}",
)
WIDTH, HEIGHTS = 1280, {"annotate": 800, "run": 1040, "evaluate": 800}
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LARGEST = 200_000  # bytes
WAIT = 120_000  # ms


def prepare(home: Path, *, with_run: bool) -> None:
    """The sample's bank, and the tutorial's library with its run, where they aren't there yet."""
    space = Workspace(home)
    modules = space.store.modules()
    if BANKING not in modules:
        load_sample(space, only=("banking",))
    space.store.close()
    if with_run and LIBRARY not in modules:
        environment = {**os.environ, "RADU_HOME": str(home.resolve()), "PYTHONPATH": str(ROOT)}
        for command in COMMANDS:
            words = command.format(module=LIBRARY).split()
            subprocess.run(
                [sys.executable, "-m", "radu_core", *words],
                cwd=ROOT / "examples" / "library",
                env=environment,
                check=True,
            )


def save(page: Page, name: str) -> None:
    """Wait until nothing is under way, and write the picture."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=WAIT)
    page.wait_for_timeout(2_000)  # charts draw themselves after the script has ended
    path = PICTURES / f"{name}.png"
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size:,} bytes")
    assert size <= LARGEST, f"{path.name} is too large for a README"


def annotate(page: Page, address: str) -> None:
    """Two readings of an utterance, with the values in colour."""
    page.goto(f"{address}/annotate?module={BANKING}")
    page.get_by_text("All saved").first.wait_for(timeout=WAIT)


def run(page: Page, address: str) -> None:
    """A finished run: its curve and its figures."""
    page.goto(f"{address}/train?module={LIBRARY}")
    page.get_by_role("radio", name="3 Runs").click(timeout=WAIT)
    page.get_by_role("heading").first.wait_for(timeout=WAIT)


def evaluate(page: Page, address: str) -> None:
    """The run beside the free baselines."""
    page.goto(f"{address}/evaluate?module={LIBRARY}&split=test")
    page.get_by_text("Per function").first.wait_for(timeout=WAIT)


TAKEN = {"annotate": annotate, "run": run, "evaluate": evaluate}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--home", type=Path, help="a workspace to use and to keep")
    options.add_argument("--only", choices=list(TAKEN), help="one picture")
    chosen = options.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        home = chosen.home or Path(temporary)
        if not (home / "models").exists():
            (home / "models").symlink_to((ROOT / "workspace/models").resolve())
        names = [chosen.only] if chosen.only else list(TAKEN)
        prepare(home, with_run=names != ["annotate"])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        with studio(home, RADU_USER="ann") as address:
            for name in names:
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHTS[name]})
                TAKEN[name](page, address)
                save(page, name)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
