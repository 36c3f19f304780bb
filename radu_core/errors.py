"""The exception tree. Every message says what was wrong, with the value, and the remedy."""

from __future__ import annotations

__all__ = [
    "AlignmentError",
    "ConflictError",
    "DamagedError",
    "DatasetError",
    "DiskFullError",
    "FormatError",
    "InputError",
    "MissingPackageError",
    "ModelError",
    "NotFoundError",
    "RaduError",
    "RunError",
    "SchemaError",
    "StaleIndexError",
    "StoreError",
    "StoreLockedError",
    "TemplateError",
]

_LONGEST_SHOWN = 120


class RaduError(Exception):
    """Root of everything the core raises on purpose.

    ``what`` says what was wrong, ``value`` is the offending value (shortened when shown) and
    ``remedy`` what the person can do about it. ``exit_code`` is what the shell returns.
    """

    exit_code = 2

    def __init__(self, what: str, *, value: object = None, remedy: str = "") -> None:
        self.what = what
        self.value = value
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = "" if self.value is None else f": {shorten(self.value)}"
        stop = "" if self.what.endswith((".", "!", "?")) and not text else "."
        return f"{self.what}{text}{stop} {self.remedy}".rstrip()


class InputError(RaduError):
    """The user's input can't be taken as it is."""


class SchemaError(InputError):
    """A schema contradicts itself or the rules of a module."""


class FormatError(InputError):
    """A file isn't in the format it was read as."""


class AlignmentError(InputError):
    """Given spans or a given template contradict the utterance or the arguments."""


class TemplateError(InputError):
    """A prompt template can't be parsed or rendered; ``line`` is the one that is wrong, from 1."""

    def __init__(
        self, what: str, *, value: object = None, remedy: str = "", line: int | None = None
    ) -> None:
        self.line = line
        super().__init__(what, value=value, remedy=remedy)


class NotFoundError(InputError):
    """A module, exemplar, run or file that was named doesn't exist."""


class ModelError(InputError):
    """A model can't be found, verified or loaded."""


class DatasetError(InputError):
    """A fine-tuning dataset can't be built or doesn't match its manifest."""


class MissingPackageError(RaduError):
    """A package that an extra brings isn't installed here; the remedy says which extra."""


class StaleIndexError(RaduError):
    """An index was built from other data than what is there now; it must be rebuilt."""


class ConflictError(RaduError):
    """The same thing was changed in between: by somebody else, or in another tab."""


class StoreError(RaduError):
    """The database can't be used."""


class DamagedError(RaduError):
    """Something of one module is in the database and can't be read; the rest of it can."""


class StoreLockedError(StoreError):
    """Another process holds the database."""


class DiskFullError(StoreError):
    """There is no space left where the studio keeps its state."""


class RunError(RaduError):
    """A training run can't be launched, found, stopped or read."""


def shorten(value: object, limit: int = _LONGEST_SHOWN) -> str:
    """``repr`` of a value, cut in the middle so that a message stays readable."""
    text = repr(value)
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2
    return f"{text[:half]}…{text[-half:]}"
