"""Text → token ids: the one place where ids, lengths and labels come from."""

from radu_core.tokenizing.counting import FastTokenizer, Tokenizer, TokenizerFacts, facts
from radu_core.tokenizing.encoder import PLAIN, Encoder, chat_template, tokenizer_hash
from radu_core.tokenizing.loading import load_tokenizer, shared_tokenizer
from radu_core.tokenizing.rows import IGNORED, Collator, Encoded, encode_row, row_hash

__all__ = [
    "IGNORED",
    "PLAIN",
    "Collator",
    "Encoded",
    "Encoder",
    "FastTokenizer",
    "Tokenizer",
    "TokenizerFacts",
    "chat_template",
    "encode_row",
    "facts",
    "load_tokenizer",
    "row_hash",
    "shared_tokenizer",
    "tokenizer_hash",
]
