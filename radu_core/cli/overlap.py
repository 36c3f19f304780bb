"""Commands about what overlaps: findings, negatives, judged pairs, merging two functions."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, app, command, progress_bar, table, who, workspace
from radu_core.words import quantity

__all__: list[str] = []

_pairs = typer.Typer(help="Judge whether two exemplars really mean the same.", no_args_is_help=True)
app.add_typer(_pairs, name="pairs")

First = Annotated[str, typer.Argument(help="The id of an exemplar.")]
Second = Annotated[str, typer.Argument(help="The id of the other one.")]
_LISTED = 20


@command("overlap")
def overlap(
    module: Module,
    enough: Annotated[
        int, typer.Option(min=1, help="Report functions with fewer exemplars than this.")
    ] = 10,
    near_duplicate: Annotated[
        float,
        typer.Option(
            min=0.5, max=1, help="Similarity (cosine) from which two exemplars are near duplicates."
        ),
    ] = 0.95,
) -> Output:
    """Find functions that overlap and doubtful labels.

    Exit 1: there are findings other than gaps in the schema.
    """
    from radu_core.retrieval.findings import KINDS
    from radu_core.workflows.overlap.report import overlap_report, pairs_confused

    with progress_bar() as progress:
        report = overlap_report(
            workspace(), module, enough=enough, near_duplicate=near_duplicate, progress=progress
        )
    confused_pairs = pairs_confused(report)
    counts = Counter(f.kind for f in report.findings)
    lines: list[Any] = [
        f"{module}: {quantity(report.distinct, 'distinct exemplar')} of {report.exemplars}, each "
        f"compared with its {report.k} nearest. {quantity(len(report.findings), 'finding')}."
    ]
    for kind, title in KINDS.items():
        if counts[kind]:
            lines.append(f"{title} ({counts[kind]}):")
            some = [f for f in report.findings if f.kind == kind]
            lines += [f"  {f.what}. {f.remedy}" for f in some[:_LISTED]]
            lines += [f"  and {len(some) - _LISTED} more: --json"] if len(some) > _LISTED else []
    if confused_pairs:
        rows = [
            (p.function or "none", p.mistaken_for or "none", p.exemplars, p.of)
            for p in confused_pairs[:_LISTED]
        ]
        columns = ["function", "mistaken for", "exemplars", "of"]
        lines.append(table("By their neighbours", columns, rows))
    data = {
        "module": module,
        "exemplars": report.exemplars,
        "distinct": report.distinct,
        "counts": dict(counts),
        "findings": report.findings,
        "confused": confused_pairs,
        "state": report.state,
    }
    return Output(data, lines, ok=not set(counts) - {"schema"})


@command("negatives")
def negatives(
    module: Module,
    text: Annotated[
        str,
        typer.Argument(
            help="An utterance, or an id with --id. Without it, every hardness is counted."
        ),
    ] = "",
    by_id: Annotated[bool, typer.Option("--id", help="TEXT is the id of an exemplar.")] = False,
    function: Annotated[
        str | None, typer.Option(help="The function of a typed utterance; none means out of scope.")
    ] = None,
    hardness: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Similarity of negatives: 1 takes the most similar, 0 spreads them evenly.",
        ),
    ] = 1.0,
    number: Annotated[int, typer.Option(min=0, max=20, help="Negatives per exemplar.")] = 2,
    near_duplicate: Annotated[
        float,
        typer.Option(min=0.5, max=1, help="Similarity (cosine) from which a pair is suspected."),
    ] = 0.95,
) -> Output:
    """Show the negatives of an utterance and why each is used or not.

    Without an utterance: what each hardness would use, over the whole module.
    Exit 1: fewer can be used than asked for.
    """
    from radu_core.prompts import RowOptions
    from radu_core.workflows.prompts.negatives import dial, mine_negatives, retrieve

    options = RowOptions(hardness=hardness, knn_negatives=number, near_duplicate=near_duplicate)
    space = workspace()
    with progress_bar() as progress:
        if not text:
            return _dial(dial(space, module, options=options, progress=progress))
        retrieval = retrieve(
            space,
            module,
            text="" if by_id else text,
            exemplar_id=text if by_id else None,
            function=function,
            progress=progress,
        )
    negatives_mined = mine_negatives(space, module, retrieval, options=options)
    rows = [
        (
            n.rank,
            f"{n.hit.similarity:.3f}",
            n.hit.dense_rank or "–",
            n.hit.lexical_rank or "–",
            n.hit.function or "none",
            n.hit.template,
            n.why,
            n.hit.id,
        )
        for n in negatives_mined.negatives
    ]
    columns = ["rank", "cosine", "dense", "lexical", "function", "template", "why", "id"]
    lines: list[Any] = [
        table(
            f"Negatives of {negatives_mined.utterance!r} ({negatives_mined.function or 'none'})",
            columns,
            rows,
        ),
        f"{negatives_mined.used_count} of {number} used, {negatives_mined.suspected_count} "
        f"suspected; {quantity(negatives_mined.looked_at, 'exemplar')} looked at.",
    ]
    if negatives_mined.doubtful:
        lines.append(f"may be right as well: {', '.join(negatives_mined.doubtful)}")
    return Output(negatives_mined, lines, ok=negatives_mined.used_count == number)


def _dial(counts: Any) -> Output:
    rows = [
        (
            f"{p.hardness:.1f}",
            p.pairs,
            p.distinct,
            f"{p.similarity:.3f}",
            p.close,
            f"{p.functions:.2f}",
        )
        for p in counts.points
    ]
    columns = ["hardness", "pairs", "distinct", "mean cosine", "from 0.8 on", "functions each"]
    lines: list[Any] = [
        f"{quantity(counts.exemplars, 'exemplar')}: {counts.full} with "
        f"{quantity(counts.count, 'negative')}, {counts.short} with fewer, {counts.none} with "
        "none.",
        f"{quantity(counts.suspected, 'suspected pair')} "
        f"({quantity(counts.suspected_exemplars, 'exemplar')}); judged the same {counts.same}, "
        f"different {counts.different}; out of scope {counts.out_of_scope}.",
        table("The hardness dial", columns, rows),
    ]
    return Output(counts, lines, ok=counts.full == counts.exemplars)


@command("list", group=_pairs)
def pairs_list(module: Module) -> Output:
    """List the judged pairs, newest first, and what follows from each."""
    from radu_core.workflows.coverage import judgements

    space = workspace()
    space.store.schema(module)  # an unknown module has no judged pairs either
    pairs = judgements.judged_pairs(space, module)
    rows = [
        (
            p.verdict,
            p.first.id,
            p.first.function or "none",
            p.second.id,
            p.second.function or "none",
            p.who,
            f"{p.at:%Y-%m-%d %H:%M}",
            p.effect,
        )
        for p in pairs
    ]
    columns = ["judged", "exemplar", "function", "and", "function", "by", "at", "so"]
    return Output({"module": module, "pairs": pairs}, [table("Judged pairs", columns, rows)])


@command("judge", group=_pairs)
def pairs_judge(
    module: Module,
    first: First,
    second: Second,
    verdict: Annotated[str, typer.Argument(help="same or different.")],
) -> Output:
    """Judge that two exemplars really mean the same, or really differ."""
    from radu_core.workflows.coverage import judgements

    judgements.judge(workspace(), module, first, second, verdict, who=who())
    data = {"module": module, "first": first, "second": second, "verdict": verdict}
    return Output(data, [f"{first} and {second} are really {verdict}."])


@command("withdraw", group=_pairs)
def pairs_withdraw(module: Module, first: First, second: Second) -> Output:
    """Withdraw the judgement of a pair. The history keeps it."""
    from radu_core.workflows.coverage import judgements

    judgements.withdraw(workspace(), module, first, second, who=who())
    data = {"module": module, "first": first, "second": second, "verdict": None}
    return Output(data, [f"Nobody has judged {first} and {second} any more."])


@command("merge")
def merge(
    module: Module,
    keep: Annotated[str, typer.Argument(help="The function that stays.")],
    away: Annotated[str, typer.Argument(help="The function whose exemplars move to it.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Merge them; without it, only the effect is shown.")
    ] = False,
) -> Output:
    """Merge two functions that mean the same: show the effect, or merge with --yes.

    Exit 1: they can't be merged.
    """
    from radu_core.workflows.schema import merge_functions

    space = workspace()
    plan = merge_functions.merge_plan(space, module, keep, away)
    lines = [
        f"{away} into {keep}: {quantity(plan.total, 'exemplar moves', 'exemplars move')} "
        f"({', '.join(f'{n} {o}' for o, n in plan.moved.items()) or 'none'}); slots shared: "
        f"{', '.join(plan.shared) or 'none'}; added: {', '.join(plan.added) or 'none'}; contexts "
        f"that change: {plan.contexts}; open rounds of opinions that start again: "
        f"{plan.opinions}.",
        *(f"forbids it: {why}" for why in plan.conflicts),
    ]
    if yes and not plan.conflicts:
        merge_functions.merge_functions(space, module, keep, away, who=who())
        lines.append("Done. The previous schema is among the module's versions.")
    elif not plan.conflicts:
        lines.append("Nothing was changed. Say --yes to do it.")
    data = {"module": module, "plan": plan, "done": yes and not plan.conflicts}
    return Output(data, lines, ok=not plan.conflicts)
