"""How several processes end, with small programs in place of the ranks; none of them trains."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE

from radu_core.errors import RunError
from radu_core.files import write_json
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker import ranks

SAID = """
import json, os, pathlib, sys, time
run = pathlib.Path(sys.argv[1])
def tell(rank, reason):
    new = run / f".{rank}"
    new.write_text(json.dumps({"at": time.time(), "reason": reason}))
    os.replace(new, run / f"rank-{rank}.json")
    sys.exit(1)
"""
ECHO = "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed"
NAN = "The loss became nan at step 3. Use a lower learning rate."
BUSY = (
    "DistNetworkError: failed to listen, port: 4711, code: -98, name: EADDRINUSE, message: in use"
)
Ranks = Callable[..., list[subprocess.Popen[bytes]]]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m", processes=2)
    return RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def do(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> Ranks:
    """Distribute over processes that do these scripts; they, once it is over."""

    def distributed(*scripts: str, gone: bool = False) -> list[subprocess.Popen[bytes]]:
        started = [
            subprocess.Popen([sys.executable, "-c", SAID + script, str(run.path)])
            for script in scripts
        ]
        monkeypatch.setattr(ranks, "_start", lambda *_: started)
        ranks.distribute(run, run.path, len(scripts), is_gone=lambda: gone, stopping=lambda: False)
        return started

    return distributed


def test_it_is_over_when_the_first_has_ended_well(do: Ranks) -> None:
    first, second = do("", "time.sleep(60)")
    assert (first.returncode, second.returncode) == (0, -signal.SIGKILL)


def test_what_others_meet_once_the_first_is_done_is_no_failure(
    do: Ranks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "_GRACE", 60.0)
    first, second = do("", "sys.exit(1)")
    assert (first.returncode, second.returncode) == (0, 1)


def test_one_that_fails_ends_all(do: Ranks) -> None:
    with pytest.raises(RunError, match="Process 2 of the run's 2 ended with code 7"):
        do("time.sleep(60)", "sys.exit(7)")


def test_the_reason_is_waited_for_when_its_echo_comes_first(
    do: Ranks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "_GRACE", 60.0)
    later = "while not (run / 'rank-0.json').exists(): time.sleep(0.01)\ntime.sleep(0.3)\n"
    with pytest.raises(RunError) as caught:
        do(f"tell(0, {ECHO!r})", f"{later}tell(1, {NAN!r})")
    assert str(caught.value) == NAN


def test_a_deleted_run_ends_all_and_is_no_failure(do: Ranks) -> None:
    assert [p.returncode for p in do("time.sleep(60)", "time.sleep(60)", gone=True)] == [-9, -9]


@pytest.mark.parametrize(
    ("codes", "told", "reason"),
    [
        ([1, 1], {0: (2.0, NAN), 1: (1.0, "Out of memory")}, "Out of memory"),
        ([1, 1], {0: (1.0, ECHO), 1: (2.0, NAN)}, NAN),
        ([1, None], {0: (1.0, NAN)}, NAN),
        ([1, -9], {0: (1.0, ECHO)}, "Process 2 of the run's 2 was ended by signal 9."),
        ([-6, 1], {1: (1.0, NAN)}, NAN),  # NCCL's watchdog aborts what waits for a lost one
        ([1, 1], {0: (2.0, ECHO + " b"), 1: (1.0, ECHO + " a")}, ECHO + " a"),
        ([1, None], {0: (1.0, BUSY)}, "Another program took the port that the run's processes"),
        ([None, 3], {}, "Process 2 of the run's 2 ended with code 3."),
    ],
)
def test_the_reason_is_the_cause(
    run: RunDirectory, codes: list[int | None], told: dict[int, tuple[float, str]], reason: str
) -> None:
    for rank, (at, said) in told.items():
        write_json(run.path / f"rank-{rank}.json", {"at": at, "reason": said})
    assert ranks._reason(run, codes).startswith(reason)


def test_what_a_process_tells_is_read(run: RunDirectory) -> None:
    ranks.tell(run, 1, NAN)
    (run.path / "rank-0.json").write_text("{", encoding="utf-8")  # killed while it wrote
    assert ranks._reason(run, [1, 1]) == NAN


def test_the_port_is_nobody_elses_and_torch_can_listen_on_it() -> None:
    from torch.distributed import TCPStore

    with ranks._reserved_port() as port:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("", port))
        store = TCPStore("127.0.0.1", port, 1, is_master=True)
        store.set("word", "said")
        assert TCPStore("127.0.0.1", port, 1, is_master=False).get("word") == b"said"
