"""Home: what is damaged is said, and takes nothing else down."""

from __future__ import annotations

from conftest import MODULE
from deciding import decide
from tuned_run import make_taught_run

from radu_core.schema import parse_schema
from radu_core.workflows.coverage.report import build_index, load_index
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels

OTHER = {"module": "acme_bank_en", "functions": [{"name": "pay"}]}


def test_a_damaged_index_is_a_note_and_is_built_again(loaded: Workspace) -> None:
    loaded.store.put_schema(parse_schema(OTHER), who="t")
    built = build_index(loaded, MODULE)
    assert [(f.module, f.indexed, f.notes) for f in funnels(loaded)] == [
        ("acme_bank_en", 0, ()),
        (MODULE, len(built.exemplars), ()),
    ]
    (loaded.index(MODULE) / "meta.json").write_text("{}")
    funnel = funnels(loaded)[1]
    assert (funnel.loaded, funnel.resolved, funnel.indexed) == (15, 13, 0)
    assert funnel.notes[0].startswith(f"The index in {loaded.index(MODULE)} is damaged")
    assert load_index(loaded, MODULE).fingerprint == built.fingerprint
    assert funnels(loaded)[1].notes == ()
    (loaded.index(MODULE) / "vectors.npz").write_bytes(b"PK")
    assert load_index(loaded, MODULE).exemplars == built.exemplars


def test_home_counts_what_the_queues_hold(loaded: Workspace) -> None:
    assert funnels(loaded)[0].waiting == 2
    loaded.store.flag(MODULE, {"f00": "the model said none", "u00": "again"}, who="e")
    assert funnels(loaded)[0].waiting == 3
    decide(loaded, "discard", "a00", reason="a poem")
    assert (funnels(loaded)[0].waiting, funnels(loaded)[0].next.label) == (2, "Annotate 2")


def test_what_answers_nothing_isnt_to_be_evaluated(loaded: Workspace) -> None:
    for exemplar in ("a00", "u00"):
        decide(loaded, "discard", exemplar, reason="unclear")
    build_index(loaded, MODULE)
    make_taught_run(loaded, MODULE)
    found = funnels(loaded)[0]
    assert (found.trained > 0, found.next.page, found.next.label) == (True, "train", "Launch a run")
    assert "no run answers utterances yet" in found.next.why
