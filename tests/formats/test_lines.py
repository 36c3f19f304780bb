"""Encodings: read as asked for, by the byte order mark, or refused with the likely one named."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from hypothesis import given
from hypothesis import strategies as st

from radu_core.errors import FormatError, InputError
from radu_core.formats import Imported, read
from radu_core.formats.lines import ENCODINGS, TextFile
from radu_core.instructions import instruct

TEXTS = {
    "cp1252": ("fr", "un vol à Genève, ça va très bien"),
    "cp1250": ("pl", "proszę odwołać rezerwację do Łodzi"),
    "cp1251": ("ru", "отмените мой рейс до Москвы"),
    "cp1253": ("el", "πτήση για την Αθήνα"),
    "cp932": ("ja", "予約をキャンセルしてください"),
    "gb18030": ("zh", "取消我去北京的航班"),
    "cp949": ("ko", "서울행 비행기 예약 취소"),
    "big5": ("zh", "請取消我去台北的機票，謝謝你們"),
}


def load(path: Path, module: str = MODULE, **options: Any) -> Imported:
    format = "jsonl" if path.suffix == ".jsonl" else "csv"
    return read(format, path, module=module, schema=None, options=options)


@pytest.mark.parametrize("encoding", [*TEXTS, "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_files_are_read_in_the_encoding_asked_for(
    tmp_path: Path, encoding: str, ending: str
) -> None:
    text = TEXTS.get(encoding, ("", "naïve 東京\u2028😀"))[1].replace(",", "")
    rows = (
        f'{{"utterance": "{text}"}}\n\n{{"utterance": "b"}}\n'
        if ending == "jsonl"
        else (f"utterance,function\n{text},\n\nb,\n")
    )
    path = tmp_path / f"t.{ending}"
    path.write_bytes(rows.encode(encoding))
    found = load(path, encoding=encoding)
    assert [e.utterance for e in found.exemplars] == [text, "b"]
    assert found.rejections == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("utterance\nä\n".encode(encoding))
    found = load(path)
    assert [e.utterance for e in found.exemplars] == ["ä"]
    assert f"Read as {encoding.upper()}, as its byte order mark says." in found.notes


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_refused_and_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes('{"utterance": "取消我去北京的航班"}\n'.encode(encoding))
    with pytest.raises(FormatError, match=instruct("encoding", encoding)):
        load(path)


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_likely_encoding_is_named_in_the_remedy(tmp_path: Path, encoding: str) -> None:
    language, text = TEXTS[encoding]
    path = tmp_path / "t.csv"
    path.write_bytes(f"utterance,function\n{text.replace(',', '')},\nb,\n".encode(encoding))
    found = load(path, f"acme_x_{language}")
    (rejection,) = found.rejections
    assert "isn't UTF-8" in rejection.problem
    assert instruct("encoding", encoding) in rejection.remedy
    assert [e.utterance for e in found.exemplars] == ["b"]


@pytest.mark.parametrize("encoding", ["nope", "base64", "rot13", "x\0y", ""])
def test_encodings_that_there_arent(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_text("utterance\na\n")
    if encoding:
        with pytest.raises(InputError, match=r"No such encoding.*Use one of utf-8"):
            load(tmp_path / "t.csv", encoding=encoding)
    else:
        assert len(load(tmp_path / "t.csv", encoding=encoding).exemplars) == 1


def test_a_file_in_another_encoding_than_the_one_asked_for(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("utterance\nä\n".encode("utf-16-le") + b"\x00\xd8")
    with pytest.raises(FormatError, match="isn't utf-16-le"):
        load(tmp_path / "t.csv", encoding="utf-16-le")


def test_all_that_is_offered_is_an_encoding() -> None:
    for name in ENCODINGS:
        assert "a".encode(name).decode(name) == "a"


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0\ufeff")))
)
def test_lines_are_the_same_in_every_encoding(tmp_path_factory: Any, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / "t"
    text = "".join(f"{line}\n" for line in lines)
    path.write_bytes(text.encode())
    assert [t for _, t in TextFile(path, encoding="utf-8").lines()] == lines
    path.write_bytes(text.encode("utf-16"))
    assert [t for _, t in TextFile(path).lines()] == lines


def test_a_pipe_is_read_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    rows = [f'{{"utterance": "number {n}"}}\n' for n in range(1000)]
    writer = threading.Thread(target=pipe.write_text, args=("".join(rows),))
    writer.start()
    found = load(pipe)
    writer.join()
    assert len(found.exemplars) == 1000
