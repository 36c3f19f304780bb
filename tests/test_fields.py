"""What is wrong with a value, in words, and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from radu_core.fields import expectation, wrong_fields, wrong_lines


class Inner(BaseModel):
    order: Literal["up", "down"] = "up"


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    place: Path
    size: int = Field(default=8, ge=1, le=512)
    least: int | None = Field(default=None, ge=16)
    rate: float | None = Field(default=None, gt=0, le=1)
    share: float = Field(default=0.0, ge=0, lt=1)
    how: Literal["lora", "full", "qlora"] = "lora"
    on: bool = False
    name: str = Field(default="x", min_length=1)
    targets: str | tuple[str, ...] = "all"
    inner: Inner = Inner()

    @field_validator("on")
    @classmethod
    def _never(cls, value: bool) -> bool:
        if value:
            raise ValueError("it can't be on; leave it off")
        return value


def refused(data: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(data)
    return caught.value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("place", "a path"),
        ("size", "a whole number from 1 to 512"),
        ("least", "a whole number of at least 16, or nothing"),
        ("rate", "a number above 0 and at most 1, or nothing"),
        ("share", "a number from 0 to below 1"),
        ("how", "lora, full or qlora"),
        ("on", "true or false"),
        ("name", "text that isn't empty"),
        ("targets", "text or a list of words"),
    ],
)
def test_what_a_field_takes(name: str, words: str) -> None:
    assert expectation(Settings.model_fields[name]) == words


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"size": 0}, "size: give a whole number from 1 to 512 (got 0)"),
        ({"size": "a"}, "size: give a whole number from 1 to 512 (got 'a')"),
        ({"rate": "fast"}, "rate: give a number above 0 and at most 1, or nothing (got 'fast')"),
        ({"how": "both"}, "how: give lora, full or qlora (got 'both')"),
        ({"targets": 3}, "targets: give text or a list of words (got 3)"),
        ({"targets": ["a", 3]}, "targets: give text or a list of words (got ['a', 3])"),
        ({"on": True}, "on: it can't be on; leave it off (got True)"),
        ({"sizes": 1}, "sizes: there is no such setting; did you mean size? (got 1)"),
        ({"zzz": 1}, "zzz: there is no such setting (got 1)"),
        ({"inner": {"order": "sideways"}}, "order: give up or down (got 'sideways')"),
    ],
)
def test_a_line_says_field_remedy_and_value(data: dict[str, object], line: str) -> None:
    assert wrong_lines(refused({"place": "p", **data}), Settings) == line


def test_what_is_missing_or_no_settings_at_all() -> None:
    assert wrong_lines(refused({}), Settings) == "place: it is missing; give a path"
    assert wrong_lines(refused([1]), Settings) == (
        "settings are needed, each as name: value (got [1])"
    )


def test_each_field_once_and_the_rest_counted() -> None:
    error = refused({"size": 0, "targets": 3, "how": 1})
    assert list(wrong_fields(error, Settings)) == ["place", "size", "how", "targets"]
    assert wrong_lines(error, Settings, most=1) == ("place: it is missing; give a path; and 3 more")
