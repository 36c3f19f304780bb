"""``session.js`` and ``journal.js`` against a server that answers as it is told to."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

_SETUP = """
  localStorage.clear();
  sessionStorage.clear();
  const { Session } = await import("/session.js");
  const item = (id, revision = 1) => ({
    id, revision, utterance: `to Oslo ${id}`, function: "fly", outcome: "ambiguous", arguments: [],
    spans: [], implied: [], readings: [], opinions: [], comments: [],
  });
  const sent = [];
  let answer = () => ({});
  window.fetch = async (route, { body }) => {
    const request = JSON.parse(body);
    if (request.ops) sent.push(...request.ops.map((op) => ({ ...op, token: request.token })));
    const given = answer(request, route) ?? {};
    if (given.offline) throw new TypeError("offline");
    const reply = { acks: [], items: [], counts: {}, progress: null, others: null, token: null };
    const status = given.status ?? 200;
    return new Response(JSON.stringify({ ...reply, ...given }), { status });
  };
  const stored = (ops) => ops.map((op) => (
    { seq: op.seq, status: "stored", revision: op.revision + 1, message: "", item: null }));
  const serve = (...ids) => ({ ops, want }) => (
    { acks: stored(ops ?? []), items: want ? ids.map((id) => item(id)) : [] });
  const contradict = (...ids) => ({ ops, want }) => ({
    acks: (ops ?? []).map((op) => (
      { seq: op.seq, status: "conflict", revision: 5, message: "bo did", item: item("1", 5) })),
    items: want ? ids.map((id) => item(id)) : [],
  });
  const config = (more = {}) => ({
    who: "ann", module: "a_b_en", language: "en", token: "mine", filter: {}, version: "",
    route: "/radu/annotate", renew: () => {}, ...more,
  });
  const settled = () => new Promise((done) => setTimeout(done, 60));
  const open = async (more) => {
    const session = await Session.open(config(more), () => {});
    session.start();
    await settled();
    return session;
  };
"""


def run(page: Page, steps: str) -> Any:
    return page.evaluate("async () => {" + _SETUP + steps + "}")


def test_what_isnt_acknowledged_stays_and_is_sent_again(modules: Page) -> None:
    found = run(
        modules,
        """
        answer = serve("1", "2");
        const session = await open();
        answer = () => ({ offline: true });
        session.decide("skip", {}, "skipped");
        await settled();
        const kept = session.journal.ops.length;
        answer = ({ ops }) => ({ acks: stored(ops ?? []) });
        session.retry();
        await settled();
        session.close();
        return { kept, left: session.journal.ops.length, sent: sent.map((op) => op.seq) };
        """,
    )
    assert (found["kept"], found["left"]) == (1, 0)
    assert set(found["sent"]) == {1}


def test_a_chain_names_the_operation_before(modules: Page) -> None:
    found = run(
        modules,
        """
        answer = serve("1", "2");
        const session = await open();
        session.decide("skip", {}, "x");
        await settled();
        session.undo();
        await settled();
        session.decide("skip", {}, "x");
        session.undo();
        await settled();
        session.close();
        return sent.map((op) => [op.kind, op.seq, op.after]);
        """,
    )
    assert found == [["skip", 1, None], ["undo", 2, 1], ["skip", 3, 2], ["undo", 4, 3]]


def test_a_conflict_brings_the_item_back_with_ones_own_version(modules: Page) -> None:
    """Even when the page was reloaded in between: it stands in the operation."""
    found = run(
        modules,
        """
        answer = ({ want }) => (want ? { items: [item("1"), item("2")] } : {});
        const first = await open();
        answer = () => ({ offline: true });
        const said = { function: "fly", arguments: {}, spans: [], implied: [], reading: 0 };
        first.decide("decide", said, "accepted");
        await settled();
        first.close();
        answer = contradict("2");
        const second = await open();
        await settled();
        const shown = [second.current, ...second.items].find((i) => i?.id === "1");
        second.close();
        return { same: first.journal.client === second.journal.client, problem: shown?.problem };
        """,
    )
    assert found["same"] is True
    assert found["problem"]["message"] == "bo did"
    assert found["problem"]["mine"]["fields"] == {
        "function": "fly",
        "arguments": {},
        "spans": [],
        "implied": [],
        "reading": 0,
    }


def test_another_modules_journal_never_touches_this_ones_items(modules: Page) -> None:
    found = run(
        modules,
        """
        answer = ({ want }) => (want ? { items: [item("1")] } : {});
        const other = await open({ module: "c_d_en", token: "theirs" });
        answer = () => ({ offline: true });
        other.decide("skip", {}, "x");
        await settled();
        other.close();
        answer = contradict("1");
        const session = await open();
        await settled();
        const { problem = null, revision } = session.current;
        const tokens = [...new Set(sent.map((op) => op.token))];
        session.close();
        return { problem, revision, notice: session.notice, tokens };
        """,
    )
    assert (found["problem"], found["revision"]) == (None, 1)
    assert found["notice"] == "A decision of ann in c_d_en couldn't be stored: bo did"
    assert found["tokens"] == ["theirs"]


def test_a_full_storage_does_nothing_by_halves(modules: Page) -> None:
    found = run(
        modules,
        """
        answer = ({ want }) => (want ? { items: [item("1"), item("2")] } : {});
        const session = await open();
        const real = Storage.prototype.setItem;
        Storage.prototype.setItem = function (key, value) {
          if (key.includes(":op:")) throw new DOMException("full", "QuotaExceededError");
          return real.call(this, key, value);
        };
        const done = session.decide("skip", {}, "x");
        Storage.prototype.setItem = real;
        session.close();
        const left = session.journal.ops.length;
        return { done, shown: session.current.id, left, problem: session.problem };
        """,
    )
    assert (found["done"], found["shown"], found["left"]) == (False, "1", 0)
    assert "storage is full. Nothing was lost" in found["problem"]
