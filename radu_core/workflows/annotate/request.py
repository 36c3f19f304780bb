"""What the annotation page's browser sends. Nothing in it is trusted."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeGuard, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from radu_core.errors import InputError, shorten
from radu_core.numbers import LARGEST_INTEGER
from radu_core.schema import Scalar, Value
from radu_core.store.derived import QUEUES

__all__ = [
    "About",
    "Adjudicate",
    "Comment",
    "Decide",
    "Discard",
    "Filter",
    "History",
    "Keep",
    "Mark",
    "Operation",
    "Preview",
    "Request",
    "Restore",
    "Skip",
    "Undo",
    "filter_of",
    "is_id",
    "is_number",
    "parse_operation",
    "parse_request",
]

_Asked = TypeVar("_Asked", bound=BaseModel)
_LONGEST_ID = 200
_MOST_HELD = 500
_MOST_WANTED = 100
_LARGEST = 2**31 - 1
_FIRST_EXPONENT = 10**21  # from here on a browser writes a number with an exponent
_ID = r"^[^\x00]*$"
Id = Annotated[str, Field(min_length=1, max_length=_LONGEST_ID, pattern=_ID)]


def is_id(value: Any) -> bool:
    """Whether something can be the id of an exemplar."""
    return isinstance(value, str) and len(value) <= _LONGEST_ID and "\0" not in value


def is_number(value: Any) -> TypeGuard[int]:
    """Whether something can be the number of an operation, or a revision."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_queue(name: str) -> str:
    if name not in ("", "all", *QUEUES):
        raise ValueError("there is no such queue")
    return name


def _as_double(value: Any) -> Any:
    """A number as the browser has it, which writes ``1e20`` in digits like an integer."""
    if isinstance(value, list):
        return [_as_double(item) for item in value]
    whole = isinstance(value, int) and LARGEST_INTEGER < abs(value) < _FIRST_EXPONENT
    return float(value) if whole else value


_Arguments = dict[str, Annotated[Value, BeforeValidator(_as_double)]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mark(_Model):
    """A span with the words it stands on: ``text`` must be what is at ``[start, end)``."""

    slot: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    value: Annotated[Scalar, BeforeValidator(_as_double)]
    text: str


class _Operation(_Model):
    seq: int = Field(ge=0, le=_LARGEST)
    id: Id
    revision: int = Field(ge=0)
    after: int | None = None
    at: str = Field(default="", max_length=40)


class Decide(_Operation):
    """These labels, these places; ``function`` None is out of scope, ``reading`` its number."""

    kind: Literal["decide"]
    function: str | None
    arguments: _Arguments = Field(default_factory=dict)
    spans: tuple[Mark, ...] = ()
    implied: tuple[str, ...] = ()
    reading: int | None = None


class Keep(_Operation):
    """A flagged exemplar's labels are right."""

    kind: Literal["keep"]


class Discard(_Operation):
    """Out of use, for a reason."""

    kind: Literal["discard"]
    reason: str = Field(max_length=1_000)


class Skip(_Operation):
    """Not now."""

    kind: Literal["skip"]


class Comment(_Operation):
    """Words about an exemplar."""

    kind: Literal["comment"]
    text: str = Field(max_length=4_000)


class Undo(_Operation):
    """Take the last standing decision back."""

    kind: Literal["undo"]


class Restore(_Operation):
    """Back to how it was before an event."""

    kind: Literal["restore"]
    event: int = Field(ge=0, le=_LARGEST)


class Adjudicate(_Operation):
    """Adopt one of the opinions, counted from 0."""

    kind: Literal["adjudicate"]
    choice: int = Field(ge=0)


Operation = Decide | Keep | Discard | Skip | Comment | Undo | Restore | Adjudicate


class Filter(_Model):
    """What to hand out; "" is any.

    ``since`` is the number of the tab's last operation before it filtered so, ``item`` an id that
    comes first, whatever its queue.
    """

    queue: Annotated[str, AfterValidator(_is_queue)] = ""
    function: str = Field(default="", max_length=200)
    search: str = Field(default="", max_length=200)
    item: str = Field(default="", max_length=_LONGEST_ID, pattern=_ID)
    skipped: bool = False
    since: int = Field(default=0, ge=0, le=_LARGEST)


class Request(_Model):
    """One request of a tab.

    ``ops`` are read one by one, so that one that can't be read stops no other, and the filter apart
    from them. ``opened`` is when the tab's page was, in ms since 1970.
    """

    token: str
    client: str = Field(pattern=r"^[0-9A-Za-z_-]{8,80}$")
    ops: tuple[dict[str, Any], ...] = ()
    hold: tuple[Id, ...] = Field(default=(), max_length=_MOST_HELD)
    opened: int = Field(default=0, ge=0, le=LARGEST_INTEGER)
    want: int = Field(default=0, ge=0, le=_MOST_WANTED)
    filter: Any = Field(default_factory=dict)  # apart from the rest: see ``filter_of``


class Preview(_Model):
    """The exemplar as it would be with these labels."""

    token: str
    id: Id
    function: str | None
    arguments: _Arguments = Field(default_factory=dict)


class History(_Model):
    """What has happened to an exemplar."""

    token: str
    id: Id


class About(_Model):
    """What a tab needs once."""

    token: str


_OPERATION: TypeAdapter[Operation] = TypeAdapter(Annotated[Operation, Field(discriminator="kind")])


def parse_request(model: type[_Asked], data: Any) -> _Asked:
    """``data`` as such a request; ``InputError`` says what is wrong with it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(
            f"The request isn't valid ({_problems(error)})", remedy="Reload the page."
        ) from error


def filter_of(request: Request) -> Filter | None:
    """What a request filters by; None when that can't be read, and so finds nothing."""
    try:
        return Filter.model_validate(request.filter)
    except ValidationError:
        return None


def parse_operation(data: dict[str, Any]) -> Operation:
    """``data`` as an operation; ``InputError`` says what is wrong with it."""
    try:
        return _OPERATION.validate_python(data)
    except ValidationError as error:
        raise InputError(
            f"That isn't an operation ({_problems(error)})",
            remedy="Reload the page, then do it again.",
        ) from error


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'all of it'}: {e['msg']}, got {shorten(e['input'], 60)}"
        for e in error.errors()[:3]
    )
