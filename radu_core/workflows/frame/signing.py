"""Signed tokens of a workspace: by them the studio's own routes know whom a page let in."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from itsdangerous import URLSafeTimedSerializer

from radu_core.errors import InputError
from radu_core.files import disk_errors
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["LIFE", "TokenError", "signer"]

_KEY = "annotation.key"


LIFE = 12 * 3600  # seconds that a token is good for


class TokenError(InputError):
    """A token is expired, or isn't one of this workspace's."""


def signer(workspace: Workspace, use: str) -> URLSafeTimedSerializer:
    """What signs and reads tokens of one ``use``; those of another use aren't its own."""
    return URLSafeTimedSerializer(_secret(workspace.home / _KEY), salt=use)


def _secret(path: Path) -> bytes:
    """The key, made once: of several processes that make one, the first to name it wins."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    with disk_errors(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_hex(32).encode())
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            Path(temporary).unlink(missing_ok=True)
    return path.read_bytes()
