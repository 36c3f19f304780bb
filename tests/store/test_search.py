"""Searching for exemplars."""

from __future__ import annotations

from conftest import MODULE

from radu_core.workflows.frame.workspace import Workspace


def found(space: Workspace, text: str, limit: int = 20) -> list[str]:
    return [e.exemplar.id for e in space.store.search(MODULE, text, limit=limit)]


def test_every_word_is_looked_for_in_utterance_function_values_and_id(loaded: Workspace) -> None:
    assert found(loaded, "hotel paris") == ["h00", "h02", "h04"]
    assert found(loaded, "BOOK_FLIGHT oslo please") == ["f00"]
    assert found(loaded, "n01") == ["n01"]
    assert found(loaded, "hotel oslo") == []
    assert found(loaded, "%") == found(loaded, "f_0") == []  # signs mean themselves


def test_without_words_the_first_by_id_are_found(loaded: Workspace) -> None:
    assert found(loaded, "", limit=2) == ["a00", "f00"]
    assert found(loaded, "  ", limit=1) == ["a00"]
    assert loaded.store.search("no_such_module", "") == []
