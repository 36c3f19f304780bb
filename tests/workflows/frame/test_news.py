"""Runs that have ended are told to each person once, and stay marked until they are seen."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from conftest import MODULE

from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.news import is_at_work, mark_seen, take_news
from radu_core.workflows.frame.people import recall, remember
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.manage_runs import rename


def made(space: Workspace, day: int) -> RunDirectory:
    """A run under way: its process is this one."""
    config = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(space.runs, config, now=datetime(2026, 1, day, tzinfo=UTC))
    own = psutil.Process()
    run.write_process(own.pid, own.create_time())
    run.append("state", state="running")
    return run


def test_what_ended_before_somebody_came_isnt_news(workspace: Workspace) -> None:
    made(workspace, 1).append("state", state="finished")
    assert take_news(workspace, "ann").new == ()
    assert take_news(workspace, "ann").new == ()


def test_an_end_is_told_once_and_marked_until_seen(workspace: Workspace) -> None:
    for who in ("ann", "bob"):
        take_news(workspace, who, now=time.time() - 1)
    run = made(workspace, 1)
    assert is_at_work(workspace)
    assert take_news(workspace, "ann").new == ()
    rename(workspace, run.id, "first try")
    run.append("state", state="finished")
    assert not is_at_work(workspace)
    [told] = take_news(workspace, "ann").new
    assert (told.run, told.module, told.sentence) == (run.id, MODULE, "first try has finished")
    again = take_news(workspace, "ann")
    assert (again.new, again.unseen) == ((), (told,))
    assert take_news(workspace, "bob").new == (told,)  # each person is told
    mark_seen(workspace, "ann", ["another"])
    assert take_news(workspace, "ann").unseen == (told,)
    mark_seen(workspace, "ann", [run.id])
    assert take_news(workspace, "ann").unseen == ()
    assert take_news(workspace, "bob").unseen == (told,)
    mark_seen(workspace, "bob")
    assert take_news(workspace, "bob").unseen == ()


def test_a_run_that_is_resumed_is_told_again(workspace: Workspace) -> None:
    take_news(workspace, "ann", now=time.time() - 1)
    run = made(workspace, 1)
    run.append("state", state="failed", reason="The disk is full.")
    assert [end.state for end in take_news(workspace, "ann").new] == ["failed"]
    time.sleep(0.01)
    run.append("state", state="running")
    assert take_news(workspace, "ann").unseen == ()  # it isn't ended any more
    run.append("state", state="finished")
    assert [end.state for end in take_news(workspace, "ann").new] == ["finished"]


def test_each_open_tab_is_told_and_one_opened_later_isnt(workspace: Workspace) -> None:
    opened = time.time() - 1
    take_news(workspace, "ann", now=opened)
    made(workspace, 1).append("state", state="finished")
    [told] = take_news(workspace, "ann", open_since=opened).new
    assert take_news(workspace, "ann", open_since=opened, told_here={told.key}).new == ()
    assert take_news(workspace, "ann", open_since=opened).new == (told,)  # another tab
    assert take_news(workspace, "ann", open_since=time.time()).new == ()
    mark_seen(workspace, "ann")
    assert take_news(workspace, "ann", open_since=opened).new == ()


def test_a_run_that_somebody_stopped_isnt_news(workspace: Workspace) -> None:
    take_news(workspace, "ann", now=time.time() - 1)
    made(workspace, 1).append("state", state="stopped", reason="")
    assert take_news(workspace, "ann").new == ()


def test_a_lost_run_is_told(workspace: Workspace) -> None:
    take_news(workspace, "ann", now=time.time() - 1)
    run = made(workspace, 1)
    (run.path / "heartbeat").touch()
    run.write_process(2**22 + 1, 0.0)
    [told] = take_news(workspace, "ann").new
    assert told.sentence == f"{run.id} is lost"
    assert take_news(workspace, "ann").new == ()


def test_however_many_runs_end_each_is_told_once(workspace: Workspace) -> None:
    take_news(workspace, "ann", now=time.time() - 1000)
    config = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    first = datetime(2026, 1, 1, tzinfo=UTC)
    ended = [
        RunDirectory.create(workspace.runs, config, now=first + timedelta(minutes=n))
        for n in range(205)
    ]
    for run in ended:
        run.append("state", state="finished")
    assert len(take_news(workspace, "ann").new) == 205
    assert take_news(workspace, "ann").new == ()
    assert len(take_news(workspace, "ann").unseen) == 205
    for run in ended[:200]:
        shutil.rmtree(run.path)
    made(workspace, 2).append("state", state="failed")
    assert [end.state for end in take_news(workspace, "ann").new] == ["failed"]
    known = recall(workspace, "ann")
    assert (len(known["runs told"]), len(known["runs unseen"])) == (6, 6)  # those still there


def test_what_is_remembered_of_a_person_stays_when_more_is(workspace: Workspace) -> None:
    assert recall(workspace, "../ann") == {}
    remember(workspace, "../ann", {"a": 1})
    remember(workspace, "../ann", {"b": [2]})
    assert recall(workspace, "../ann") == {"who": "../ann", "a": 1, "b": [2]}
    [path] = (workspace.home / "people").iterdir()
    path.write_text("[1")
    assert recall(workspace, "../ann") == {}
