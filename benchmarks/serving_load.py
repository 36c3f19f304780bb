"""Clients of ``benchmarks/serving.py``, in a process of their own: reads a plan, writes what came.

A plan is a JSON object on stdin. ``rate`` sends that many requests a second for ``seconds`` and
counts a request's time from when it was due, so that a server that falls behind is seen to. Without
it ``clients`` each send the next request when they have their answer, for ``seconds`` or until
there are ``requests``. The sockets are read by hand: a client library would take more of the
machine than the server that is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Plan:
    """What to send, and how fast."""

    host: str
    port: int
    utterances: list[str]
    key: str = ""
    rate: float = 0.0
    clients: int = 1
    seconds: float = 0.0
    requests: int = 0


@dataclass
class Seen:
    """What came back. ``calls``: version → utterance → the different calls that it gave."""

    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    calls: dict[str, dict[str, list[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    sent: int = 0

    def note(self, status: int, body: bytes, milliseconds: float) -> None:
        self.milliseconds.append(milliseconds)
        if status != 200:
            self.failures.append(f"{status} {body[:200]!r}")
            return
        answer = json.loads(body)
        call = json.dumps([answer["function"], answer["arguments"]], sort_keys=True)
        call_before = self.calls[answer["version"]][answer["utterance"]]
        if call not in call_before:
            call_before.append(call)


class Connection:
    """One client's connection, which stays open."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """The status and body of the response."""
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.plan.host, self.plan.port)
        reader, writer = self.streams
        writer.write(
            f"POST /parse HTTP/1.1\r\nHost: {self.plan.host}\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {self.plan.key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def ask(connection: Connection, tally: Seen, due: float) -> None:
    """Send the next request and note what comes."""
    utterances = connection.plan.utterances
    body = json.dumps({"utterance": utterances[tally.sent % len(utterances)]}).encode()
    tally.sent += 1
    try:
        status, answer = await connection.post(body)
    except (OSError, asyncio.IncompleteReadError) as error:
        connection.close()
        tally.failures.append(repr(error))
        return
    tally.note(status, answer, 1000 * (time.perf_counter() - due))


async def send_in_turn(plan: Plan) -> Seen:
    """Each client asks again when it has its answer."""
    answers_seen, end = Seen(), time.perf_counter() + plan.seconds

    async def client() -> None:
        connection = Connection(plan)
        while answers_seen.sent < plan.requests if plan.requests else time.perf_counter() < end:
            await ask(connection, answers_seen, time.perf_counter())
        connection.close()

    await asyncio.gather(*(client() for _ in range(plan.clients)))
    return answers_seen


async def send_at_rate(plan: Plan) -> Seen:
    """A request whenever one is due, whether or not the ones before are answered."""
    answers_seen, free = Seen(), list[Connection]()
    start = time.perf_counter()

    async def one(due: float) -> None:
        connection = free.pop() if free else Connection(plan)
        await ask(connection, answers_seen, due)
        free.append(connection)

    async with asyncio.TaskGroup() as running:
        for number in range(int(plan.rate * plan.seconds)):
            due = start + number / plan.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            running.create_task(one(due))
    for connection in free:
        connection.close()
    return answers_seen


def main() -> None:
    """Do what the plan says, and print what came."""
    plan = Plan(**json.load(sys.stdin))
    start = time.perf_counter()
    answers_seen = asyncio.run(send_at_rate(plan) if plan.rate else send_in_turn(plan))
    result: dict[str, Any] = {
        "seconds": time.perf_counter() - start,
        "milliseconds": answers_seen.milliseconds,
        "failures": answers_seen.failures,
        "calls": answers_seen.calls,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
