"""How fast `radu serve` answers, how soon, in how much memory, and whether reloads disturb it.

``python benchmarks/serving.py [FAST] [--full FULL] [--requests 10000]``: bundles of
``radu export-model``. Each is served by a process of its own and asked by another
(``serving_load.py``), over one machine's loopback, with utterances that are halves of the bundle's
self-test (or of ``--utterances FILE``) exchanged, so that few were ever seen before. ``--full`` is
also compared with a bare ``transformers`` generate of its language model, on the prompts that it is
sent when it is asked about the function and the values of every utterance. ``--fake`` serves a
model that only looks for words: what is measured then is the server itself.

Reloads need two versions: the bundle is copied (by hard links) with another line in its manifest.
A response is mixed if its call isn't the one that its version gives that utterance. The machine
should be quiet: the load is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
KEY = "key-of-the-benchmark"
FAKE = ["fly to Rome", "a hotel in Bonn", "tell me a joke", "please fly me to the city of Oslo"]
_PLAIN_TOKENS = 64  # that a bare generate may write


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    wanted: str
    measured: str


class Running:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, start: float) -> None:
        self.port = port
        self.begun = start
        self._process = psutil.Process(process.pid)

    def ask(self, path: str, body: Any = None) -> Any:
        """POST a body, or GET without one; the connection waits until the server is there."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            text = response.read().decode()
        return text if path == "/metrics" else json.loads(text)

    def first_answer(self, utterance: str) -> float:
        """Seconds from the process's start to its first answer."""
        while self._process.status() != psutil.STATUS_ZOMBIE:
            try:
                self.ask("/parse", {"utterance": utterance})
                return time.perf_counter() - self.begun
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionError):
                    raise
                time.sleep(0.01)
        raise SystemExit("The server has ended: see above.")

    def megabytes(self) -> float:
        """What of its memory is in use (RSS)."""
        return float(self._process.memory_info().rss / 1e6)

    def count_answered(self) -> int:
        """How many requests for an answer it has had."""
        lines = self.ask("/metrics").splitlines()
        counts = (x for x in lines if x.startswith("radu_requests_total{") and '"/parse"' in x)
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in counts)


@contextmanager
def serving(directory: Path, *, is_fake: bool) -> Iterator[Running]:
    """``radu serve`` of a directory, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(ROOT / "tests" / "serve_fake.py")] if is_fake else ["-m", "radu_core"]
    environment = {**os.environ, "RADU_SERVE_KEYS": KEY, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [sys.executable, *command, "serve", str(directory), "--port", str(port)],
            stderr=log,
            stdout=log,
            env=environment,
        ) as process,
    ):
        try:
            yield Running(process, port, start)
        except BaseException:
            log.seek(0)
            print(log.read().decode(errors="replace")[-2000:], file=sys.stderr)
            raise
        finally:
            process.terminate()


@contextmanager
def clients(server: Running, utterances: Sequence[str], **plan: Any) -> Iterator[Any]:
    """Clients that do what the plan says, in a process of their own."""
    whole = {"host": "127.0.0.1", "port": server.port, "key": KEY, "utterances": utterances}
    with subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / "serving_load.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({**whole, **plan}))
        process.stdin.close()
        yield process


def load(server: Running, utterances: Sequence[str], **plan: Any) -> dict[str, Any]:
    """What clients saw who did what the plan says."""
    with clients(server, utterances, **plan) as process:
        return answers_seen(process)


def answers_seen(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the clients have written at their end."""
    assert process.stdout is not None
    answers: dict[str, Any] = json.loads(process.stdout.read())
    return answers


def spread_text(answers: dict[str, Any]) -> str:
    """Median and 95th percentile."""
    if answers["failures"]:
        return f"{len(answers['failures'])} failed: {answers['failures'][0]}"
    times = sorted(answers["milliseconds"])
    return f"{statistics.median(times):.1f} / {times[int(0.95 * len(times))]:.1f} ms"


def versions(directory: Path, room: Path, *, is_fake: bool) -> list[Path]:
    """Two versions of a bundle, as directories in ``room``."""
    copies = []
    for number in (1, 2):
        copy = room / f"version-{number}"
        copies_by = shutil.copyfile if is_fake else os.link
        shutil.copytree(directory, copy, copy_function=copies_by)
        if is_fake:
            (copy / "model").write_text(f"travel {number}")
        else:
            file = copy / "bundle.json"
            manifest = json.loads(file.read_text("utf-8"))
            file.unlink()  # it's the bundle's own, by its other name
            manifest["studio"] += f"+{number}"
            file.write_text(json.dumps(manifest), "utf-8")
        copies.append(copy)
    return copies


def use(version: Path, place: Path) -> None:
    """Let ``place`` be a link to that version, all at once."""
    new = place.with_suffix(".new")
    new.symlink_to(version)
    os.replace(new, place)


def endure(
    directory: Path, utterances: Sequence[str], requests: int, *, is_fake: bool
) -> Iterator[Row]:
    """Many clients, and three reloads meanwhile."""
    with tempfile.TemporaryDirectory(dir=directory.resolve().parent) as room:
        both = versions(directory, Path(room), is_fake=is_fake)
        place = Path(room) / "bundle"
        use(both[0], place)
        with serving(place, is_fake=is_fake) as server:
            server.first_answer(utterances[0])
            load(server, utterances, clients=50, requests=500)
            memory, swaps, base = [server.megabytes()], 0, server.count_answered()
            with clients(server, utterances, clients=50, requests=requests) as process:
                for number in (1, 2, 3):
                    while server.count_answered() - base < requests * number / 4:
                        time.sleep(0.05)
                    use(both[number % 2], place)
                    swaps += server.ask("/reload", {})["changed"]
                    memory.append(server.megabytes())
                answers = answers_seen(process)
            memory.append(server.megabytes())
    sizes = " → ".join(f"{size:.0f}" for size in memory)
    yield Row(
        f"{len(answers['milliseconds']):,} requests, 50 clients, {swaps} reloads meanwhile",
        "0 failed, 0 mixed, memory flat",
        f"{len(answers['failures'])} failed, {count_mixed(answers)} mixed; {spread_text(answers)}; "
        f"{len(answers['milliseconds']) / answers['seconds']:.0f}/s",
    )
    yield Row("its memory: before, after each reload, at the end", "flat", f"{sizes} MB")


def count_mixed(answers: dict[str, Any]) -> int:
    """Utterances that one version has answered by different calls."""
    return sum(
        len(calls) > 1
        for by_utterance in answers["calls"].values()
        for calls in by_utterance.values()
    )


def measure_fast(
    directory: Path, utterances: Sequence[str], requests: int, *, is_fake: bool
) -> Iterator[Row]:
    """The rows about a fast bundle."""
    with serving(directory, is_fake=is_fake) as server:
        yield Row("start to first answer", "3 s", f"{server.first_answer(utterances[0]):.1f} s")
        load(server, utterances, clients=4, seconds=2)
        calm = load(server, utterances, rate=20, seconds=20)
        yield Row("p50 / p95 at 20 requests/s", "15 / 40 ms", spread_text(calm))
        busy = load(server, utterances, clients=50, seconds=10)
        rate = f"{len(busy['milliseconds']) / busy['seconds']:.0f} requests/s, {spread_text(busy)}"
        yield Row("at saturation, 50 clients", "150 requests/s", rate)
        yield Row("memory", "350 MB", f"{server.megabytes():.0f} MB")
    yield from endure(directory, utterances, requests, is_fake=is_fake)


def measure_full(directory: Path, utterances: Sequence[str]) -> Iterator[Row]:
    """The rows about a full bundle."""
    with serving(directory, is_fake=False) as server:
        first = f"{server.first_answer(utterances[0]):.1f} s"
        yield Row("full: start to first answer", "8 s", first)
        load(server, utterances, clients=1, requests=5)
        alone = load(server, utterances[5:], clients=1, requests=60)
        yield Row("full: p50 / p95, one at a time", "p50 350 ms", spread_text(alone))
        yield Row("full: memory", "1,200 MB", f"{server.megabytes():,.0f} MB")
    yield from compare_with_generate(directory, self_test_utterances(directory))


def compare_with_generate(directory: Path, utterances: Sequence[str]) -> Iterator[Row]:
    """Measure the full bundle beside a bare generate of its language model.

    It generates from the prompts for function and values of every utterance: in this process, one
    after the other. The bundle answers as it was weighed, then as if its language model counted
    where the head is unsure, then everywhere.
    """
    from latency import asking_always
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from radu_core.inference import FullParser
    from radu_core.inference.answers import Question
    from radu_core.inference.bundle import load_bundle
    from radu_core.inference.explain import explain
    from radu_core.retrieval import Query

    parser = load_bundle(directory).parser
    if not isinstance(parser, FullParser):
        raise SystemExit(f"{directory} is no full bundle.")
    eager = asking_always(parser)
    where_unsure = replace(parser.deferral, generator=1.0)
    weights = directory / "generator" / "model"
    tokenizer = AutoTokenizer.from_pretrained(weights)
    plain = AutoModelForCausalLM.from_pretrained(weights, dtype="float32").eval()

    def generate(prompt: str) -> Any:
        tokens = tokenizer(prompt, return_tensors="pt")
        return plain.generate(
            **tokens,
            max_new_tokens=_PLAIN_TOKENS,
            do_sample=False,
            pad_token_id=tokenizer.eos_token_id,
        )

    systems = {
        "as weighed": parser,
        "asked where the head is unsure": FullParser(parser.fast, parser.generator, where_unsure),
        "asked about everything": eager,
    }
    ours: dict[str, list[float]] = {name: [] for name in systems}
    theirs = []
    for utterance in utterances:
        for name, system in systems.items():  # the first embeds it, the others remember that
            ours[name].append(seconds(lambda s=system, u=utterance: s.parse_many([Query(u)])))
        prompts = list(explain(eager, Question(utterance)).prompts.values())
        theirs.append(seconds(lambda p=prompts: [generate(prompt) for prompt in p]))
    other = 1000 * statistics.median(theirs)
    for name, milliseconds in ours.items():
        one = 1000 * statistics.median(milliseconds)
        what = f"full, {name}, beside generate, {len(utterances)} utterances: p50"
        yield Row(what, "4 ×", f"{other / one:.1f} × ({one:.0f} and {other:.0f} ms)")


def seconds(work: Any) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def utterances_for(directory: Path, file: Path | None) -> list[str]:
    """What to ask a bundle: halves of a file's lines, or of what the bundle was tested with."""
    return exchange_ends(
        file.read_text("utf-8").splitlines() if file else self_test_utterances(directory)
    )


def self_test_utterances(directory: Path) -> list[str]:
    """The utterances of a bundle's self-test."""
    path = directory / "self-test.json"
    if not path.exists():
        raise SystemExit(f"{directory} holds no utterances: name a file of them by --utterances.")
    return [row["utterance"] for row in json.loads(path.read_text("utf-8"))]


def exchange_ends(texts: Sequence[str], count: int = 2_000) -> list[str]:
    """Beginnings of some texts with ends of others, and a number."""
    dice = random.Random(0)
    exchanged = []
    for number in range(count):
        first, second = (dice.choice(texts).split() for _ in range(2))
        words = [*first[: len(first) // 2], str(number % 100), *second[len(second) // 2 :]]
        exchanged.append(" ".join(words))
    return exchanged


def measure(options: argparse.Namespace) -> Iterator[Row]:
    """The rows about what was named."""
    if options.fake:
        with tempfile.TemporaryDirectory() as room:
            fake = Path(room) / "fake"
            fake.mkdir()
            (fake / "model").write_text("travel 0")
            yield from measure_fast(fake, exchange_ends(FAKE), options.requests, is_fake=True)
    if options.fast is not None:
        utterances = utterances_for(options.fast, options.utterances)
        yield from measure_fast(options.fast, utterances, options.requests, is_fake=False)
    if options.full is not None:
        yield from measure_full(options.full, utterances_for(options.full, options.utterances))


def main() -> None:
    """Measure what was named, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("fast", nargs="?", type=Path)
    parser.add_argument("--full", type=Path)
    parser.add_argument("--utterances", type=Path, help="one per line; default: the self-test's")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--fake", action="store_true")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"load {os.getloadavg()[0]:.1f}, cores {cores}\n", flush=True)
    print("| what | at least | measured |\n|---|---|---|")
    for row in measure(options):
        print(f"| {row.what} | {row.wanted} | {row.measured} |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
