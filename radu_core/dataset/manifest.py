"""What a dataset was made from, and reading it back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radu_core.dataset.config import DatasetConfig
from radu_core.errors import DatasetError, NotFoundError, StoreError
from radu_core.files import content_hash, file_hash, read_json
from radu_core.instructions import instruct
from radu_core.tokenizing import TokenizerFacts

__all__ = [
    "FILE",
    "MIXTURE",
    "SPLITS",
    "VERSION",
    "Manifest",
    "Mixture",
    "Part",
    "Sizes",
    "read_dataset",
    "read_manifest",
]

SPLITS = ("train", "validation", "test")
FILE = "manifest.json"
MIXTURE = "mixture"  # the directory beside its modules'; no module can have that name
VERSION = 2


class Sizes(BaseModel):
    """How long rows are, in tokens; completion and end token counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    total: int
    median: int
    p95: int
    max: int

    @classmethod
    def of(cls, histogram: Mapping[int, int]) -> Sizes:
        """From the number of rows of each length."""
        rows = sum(histogram.values())
        total = sum(length * n for length, n in histogram.items())
        return cls(
            rows=rows,
            total=total,
            median=_quantile(histogram, 0.5),
            p95=_quantile(histogram, 0.95),
            max=max(histogram, default=0),
        )


def _quantile(histogram: Mapping[int, int], share: float) -> int:
    """The smallest length that at least ``share`` of the rows don't exceed."""
    target = share * sum(histogram.values())
    count = 0
    for length in sorted(histogram):
        count += histogram[length]
        if count >= target:
            return length
    return 0


class _Counted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int
    counts: dict[str, dict[str, int]]
    files: dict[str, str]

    @property
    def hash(self) -> str:
        """SHA-256 over what the manifest's file says: the dataset's identity."""
        return content_hash(self.model_dump(mode="json", exclude_unset=True))

    def rows(self, split: str) -> int:
        """The number of rows of a split."""
        return sum(self.counts.get(split, {}).values())


class Manifest(_Counted):
    """What a module's dataset was made from and what became of every exemplar.

    ``counts`` is split → task/kind → rows; ``exemplars`` is split → exemplars with at least one
    row; ``left_out`` is reason → exemplars that no row could be made of; ``discards`` is task:
    reason → how often; ``shortened`` is task/kind → rows that lost something to fit; ``tokens`` is
    split/task → sizes; ``functions`` and ``templates`` are the hashes of each; ``files`` holds
    SHA-256 of every other file.
    """

    kind: ClassVar[str] = "module"

    module: str
    config: DatasetConfig
    schema_hash: str
    exemplars_hash: str
    templates_hash: str
    judgements_hash: str
    index: str
    embedder: str
    exemplars: dict[str, int]
    left_out: dict[str, int]
    discards: dict[str, int]
    suspects: int
    functions: dict[str, str]
    templates: dict[str, str]
    shortened: dict[str, int]
    tokenizer: TokenizerFacts | None = None
    tokens: dict[str, Sizes] = Field(default_factory=dict)

    @property
    def modules(self) -> dict[str, Manifest]:
        """The module by its id, as for a mixture."""
        return {self.module: self}

    @property
    def longest(self) -> int | None:
        """Tokens of the longest training or validation row; None when nobody counted."""
        return _longest(self.tokens) if self.tokenizer else None


class Part(BaseModel):
    """A module in a mixture.

    ``weights`` and ``drawn`` are by task: the weight, and the rows ``in`` its training file,
    ``out`` in the mixture, and of these ``repeated``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    manifest: Manifest
    weights: dict[str, float]
    drawn: dict[str, dict[str, int]]


class Mixture(_Counted):
    """What several modules' datasets were mixed into, by which weights.

    ``tokens`` is split/task → sizes of the rows that were taken; empty unless one tokenizer
    counted them all.
    """

    kind: ClassVar[str] = "mixture"

    seed: int
    parts: dict[str, Part]
    tokens: dict[str, Sizes] = Field(default_factory=dict)

    @property
    def modules(self) -> dict[str, Manifest]:
        """Each module's own manifest."""
        return {name: part.manifest for name, part in self.parts.items()}

    @property
    def tokenizer(self) -> TokenizerFacts | None:
        """The tokenizer that counted all parts' rows; None unless it is one."""
        names = {m.tokenizer for m in self.modules.values()}
        return names.pop() if len(names) == 1 else None

    @property
    def longest(self) -> int | None:
        """Tokens of the longest training or validation row; None when nobody counted."""
        return _longest(self.tokens) if self.tokens else None


def _longest(tokens: Mapping[str, Sizes]) -> int:
    sizes = [s.max for key, s in tokens.items() if not key.startswith("test/")]
    return max(sizes, default=0)


def read_dataset(directory: Path, *, verify: bool = False) -> Manifest | Mixture:
    """The manifest of a module's dataset or of a mixture; ``verify`` checks the files' hashes.

    Raises ``DatasetError`` when there is none, or when a file isn't what the manifest says.
    """
    data = _read(directory)
    kind: type[Manifest | Mixture] = Mixture if "parts" in data else Manifest
    try:
        manifest = kind.model_validate(data)
    except ValidationError as error:
        raise DatasetError(
            f"{directory / FILE} isn't a manifest", remedy="Build the dataset again."
        ) from error
    for name, expected in manifest.files.items() if verify else ():
        file = directory / name
        if not file.is_file() or file_hash(file) != expected:
            raise DatasetError(
                f"{file} isn't the file the manifest was written for",
                remedy="Build the dataset again.",
            )
    return manifest


def _read(directory: Path) -> dict[str, Any]:
    path = directory / FILE
    try:
        data = read_json(path)
        if not isinstance(data, dict):
            raise ValueError("it isn't an object")
    except NotFoundError as error:
        raise DatasetError(
            "There is no dataset",
            value=str(directory),
            remedy=f"{instruct('build dataset')}.",
        ) from error
    except (StoreError, ValueError) as error:
        raise DatasetError(f"{path} isn't a manifest", remedy="Build the dataset again.") from error
    version = data.get("version")
    if version != VERSION:
        raise DatasetError(
            f"{path} is of version {version}; this studio reads version {VERSION}",
            remedy="Build the dataset again.",
        )
    return data


def read_manifest(directory: Path, *, verify: bool = False) -> Manifest:
    """The manifest of a module's dataset; ``DatasetError`` as above, or for a mixture."""
    manifest = read_dataset(directory, verify=verify)
    if isinstance(manifest, Mixture):
        raise DatasetError(
            "That is a mixture of several modules",
            value=str(directory),
            remedy=f"Name the directory of one: {', '.join(manifest.parts)}.",
        )
    return manifest
