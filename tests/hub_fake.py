"""A model hub on this machine: the few endpoints that a push needs, and what it was sent."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_valid"
OWNER = "me"


class Hub:
    """Repositories of one owner: path → content, of the commit that was made last."""

    def __init__(self) -> None:
        self.url = ""
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.commits: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.commit_status = 200

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any]:
        """Status and JSON."""
        self.calls.append(f"{method} {path}")
        if path.startswith("/lfs/"):  # a signed address needs no token
            self.objects[path.removeprefix("/lfs/")] = body
            return 200, {}
        if token != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        if path == "/api/whoami-v2":
            return 200, {"name": OWNER, "type": "user"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path.endswith("/info/lfs/objects/batch"):
            return 200, self._batch(json.loads(body))
        name, _, rest = path.removeprefix("/api/models/").partition("/preupload/")
        if rest:
            return 200, {"files": [_mode(f) for f in json.loads(body)["files"]]}
        name, _, rest = path.removeprefix("/api/models/").partition("/commit/")
        if rest:
            return self._commit(name, body)
        if name in self.repositories:
            return 200, {"id": name, "sha": "0" * 40, "siblings": [], "tags": []}
        return 404, {"error": "Repository not found"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        owner = asked.get("organization") or OWNER
        name = f"{owner}/{asked['name']}"
        if owner != OWNER:
            return 403, {"error": "You don't have the rights to create a model there"}
        if name in self.repositories:
            return 409, {"error": "You already created this model repo"}
        self.repositories[name] = {}
        self.private[name] = "private" in (
            asked.get("visibility"),
            asked.get("private") and "private",
        )
        return 200, {"url": f"{self.url}/{name}", "id": name, "name": name}

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "transfer": "basic",
            "objects": [
                {**each, "actions": {"upload": {"href": f"{self.url}/lfs/{each['oid']}"}}}
                for each in asked["objects"]
            ],
        }

    def _commit(self, name: str, body: bytes) -> tuple[int, Any]:
        if self.commit_status != 200:
            return self.commit_status, {"error": "The hub is out of order"}
        lines = [json.loads(line) for line in body.decode().splitlines()]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                content = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.objects[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
            else:
                self.commits.append(value["summary"])
                continue
            self.repositories[name][value["path"]] = content
        oid = f"{len(self.commits):040x}"
        return 200, {"commitUrl": f"{self.url}/{name}/commit/{oid}", "commitOid": oid}


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    is_large = file["path"].endswith((".safetensors", ".onnx", ".gguf"))
    mode = "lfs" if is_large else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            token = self.headers.get("Authorization", "")
            status, data = hub.answer(self.command, path, body, token)
            text = json.dumps(data).encode()
            self.send_response(status)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 (the names that the server looks for)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
