"""JSON in the database's columns: read back before it is stored, and explained if it can't be read.

What can't be read is of one module, and says so; other modules know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import ValidationError

from radu_core.errors import DamagedError, InputError, SchemaError, shorten
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json, parse_json
from radu_core.schema import Schema

__all__ = [
    "exemplar_text",
    "read_exemplar",
    "read_json_column",
    "read_schema",
    "read_settings",
    "schema_text",
    "settings_text",
]

_T = TypeVar("_T", AnnotatedExemplar, Schema)
_BACKUP = "Restore a backup: radu restore FILE."


def exemplar_text(exemplar: AnnotatedExemplar) -> str:
    """The JSON of an exemplar; ``InputError`` if reading it back wouldn't give the same."""
    return _read_back(exemplar, AnnotatedExemplar.model_validate_json, f"Exemplar {exemplar.id}")


def schema_text(schema: Schema) -> str:
    """The JSON of a schema; ``InputError`` if reading it back wouldn't give the same."""
    return _read_back(schema, Schema.model_validate_json, f"The schema of {schema.module}")


def settings_text(settings: Mapping[str, Any]) -> str:
    """The JSON of a module's settings; ``InputError`` if one holds a number that can't be read."""
    text = canonical_json(dict(settings))
    try:
        parse_json(text)
    except ValueError as error:
        raise InputError(
            f"That setting can't be stored ({error})", remedy="Nothing was stored."
        ) from error
    return text


def _read_back(value: _T, read: Callable[[str], _T], what: str) -> str:
    try:
        text = value.model_dump_json()
        same = read(text).model_dump_json() == text
    except (ValueError, SchemaError) as error:
        raise InputError(
            f"{what} can't be stored: it couldn't be read again ({_reason(error)})",
            remedy="Correct that value; nothing was stored.",
        ) from error
    if not same:
        raise InputError(
            f"{what} can't be stored: reading it again gives something else",
            remedy="Correct its values; nothing was stored.",
        )
    return text


def read_exemplar(text: str, *, module: str, id: str) -> AnnotatedExemplar:
    """An exemplar as it is stored; ``DamagedError`` names it if it can't be read."""
    delete = f"{_BACKUP} Or delete it: radu exemplars delete {id} --module {module}."
    with _explaining(f"Exemplar {id} of {module}", _BACKUP if " " in module else delete):
        return AnnotatedExemplar.model_validate_json(text)


def read_schema(text: str, *, module: str) -> Schema:
    """A schema as it is stored; ``DamagedError`` with the remedy if it can't be read."""
    replace = (
        f"Replace it: radu init --module {module} --schema FILE --replace. Or restore a backup."
    )
    with _explaining(f"The schema of {module}", replace):
        return Schema.model_validate_json(text)


def read_settings(text: str | None, *, module: str) -> dict[str, Any]:
    """A module's settings as they are stored; empty by default."""
    return dict(read_json_column(text or "{}", f"The settings of {module}", dict))


def read_json_column(text: str, what: str, kind: type) -> Any:
    """The JSON of a column; ``DamagedError`` if it is none, or isn't of that kind."""
    with _explaining(what, _BACKUP):
        value = parse_json(text)
        if not isinstance(value, kind):
            raise ValueError(f"it is {shorten(value, 40)}")
        return value


@contextmanager
def _explaining(what: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError, SchemaError) as error:
        raise DamagedError(
            f"{what} can't be read from the database ({_reason(error)})", remedy=remedy
        ) from error


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}".removeprefix(": ")
