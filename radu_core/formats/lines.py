"""Text files in any encoding, line by line: memory stays bounded, and a bad line is bad alone.

UTF-8 unless another encoding is asked for or the byte order mark tells it. Which encoding a file
likely has that isn't UTF-8 is guessed by charset-normalizer, for the message only: reading by a
guess would change words without a trace.
"""

from __future__ import annotations

import codecs
import shutil
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from radu_core.errors import FormatError, InputError
from radu_core.formats.common import RowError
from radu_core.instructions import instruct

__all__ = ["ENCODINGS", "LONGEST_LINE", "TextFile"]

LONGEST_LINE = 1_000_000  # bytes; a line beyond it is rejected without being held in memory
# What is offered to choose from, and guessed among: Python's name → what people call it.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16 with a byte order mark",
    "utf-16-le": "UTF-16, little-endian",
    "utf-16-be": "UTF-16, big-endian",
    "cp1252": "Windows-1252 (Western)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp874": "Windows-874 (Thai)",
    "cp932": "Shift_JIS (Japanese)",
    "euc-jp": "EUC-JP (Japanese)",
    "gb18030": "GB18030, GBK (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "EUC-KR (Korean)",
    "mac-roman": "Mac Roman (Western)",
}
_OF_LANGUAGE = {
    **dict.fromkeys(("ja",), ("cp932", "euc-jp")),
    **dict.fromkeys(("zh",), ("gb18030", "big5")),
    **dict.fromkeys(("ko",), ("cp949",)),
    **dict.fromkeys(("ru", "uk", "bg", "sr", "mk", "be"), ("cp1251", "koi8-r")),
    **dict.fromkeys(("pl", "cs", "sk", "hu", "ro", "hr", "sl"), ("cp1250",)),
    "el": ("cp1253",),
    "tr": ("cp1254",),
    "he": ("cp1255",),
    **dict.fromkeys(("ar", "fa", "ur"), ("cp1256",)),
    "vi": ("cp1258",),
    "th": ("cp874",),
}  # else Western
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 4_096  # bytes that show a byte order mark, or UTF-16 without one
_SAMPLE = 65_536  # bytes that an encoding is guessed by


class TextFile:
    """A file of text.

    ``encoding`` is what it is read in, ``language`` (``de``) helps to guess; ``first`` is its first
    character that isn't a blank. A pipe, which can be read once only, is copied.

    Raises ``InputError`` for an encoding there isn't, and ``FormatError`` for a file that is
    plainly not in the encoding it would be read in.
    """

    def __init__(self, path: Path, *, encoding: str | None = None, language: str = "") -> None:
        self.path = path
        self._language = language
        self._copy = None if path.is_file() else _copy(path)  # gone with this object
        self._place = Path(self._copy.name) if self._copy else path
        with self._place.open("rb") as file:
            head = file.read(_HEAD)
        encoding_by_mark = next((name for mark, name in _MARKS if head.startswith(mark)), None)
        self.encoding = _python_encoding(encoding) if encoding else encoding_by_mark or "utf-8"
        self.first = head.decode(self.encoding, errors="ignore").lstrip("\ufeff \t\r\n")[:1]
        self.notes: tuple[str, ...] = ()
        if not encoding and self.encoding != "utf-8":
            self.notes = (f"Read as {self.encoding.upper()}, as its byte order mark says.",)
        if self.encoding == "utf-8" and (wide := _is_wide(head)):
            raise FormatError(
                f"{path.name} looks like {wide.upper()} without a byte order mark",
                remedy=f"{instruct('encoding', wide)}, or save it as UTF-8.",
            )

    @cached_property
    def likely(self) -> str | None:
        """The encoding that the file likely has, if it isn't UTF-8; None if nothing fits."""
        from charset_normalizer import from_bytes  # slow to import

        with self._place.open("rb") as file:
            sample = b"".join(line for line in file.readlines(_SAMPLE) if not line.isascii())
        names = {codecs.lookup(name).name: name for name in ENCODINGS if name != "utf-8"}
        isolated = [name.replace("-", "_") for name in names]
        fits = [
            names.get(codecs.lookup(m.encoding).name)
            for m in from_bytes(sample, cp_isolation=isolated)
        ]
        encodings = [name for name in fits if name]
        usual = _OF_LANGUAGE.get(self._language, ("cp1252",))
        return next(
            (name for name in usual if name in encodings), encodings[0] if encodings else None
        )

    @cached_property
    def is_utf_8(self) -> bool:
        """Whether the file's first million bytes are UTF-8."""
        with self._place.open("rb") as file:
            head = file.read(LONGEST_LINE)
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            return False
        return True

    def raw_lines(self) -> Iterator[tuple[int, bytes | RowError]]:
        """The lines of the file, each as (line number, its bytes or what is wrong with it).

        The line is UTF-8 with its end, without a byte order mark. A line over 1 MB is read away and
        rejected.
        """
        with self._open() as file:
            number = 0
            while raw := self._line(file, LONGEST_LINE + 1):
                number += 1
                if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
                    size = len(raw) + self._skip_line(file)
                    problem = "longer than 1 MB"
                    yield number, RowError("line", f"{size} bytes", problem, "Split or remove it.")
                else:
                    yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw

    def decode(self, raw: bytes) -> str | RowError:
        """The text of a line of ``raw_lines``; bytes that aren't UTF-8 reject the line."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return RowError(
                "line",
                raw[max(0, error.start - 10) : error.start + 10],
                f"byte {error.start + 1} isn't UTF-8",
                self.remedy,
            )

    @property
    def remedy(self) -> str:
        """What to do about bytes that aren't UTF-8, with the likely encoding."""
        if self.likely is None:
            return f"Save the file as UTF-8, or {instruct('encoding')}."
        return (
            f"The file is likely {ENCODINGS[self.likely]}: "
            f"{instruct('encoding', self.likely)}, or save it as UTF-8."
        )

    def lines(self) -> Iterator[tuple[int, str | RowError]]:
        """(line number, text without its end, or what is wrong with it); blank lines too."""
        for number, raw in self.raw_lines():
            text = raw if isinstance(raw, RowError) else self.decode(raw)
            yield number, text if isinstance(text, RowError) else text.rstrip("\r\n")

    def text(self) -> str:
        """All of it; ``FormatError`` where bytes aren't in the encoding."""
        with self._open() as file:
            whole = self._line(file, -1)
        text_read = self.decode(whole.removeprefix(codecs.BOM_UTF8))
        if isinstance(text_read, RowError):
            raise FormatError(f"{self.path.name}: {text_read.problem}", remedy=text_read.remedy)
        return text_read

    def _open(self) -> Any:
        if self.encoding == "utf-8":
            return self._place.open("rb")
        return self._place.open(encoding=self.encoding, newline="\n")

    def _line(self, file: Any, limit: int) -> bytes:
        """A line of at most ``limit`` bytes or characters; -1: all that is left."""
        try:
            line = file.readline(limit) if limit > 0 else file.read()
            return line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
        except UnicodeError as error:
            raise FormatError(
                f"{self.path.name} isn't {self.encoding} ({_why(error)})",
                remedy=self.remedy if self.likely != self.encoding else "Name another encoding.",
            ) from error

    def _skip_line(self, file: Any) -> int:
        size = 0
        while piece := self._line(file, LONGEST_LINE):
            size += len(piece)
            if piece.endswith(b"\n"):
                break
        return size


def _copy(path: Path) -> IO[bytes]:
    """What a pipe gives, in a file that is deleted when it is closed."""
    copy = tempfile.NamedTemporaryFile()  # noqa: SIM115 (it stays open)
    with path.open("rb") as pipe:
        shutil.copyfileobj(pipe, copy)
    copy.flush()
    return copy


def _python_encoding(encoding: str) -> str:
    """Python's name of an encoding of text."""
    try:
        "".encode(encoding)
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError, UnicodeError) as error:
        raise InputError(
            "No such encoding", value=encoding, remedy=f"Use one of {', '.join(ENCODINGS)}."
        ) from error
    return "utf-8" if name in ("utf-8", "utf-8-sig", "ascii") else name


def _is_wide(head: bytes) -> str:
    """The kind of UTF-16 that bytes without a mark look like, or "": every other one is zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < max(2, len(head) // 20, 4 * min(even, odd)):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _why(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{error.reason} at byte {error.start + 1} of what was being read"
    return str(error)
