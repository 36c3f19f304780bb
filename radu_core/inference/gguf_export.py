"""A Llama model's directory as one GGUF file, which llama.cpp and Ollama load.

The format is that of ``gguf`` (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). What
llama.cpp would compute or tokenize differently isn't written: ``find_obstacle`` says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radu_core.errors import ModelError
from radu_core.files import read_json

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter
    from numpy.typing import NDArray

__all__ = ["WEIGHTS", "WeightType", "find_obstacle", "write_gguf"]

WeightType = Literal["bf16", "f16", "f32"]
WEIGHTS: tuple[WeightType, ...] = ("bf16", "f16", "f32")

_GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
_DIGITS = {"type": "Digits", "individual_digits": True}
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLIT = {
    "type": "Split",
    "pattern": {"Regex": _LLAMA3},
    "behavior": "Isolated",
    "invert": False,
}
_SPLITTERS: tuple[tuple[str, list[dict[str, Any]], bool], ...] = (
    ("gpt-2", [_GPT2], False),
    ("smollm", [_DIGITS, _GPT2], False),
    ("llama-bpe", [_SPLIT, _BYTES], True),
)
"""How llama.cpp calls a way to cut text into words, what it is in a tokenizer.json, and whether a
word that is a token itself is taken as it is."""


def find_obstacle(directory: Path) -> str:
    """Why the model in ``directory`` can't be written; "" where it can."""
    config = read_json(directory / "config.json")
    kind = ", ".join(config.get("architectures") or ()) or "a model without a name"
    if kind != "LlamaForCausalLM":
        return f"it is {kind}, not LlamaForCausalLM"
    if config.get("attention_bias") or config.get("mlp_bias"):
        return "its layers have biases"
    if config.get("hidden_act", "silu") != "silu":
        return f"its activation is {config['hidden_act']}, not silu"
    if config.get("quantization_config"):
        return "its weights are quantized"
    rope = _rope(config).get("rope_type", "default")
    if rope not in ("default", "linear", "llama3"):
        return f"it stretches its context in a way that isn't written here ({rope})"
    return _tokenizer_obstacle(directory)


def write_gguf(directory: Path, path: Path, *, weights: WeightType, template: str) -> None:
    """Write the model in ``directory`` to ``path``, one tensor in memory at a time.

    ``template`` is the chat template that prompts are put with. No token is added before a prompt:
    the template has all that the model was trained with. Raises ``ModelError`` where
    ``find_obstacle`` finds one.
    """
    import gguf
    import numpy as np

    if obstacle := find_obstacle(directory):
        raise ModelError(f"That model can't be written as GGUF: {obstacle}", value=str(directory))
    config = read_json(directory / "config.json")
    writer = gguf.GGUFWriter(path, "llama")
    _write_settings(writer, config, weights)
    _write_tokenizer(writer, directory, int(config["vocab_size"]))
    writer.add_chat_template(template)
    tensors = list(_tensors(directory, config))
    for name, shape, _ in tensors:
        kind = _type_of(shape, weights)
        block = gguf.GGML_QUANT_SIZES[kind]
        size = math.prod(shape) // block[0] * block[1]
        writer.add_tensor_info(name, shape, np.dtype("float32"), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, shape, read in tensors:
        writer.write_tensor_data(gguf.quants.quantize(read(), _type_of(shape, weights)))
    writer.close()


def _type_of(shape: tuple[int, ...], weights: WeightType) -> Any:
    """Vectors (the norms) stay in float32, as llama.cpp wants them."""
    import gguf

    name = weights.upper() if len(shape) > 1 else "F32"
    return gguf.GGMLQuantizationType[name]


def _rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """How positions are turned: transformers 5 keeps all of it in one place."""
    older = {"rope_theta": config.get("rope_theta", 10000.0), **(config.get("rope_scaling") or {})}
    return dict(config.get("rope_parameters") or older)


def _head_size(config: Mapping[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _write_settings(writer: GGUFWriter, config: Mapping[str, Any], weights: WeightType) -> None:
    import gguf

    heads, size, rope = config["num_attention_heads"], _head_size(config), _rope(config)
    file_type = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16"}[weights]
    writer.add_file_type(gguf.LlamaFileType[file_type])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(rope.get("rope_theta", 10000.0))
    if rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])


def _write_tokenizer(writer: GGUFWriter, directory: Path, size: int) -> None:
    from gguf import TokenType

    data = read_json(directory / "tokenizer.json")
    tokens = [f"[PAD{i}]" for i in range(size)]  # ids that stand for nothing
    types = [TokenType.UNUSED] * size
    for token, number in data["model"]["vocab"].items():
        tokens[number], types[number] = token, TokenType.NORMAL
    for token in data.get("added_tokens") or ():
        kind = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        tokens[token["id"]], types[token["id"]] = token["content"], kind
    merges = [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_splitter(data))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_add_bos_token(False)
    _write_special(writer, directory, tokens)


def _write_special(writer: GGUFWriter, directory: Path, tokens: list[str]) -> None:
    """The tokens with a role: the first that ends a text is the one that was trained."""
    settings = read_json(directory / "tokenizer_config.json")
    path = directory / "generation_config.json"
    ends = (read_json(path) if path.is_file() else {}).get("eos_token_id")
    stops: list[int] = ends if isinstance(ends, list) else [] if ends is None else [ends]
    numbers = {name: number for number, name in enumerate(tokens)}
    roles: dict[str, int] = {}
    for role in ("bos", "eos", "unk", "pad"):
        token = settings.get(f"{role}_token")
        number = numbers.get(token["content"] if isinstance(token, dict) else token)
        if number is not None:
            roles[role] = number
    roles |= dict(zip(("eos", "eot"), stops, strict=False))
    writers = {
        "bos": writer.add_bos_token_id,
        "eos": writer.add_eos_token_id,
        "eot": writer.add_eot_token_id,
        "unk": writer.add_unk_token_id,
        "pad": writer.add_pad_token_id,
    }
    for role, number in roles.items():
        writers[role](number)


def _tokenizer_obstacle(directory: Path) -> str:
    path = directory / "tokenizer.json"
    if not path.is_file():
        return "it has no tokenizer.json"
    data = read_json(path)
    if data["model"].get("type") != "BPE" or data["model"].get("byte_fallback"):
        return "its tokenizer isn't a byte-level BPE"
    if data.get("normalizer"):
        return "its tokenizer rewrites a text before it cuts it"
    if not _splitter(data):
        return "llama.cpp has no name for how its tokenizer cuts a text into words"
    odd = [
        t["content"]
        for t in data.get("added_tokens") or ()
        if t.get("lstrip") or t.get("rstrip") or t.get("single_word")
    ]
    return f"its token {odd[0]} takes what stands beside it" if odd else ""


def _splitter(data: Mapping[str, Any]) -> str:
    """llama.cpp's name for how this tokenizer.json cuts a text; "" where it has none."""
    steps = data.get("pre_tokenizer") or {}
    parts = steps["pretokenizers"] if steps.get("type") == "Sequence" else [steps]
    for name, patterns, takes_words in _SPLITTERS:
        same = len(parts) == len(patterns) and all(
            all(part.get(k) == v for k, v in want.items())
            for part, want in zip(parts, patterns, strict=True)
        )
        if same and bool(data["model"].get("ignore_merges")) == takes_words:
            return name
    return ""


def _tensors(directory: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each tensor's name in a GGUF, its shape, and what reads it as float32."""
    import gguf
    from safetensors import safe_open

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (it isn't a mapping)
                if key == "lm_head.weight" and config.get("tie_word_embeddings"):
                    continue
                name = names.get_name(key, try_suffixes=(".weight",))
                if name is None:
                    raise ModelError("GGUF has no place for a tensor of that model", value=key)
                shape = tuple(file.get_slice(key).get_shape())
                yield name, shape, _reader(path, key, config)
    if _rope(config).get("rope_type") == "llama3":
        factors = _llama3_factors(config)
        yield "rope_freqs.weight", factors.shape, lambda: factors


def _reader(path: Path, key: str, config: Mapping[str, Any]) -> Any:
    heads = config["num_attention_heads"]
    turned = {"q_proj": heads, "k_proj": config.get("num_key_value_heads") or heads}
    count = turned.get(key.rsplit(".", 2)[-2])

    def read() -> NDArray[np.float32]:
        from safetensors import safe_open

        with safe_open(str(path), framework="pt") as file:
            value: NDArray[np.float32] = file.get_tensor(key).float().numpy()
        return value if count is None else _interleave(value, count)

    return read


def _interleave(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """A projection whose rows stand as llama.cpp turns them: in pairs.

    transformers has the first halves of all pairs before the second ones.
    """
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def _llama3_factors(config: Mapping[str, Any]) -> NDArray[np.float32]:
    """By what each frequency is divided (Llama 3.1), ``(head size / 2,)``."""
    import numpy as np

    rope, size = _rope(config), _head_size(config)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    before, factor = rope["original_max_position_embeddings"], rope["factor"]
    waves = 2 * math.pi * rope["rope_theta"] ** (np.arange(0, size, 2) / size)
    smooth = np.clip((before / waves - low) / (high - low), 0, 1)
    factors: NDArray[np.float32] = (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)
    return factors
