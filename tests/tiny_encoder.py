"""A real sentence-transformers model of some 20,000 weights: trains in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def make_tiny_encoder(directory: Path, texts: Iterable[str], *, seed: int = 0) -> Path:
    """Save a two-layer BERT with mean pooling, whose vocabulary is the words of ``texts``."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = sorted({w for text in texts for w in text.lower().replace(",", " , ").split()})
    letters = [chr(n) for n in range(97, 123)]
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", *letters]
    known += [f"##{letter}" for letter in letters] + [w for w in words if len(w) > 1]
    torch.manual_seed(seed)
    plain = directory / "plain"
    plain.mkdir(parents=True)
    (plain / "vocab.txt").write_text("\n".join(known), encoding="utf-8")
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    config = BertConfig(
        vocab_size=len(known),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(plain)
    first = Transformer(str(plain), max_seq_length=64)
    model = SentenceTransformer(modules=[first, Pooling(32, "mean"), Normalize()], device="cpu")
    model.save(str(directory / "model"), create_model_card=False)
    return directory / "model"
