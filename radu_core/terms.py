"""Plain names for technical words, each with the word beside it: "Choose by examples (knn)".

Pages, command help, reports and docs/reference/terms.md take them from here; files, options
and addresses keep the keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.words import quantity

__all__ = ["OUTCOMES", "STAGES", "TERMS", "Term", "describe_point", "label", "label_of_rows"]


@dataclass(frozen=True)
class Term:
    """A word in files and options, and what the field calls it.

    ``key`` is the word in files and options, ``word`` what the field calls it (the key, where
    empty), ``help`` one sentence.
    """

    key: str
    name: str
    help: str
    word: str = ""

    @property
    def label(self) -> str:
        """The name with the word beside it."""
        return f"{self.name} ({self.word or self.key})"


_RETRIEVAL = (
    Term(
        "k_desc",
        "Functions retrieved by description",
        "How many functions are retrieved because their description is near the utterance.",
    ),
    Term(
        "k_exemplar",
        "Exemplars retrieved",
        "How many training exemplars are retrieved because they are near the utterance.",
    ),
    Term(
        "coverage",
        "Right function retrieved",
        "The share of utterances whose right function is among those retrieved.",
    ),
    Term("dense", "By meaning", "Ranks by the similarity of embeddings."),
    Term("lexical", "By words", "Ranks by words in common.", "BM25"),
    Term("fused", "By meaning and words", "Joins both rankings by their ranks.", "RRF"),
    Term(
        "dense_weight",
        "Weight of meaning",
        "1 ranks by meaning alone, 0 by words alone.",
    ),
    Term(
        "graph_from",
        "Exemplars for approximate search",
        "From this many exemplars, a graph replaces the comparison with every exemplar: faster, "
        "but it misses some neighbours.",
        "HNSW",
    ),
)
_STRATEGIES = (
    Term(
        "rag",
        "Choose among candidates",
        "Shows descriptions and labelled exemplars, and asks for the function's name.",
    ),
    Term(
        "knn",
        "Choose by examples",
        "Asks for each retrieved exemplar whether the utterance means the same.",
    ),
    Term("all", "Fill all slots", "Asks for all values of a function at once."),
    Term("single", "Fill one slot", "Asks for the value of one slot at a time."),
    Term("yes_no", "Read yes or no", "Reads the answer to a question that the bot asked."),
)
_DATASET = (
    Term(
        "k_slot_examples",
        "Examples for slots",
        "How many exemplars of the same function a prompt for slots shows with their values.",
    ),
    Term(
        "max_length",
        "Longest row in tokens",
        "The most tokens a row may have, answer and end token included.",
    ),
    Term(
        "chat_template",
        "Chat turns",
        "How a prompt is put into the turns of a conversation that the base model was trained on.",
        "chat template",
    ),
    Term(
        "fewer_share",
        "Share with fewer exemplars",
        "The share of prompts that are repeated with fewer exemplars.",
    ),
    Term(
        "zero_share",
        "Share without exemplars",
        "The share of prompts that are repeated without any exemplar.",
    ),
    Term(
        "dropout",
        "Share of exemplars dropped",
        "The probability that an exemplar is left out of a prompt with fewer exemplars.",
    ),
    Term(
        "removed_share",
        "Share without the right function",
        "The share of prompts that are repeated without the right function: the answer is none.",
    ),
    Term(
        "knn_pairs",
        "Pairs that mean the same",
        "With how many exemplars of its own function an utterance is paired.",
    ),
    Term(
        "knn_negatives",
        "Pairs that differ",
        "With how many exemplars of other functions an utterance is paired: its negatives.",
    ),
    Term(
        "hardness",
        "Similarity of negatives",
        "1 takes the most similar exemplars of other functions, 0 spreads them evenly.",
        "hard negatives",
    ),
    Term(
        "near_duplicate",
        "Suspected from a similarity of",
        "A negative at least this similar to a positive is a suspected labelling error.",
        "cosine",
    ),
    Term(
        "out_of_scope_cap",
        "Largest share out of scope",
        "At most this share of the training utterances is out of scope.",
    ),
)
_TRAINING = (
    Term("generator", "Language model", "Answers prompts."),
    Term("retriever", "Embedding model", "Finds exemplars and functions."),
    Term("lora", "Small adapter", "Learns a few weights beside those of the model.", "LoRA"),
    Term("qlora", "Adapter on 4 bits", "LoRA on a base model kept in 4 bits.", "QLoRA"),
    Term("full", "All weights", "Changes every weight of the model."),
    Term("joint", "Answer directly", "Tunes the encoder together with the layers that answer."),
    Term(
        "contrastive",
        "Search, learnt from labels",
        "Tunes the encoder so that utterances of one function come near each other.",
    ),
    Term(
        "lsr",
        "Search, taught by a language model",
        "Tunes the encoder to find the exemplars that help a language model.",
        "LSR",
    ),
    Term(
        "contrast",
        "Weight of the contrast",
        "Weight of a loss that pulls utterances of one function together and pushes those of "
        "other functions in the batch away.",
        "in-batch negatives",
    ),
    Term("lora_rank", "Adapter size", "The rank of the adapter's matrices.", "LoRA rank"),
    Term(
        "lora_alpha",
        "Adapter strength",
        "The adapter counts this much, divided by its size.",
        "LoRA alpha",
    ),
    Term(
        "lora_dropout",
        "Adapter dropout",
        "The share of the adapter's input that is left out at random.",
        "LoRA dropout",
    ),
    Term("lora_targets", "Adapted layers", "The layers that get an adapter.", "LoRA targets"),
    Term(
        "use_dora",
        "Size apart from direction",
        "Learns the size and the direction of weights separately.",
        "DoRA",
    ),
    Term(
        "use_rslora",
        "Scaling for large adapters",
        "Divides the adapter's strength by the root of its size.",
        "rsLoRA",
    ),
    Term(
        "grad_accumulation",
        "Batches per step",
        "How many batches are added up before the weights change.",
        "gradient accumulation",
    ),
    Term(
        "max_grad_norm",
        "Gradient limit",
        "Longer gradients are shortened to this length.",
        "gradient norm",
    ),
    Term(
        "gradient_checkpointing",
        "Compute activations twice",
        "Computes activations again instead of keeping them, which saves memory.",
        "gradient checkpointing",
    ),
    Term(
        "packing",
        "Several rows per sequence",
        "Puts rows one after the other instead of padding them to one length.",
    ),
    Term(
        "early_stopping",
        "Patience in evaluations",
        "Stops a run after this many evaluations without gain.",
        "early stopping",
    ),
    Term("tower", "Encoder to tune", "Which texts the tuned encoder embeds."),
    Term("query", "Of utterances", "Exemplars keep their vectors."),
    Term("shared", "Of utterances and exemplars", "Exemplars are embedded again."),
    Term(
        "retriever_teacher",
        "From retriever to teacher",
        "KL(P ‖ Q) of the retriever P and the teacher Q, as the papers write it.",
    ),
    Term(
        "teacher_retriever",
        "From teacher to retriever",
        "KL(Q ‖ P) of the teacher Q and the retriever P, as implementations compute it.",
    ),
    Term(
        "divergence",
        "Distance to the teacher",
        "In which direction retriever and teacher are compared.",
        "KL divergence",
    ),
)
_MEASURES = (
    Term(
        "out_of_fold",
        "On held-out parts",
        "Measured on labels that the measured model has not learnt, part by part.",
        "out of fold",
    ),
    Term(
        "calibration",
        "Honest confidence",
        "Of the answers given with 80 % confidence, 80 % are right.",
        "calibration",
    ),
    Term("wilson", "95 % interval", "The range a share probably lies in.", "Wilson"),
    Term(
        "mcnemar",
        "Chance of such a difference",
        "How often chance alone would set two models this far apart; below 0.05 is clear.",
        "p, McNemar's test",
    ),
    Term("alpha", "Agreement of all", "1 is perfect, 0 is chance.", "Krippendorff's α"),
    Term("kappa", "Agreement of two", "1 is perfect, 0 is chance.", "Cohen's κ"),
    Term(
        "span_f1",
        "Same places marked",
        "How often two people mark the same slot at the same place.",
        "span F1",
    ),
    Term(
        "function_accuracy",
        "Right function",
        "The share of rows whose function is right.",
        "function accuracy",
    ),
    Term(
        "slot_f1",
        "Right values",
        "One figure for values that are missed and values that are wrong.",
        "slot F1",
    ),
    Term(
        "exact_match",
        "Whole call right",
        "The share of rows whose function and values are all right.",
        "exact match",
    ),
)
TERMS: dict[str, Term] = {
    t.key: t for t in (*_RETRIEVAL, *_STRATEGIES, *_DATASET, *_TRAINING, *_MEASURES)
}
# How far utterances have come: each stage of a module's funnel counts some of the one before.
STAGES: dict[str, str] = {
    "loaded": "Utterances of the module in all splits. Deleted ones don't count.",
    "resolved": "Loaded utterances whose values all have a known place, or that have no values. "
    "Only these are used for training; the others wait on the Annotate page.",
    "in an index": "Resolved utterances of the training split that the saved index stands for. "
    "Validation and test are never indexed, so that they stay unseen.",
    "in a dataset": "Training utterances with at least one row in a dataset; of several datasets, "
    "the one with the most.",
    "trained": "Training utterances that a finished run has learnt from; of several runs, the one "
    "with the most.",
}
# What an utterance can be, in the words of pages, commands and files: each has this one name.
OUTCOMES: dict[str, str] = {
    "resolved": "Each value has one known place in the text, or is implied.",
    "ambiguous": "Several readings fit, with different templates.",
    "unlocated": "A value isn't in the text.",
    "invalid": "The labels contradict the schema, the text or each other.",
    "unlabelled": "Nobody has said which function is meant.",
}


def label(key: str) -> str:
    """The plain name of a key with the word beside it; the key itself where it has no other."""
    return TERMS[key].label if key in TERMS else key


def label_of_rows(kind: str) -> str:
    """Rows of a task and a kind: ``rag/removed`` → "Choose among candidates (rag): removed"."""
    task, _, rest = kind.partition("/")
    return f"{label(task)}: {rest.replace('_', ' ')}" if rest else label(task)


def describe_point(k_desc: int, k_exemplar: int) -> str:
    """How much is retrieved: "3 descriptions (k_desc) and 1 exemplar (k_exemplar)"."""
    descriptions, exemplars = quantity(k_desc, "description"), quantity(k_exemplar, "exemplar")
    return f"{descriptions} (k_desc) and {exemplars} (k_exemplar)"
