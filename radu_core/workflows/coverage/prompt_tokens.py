"""A row's tokens as the collator feeds them: every id, its text, its part, and the loss mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from radu_core.files import content_hash
from radu_core.models import DEFAULT_EMBEDDER, DEFAULT_GENERATOR, KNOWN_MODELS, installed_models
from radu_core.prompts import PromptRow
from radu_core.prompts.inspect import PromptWarning
from radu_core.tokenizing import (
    IGNORED,
    Encoder,
    FastTokenizer,
    encode_row,
    row_hash,
    shared_tokenizer,
)
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "BASE",
    "Cell",
    "TokenView",
    "encoder_for",
    "generators",
    "token_view",
    "token_warnings",
    "tokenizer_of",
]

BASE = DEFAULT_GENERATOR
PARTS = ("instruction", "descriptions", "exemplars", "utterance", "completion")
_REPLACEMENT = "�"


@dataclass(frozen=True)
class Cell:
    """The tokens of one piece of text: one, or those that only together are a character.

    ``origin`` is the part in which it begins, ``end`` for the end token, ``chat`` for what a chat
    template puts around prompt and completion. ``supervised``:
    the loss is taken on it. ``special``: the tokenizer gives it a meaning, whatever its letters.
    ``unknown``: the tokenizer has no token for it.
    """

    ids: tuple[int, ...]
    text: str
    origin: str
    supervised: bool
    special: bool = False
    unknown: bool = False


@dataclass(frozen=True)
class TokenView:
    """A row as it is trained: ``input_ids`` and ``labels`` equal what the collator yields for it.

    A row without a completion is a question: it has neither labels nor an end token. ``per_part``
    counts tokens by origin, in the order of the prompt; the end token counts with the completion.
    ``begin`` is where in the text of the cells the prompt begins, after what a chat template puts
    before it. ``row_hash`` is that of ids and labels together, as a run's ``tokens.json`` has it.
    """

    model: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    cells: tuple[Cell, ...]
    per_part: Mapping[str, int]
    ids_hash: str
    labels_hash: str
    row_hash: str
    begin: int = 0

    @property
    def tokens(self) -> int:
        """The length of the row."""
        return len(self.input_ids)

    @property
    def supervised_tokens(self) -> int:
        """How many tokens are learnt."""
        return sum(label != IGNORED for label in self.labels)

    def between(self, start: int, end: int) -> int:
        """The tokens of the prompt that begin at characters ``start`` to ``end``, half-open."""
        position, count = -self.begin, 0
        for cell in self.cells:
            count += len(cell.ids) if start <= position < end else 0
            position += len(cell.text)
        return count


def generators(workspace: Workspace) -> list[str]:
    """The installed models that rows can be tokenized for, the default one first."""
    embedders = {n for n, m in KNOWN_MODELS.items() if m.role == "embedding"} | {DEFAULT_EMBEDDER}
    names = [m["name"] for m in installed_models(workspace.models)]
    candidates = [
        n for n in names if n not in embedders and not _embeds(workspace.models / _file(n))
    ]
    return sorted(candidates, key=lambda n: (n != BASE, n))


def _file(name: str) -> str:
    return name.replace("/", "--")


def _embeds(directory: Path) -> bool:
    """Whether a model is a sentence embedder: it says how its tokens become one vector."""
    return (directory / "modules.json").is_file()


def tokenizer_of(workspace: Workspace, model: str, chat: str = "none") -> FastTokenizer | None:
    """The tokenizer of an installed model, with a setting ``chat_template``, loaded once.

    None when it isn't installed.
    """
    if model not in generators(workspace):
        return None
    return shared_tokenizer(workspace.models / _file(model), name=model, chat=chat)


def encoder_for(workspace: Workspace, model: str, chat: str = "none") -> Encoder | None:
    """What writes rows for an installed model; None when it isn't installed."""
    tokenizer = tokenizer_of(workspace, model, chat)
    return None if tokenizer is None else tokenizer.encoder


def token_view(encoder: Encoder | Any, row: PromptRow, *, model: str = BASE) -> TokenView:
    """Tokenize a row with the function that training uses, and say what each token is.

    A tokenizer stands for its encoder of plain text.
    """
    encoder = encoder if isinstance(encoder, Encoder) else Encoder(encoder)
    tokenizer = encoder.tokenizer
    ids: tuple[int, ...]
    labels: tuple[int, ...]
    if row.completion:
        encoded = encode_row(encoder, row.prompt, row.completion)
        ids, labels = encoded.input_ids, encoded.labels
    else:
        ids = tuple(encoder.prompt(row.prompt))
        labels = (IGNORED,) * len(ids)
    start = sum(label == IGNORED for label in labels)
    signs = _Signs(
        frozenset(tokenizer.all_special_ids),
        frozenset(tokenizer.all_special_tokens),
        tokenizer.unk_token_id,
    )
    cells = [*_prompt_cells(encoder, signs, row, ids[:start])]
    if row.completion:
        answer = _group(tokenizer, _answer_text(encoder, row), ids[start:-1])
        cells += [_cell(signs, group, text, "completion", True) for group, text in answer]
        end = str(tokenizer.convert_ids_to_tokens(ids[-1]))
        cells.append(Cell(ids[-1:], end, "end", True, special=True))
    return TokenView(
        model,
        ids,
        labels,
        tuple(cells),
        _per_part(cells),
        content_hash(list(ids)),
        content_hash(list(labels)),
        row_hash(ids, labels),
        _begin(encoder.prompt_text(row.prompt), row.prompt),
    )


def _answer_text(encoder: Encoder, row: PromptRow) -> str:
    """The completion as it is tokenized, without its end token."""
    if encoder.template is None:
        return row.completion
    before = len(encoder.prompt_text(row.prompt))
    after = encoder.whole_text(row.prompt, row.completion)[before:]
    end = str(encoder.tokenizer.convert_ids_to_tokens(encoder.end))
    return after.rpartition(end)[0]


class _Signs(NamedTuple):
    """A tokenizer's special tokens, read once: it makes these lists at every access."""

    special: frozenset[int]
    names: frozenset[str]
    unknown: int | None


def _prompt_cells(
    encoder: Encoder, signs: _Signs, row: PromptRow, ids: Sequence[int]
) -> Iterator[Cell]:
    """A token belongs to the part in which its first character stands.

    The prompt is tokenized as a whole: its parts, tokenized apart, would give other ids.
    """
    whole = encoder.prompt_text(row.prompt)
    begin = _begin(whole, row.prompt)
    ends, position = [(begin, "chat")] if begin else [], begin
    for part in row.parts:
        position += len(part.text)
        ends.append((position, part.origin))
    if encoder.template is not None:
        ends.append((len(whole), "chat"))
    position = at = 0
    for group, text in _group(encoder.tokenizer, whole, ids):
        while at < len(ends) - 1 and position >= ends[at][0]:
            at += 1
        yield _cell(signs, group, text, ends[at][1] if ends else "instruction", False)
        position += len(text)


def _begin(whole: str, prompt: str) -> int:
    """Where the prompt stands in what is tokenized; a template may have stripped its ends."""
    at = whole.rfind(prompt)
    if at >= 0:
        return at
    inner = prompt.strip()
    return max(0, whole.rfind(inner) - prompt.find(inner))


def _cell(signs: _Signs, ids: tuple[int, ...], text: str, origin: str, supervised: bool) -> Cell:
    unknown = signs.unknown in ids and text.strip() not in signs.names
    special = not unknown and not signs.special.isdisjoint(ids)
    return Cell(ids, text, origin, supervised, special, unknown)


def _group(tokenizer: Any, text: str, ids: Sequence[int]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Tokens with their text, pieces of one character together. The texts joined are ``text``.

    By the tokenizer's offsets: a byte-level tokenizer gives all pieces of a character the same.
    Spaces that its offsets leave out belong to the token after them.
    """
    offsets = _offsets(tokenizer, text, ids)
    group: list[int] = []
    begin = end = 0
    for position, number in enumerate(ids):
        group.append(number)
        end = max(end, offsets[position][1])
        last = position + 1 == len(ids)
        if last or (end > begin and offsets[position + 1][0] >= end):
            end = len(text) if last else end
            yield tuple(group), text[begin:end]
            group, begin = [], end


def _offsets(tokenizer: Any, text: str, ids: Sequence[int]) -> list[tuple[int, int]]:
    if tokenizer.is_fast:
        encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        if list(encoding["input_ids"]) == list(ids):
            return [(int(a), int(b)) for a, b in encoding["offset_mapping"]]
    return _decoded_offsets(tokenizer, text, ids)


def _decoded_offsets(tokenizer: Any, text: str, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Offsets by decoding, for tokenizers that don't tell: what can't be placed joins the next."""
    offsets: list[tuple[int, int]] = []
    position = first = 0
    for number in range(len(ids)):
        piece = tokenizer.decode(list(ids[first : number + 1]))
        start = text.find(piece, position) if piece and _REPLACEMENT not in piece else -1
        if start < 0:
            offsets.append((position, position))
            continue
        offsets[first:] = [(position, start + len(piece))] * (number + 1 - first)
        position, first = start + len(piece), number + 1
    return offsets


def _per_part(cells: Sequence[Cell]) -> dict[str, int]:
    counts = dict.fromkeys(("chat", *PARTS), 0)
    for cell in cells:
        counts["completion" if cell.origin == "end" else cell.origin] += len(cell.ids)
    return {part: n for part, n in counts.items() if n or part in PARTS}


def token_warnings(view: TokenView) -> Iterator[PromptWarning]:
    """Texts that the tokenizer doesn't know, or takes for special tokens of its own."""
    unknown = sorted({c.text for c in view.cells if c.unknown})
    if unknown:
        yield PromptWarning(
            "unknown tokens",
            "warning",
            f"{view.model} has no token for {', '.join(map(repr, unknown[:5]))}: it sees the same "
            "token for all of them.",
            "Choose a base model whose tokenizer knows the module's script.",
        )
    framing = ("end", "chat")
    special = sorted({c.text.strip() for c in view.cells if c.special and c.origin not in framing})
    if special:
        examples = ", ".join(map(repr, special[:5]))
        one = len(special) == 1
        it = "it" if one else "them"
        yield PromptWarning(
            "special tokens",
            "error",
            f"The text{'' if one else 's'} {examples} {'is a' if one else 'are'} special "
            f"token{'' if one else 's'} of {view.model}: the model takes {it} for the end of a "
            "text, or of a turn.",
            f"Take {it} out of the utterance, the description or the template.",
        )
