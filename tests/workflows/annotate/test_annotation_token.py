"""Tokens: who and what they say, when they end, and the key they are signed with."""

from __future__ import annotations

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from radu_core.workflows.annotate.token import make_token, read_token
from radu_core.workflows.frame.signing import LIFE, TokenError
from radu_core.workflows.frame.workspace import Workspace


def test_a_token_says_who_and_where(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    token = make_token(workspace, who="ann 👩🏽‍🚀", module="x_y_en")
    bearer = read_token(workspace, token)
    assert (bearer.who, bearer.module, bearer.is_old) == ("ann 👩🏽‍🚀", "x_y_en", False)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFE / 2 + 60)
    assert read_token(workspace, token).is_old
    monkeypatch.setattr(time, "time", lambda: now + LIFE + 60)
    with pytest.raises(TokenError, match="expired"):
        read_token(workspace, token)


def test_a_token_of_another_workspace_isnt_ours(workspace: Workspace, tmp_path: Path) -> None:
    other = make_token(Workspace(tmp_path / "other"), who="ann", module="x_y_en")
    for token in (other, "", "nonsense", other[:-1], "é"):
        with pytest.raises(TokenError):
            read_token(workspace, token)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    space = Workspace(tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda n: make_token(space, who=str(n), module="m"), range(8)))
    assert [read_token(space, t).who for t in tokens] == [str(n) for n in range(8)]
    [key] = (tmp_path / "home").iterdir()
    assert (key.name, stat.S_IMODE(key.stat().st_mode)) == ("annotation.key", 0o600)
    assert len(key.read_bytes()) == 64
