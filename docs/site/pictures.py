"""The pictures of the README and the docs: ``make pictures``, of a real studio with a real run.

The workspace is the sample project with a fast model of its travel module, made in some minutes of
CPU unless ``--home`` names one that has it. A picture is a PNG of at most 256 colours.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # the studio, and what starts one

from studio_process import studio  # noqa: E402

from radu_core.workflows.frame.run_list import runs  # noqa: E402
from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.sample import load_sample  # noqa: E402
from radu_core.workflows.train.fit import fit  # noqa: E402

PICTURES = ROOT / "docs" / "images"
BANKING, TRAVEL = "aurora_banking_en", "aurora_travel_en"
SIZE = {"width": 1280, "height": 800}
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LARGEST = 200_000  # bytes
WAIT = 120_000  # ms


def prepare(home: Path, minutes: float, *, with_run: bool) -> None:
    """The sample project, and a run of its travel module, where they aren't there yet."""
    space = Workspace(home)
    if not space.store.modules():
        load_sample(space)
    if with_run and not runs(space, TRAVEL):
        fit(space, TRAVEL, who="ann", minutes=minutes)
    space.store.close()


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
    page.goto(f"{address}/train?module={TRAVEL}")
    page.get_by_role("radio", name="3 Runs").click(timeout=WAIT)
    page.get_by_role("heading").first.wait_for(timeout=WAIT)


def evaluate(page: Page, address: str) -> None:
    """The run beside the free baselines."""
    page.goto(f"{address}/evaluate?module={TRAVEL}&split=test")
    page.get_by_text("Per function").first.wait_for(timeout=WAIT)


TAKEN = {"annotate": annotate, "run": run, "evaluate": evaluate}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--home", type=Path, help="a workspace to use and to keep")
    options.add_argument("--minutes", type=float, default=2, help="for the run, if there is none")
    options.add_argument("--only", choices=list(TAKEN), help="one picture")
    chosen = options.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        home = chosen.home or Path(temporary)
        if not (home / "models").exists():
            (home / "models").symlink_to((ROOT / "workspace/models").resolve())
        names = [chosen.only] if chosen.only else list(TAKEN)
        prepare(home, chosen.minutes, with_run=names != ["annotate"])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        with studio(home, RADU_USER="ann") as address:
            for name in names:
                page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
                TAKEN[name](page, address)
                save(page, name)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
