"""Tokens of the annotation route: who, on which module, until when; signed by the workspace.

The route has no session of its own: whoever has a token may decide in that name until it expires.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

from radu_core.workflows.frame.signing import LIFE, TokenError, signer
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["LONGEST", "Bearer", "make_token", "read_token", "renew"]

LONGEST = 24 * 3600  # seconds that renewed ones last, from the first that a page made
_SALT = "annotate"


@dataclass(frozen=True)
class Bearer:
    """Who has a token, for which module.

    ``age`` in seconds, ``since`` when the page made the first one (seconds since 1970).
    """

    who: str
    module: str
    age: float
    since: int

    @property
    def is_old(self) -> bool:
        """Whether less than half of its life is left."""
        return self.age > LIFE / 2


def make_token(workspace: Workspace, *, who: str, module: str) -> str:
    """A token for ``who`` on ``module``, good for twelve hours.

    Only a page that knows who is logged in may make one.
    """
    return _sign(workspace, who, module, int(time.time()))


def renew(workspace: Workspace, bearer: Bearer) -> str:
    """A newer token instead of one; both end 24 hours after the first, whatever happens."""
    return _sign(workspace, bearer.who, bearer.module, bearer.since)


def _sign(workspace: Workspace, who: str, module: str, since: int) -> str:
    return str(_serializer(workspace).dumps({"who": who, "module": module, "since": since}))


def read_token(workspace: Workspace, token: str) -> Bearer:
    """Who has this token; ``TokenError`` when it has expired or was never made here."""
    try:
        data, signed_at = _serializer(workspace).loads(token, max_age=LIFE, return_timestamp=True)
        who, module, since = str(data["who"]), str(data["module"]), int(data["since"])
        if time.time() - since > LONGEST:
            raise ValueError("renewed for too long")
    except (BadData, KeyError, TypeError, ValueError) as error:
        raise TokenError(
            "This page's token has expired or isn't one of this studio's",
            remedy="Reload the page; what isn't saved yet is kept in the browser and sent then.",
        ) from error
    return Bearer(who, module, time.time() - signed_at.timestamp(), since)


def _serializer(workspace: Workspace) -> URLSafeTimedSerializer:
    return signer(workspace, _SALT)
