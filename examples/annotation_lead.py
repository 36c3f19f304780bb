"""For whoever leads an annotation: import a table, list what is for people, export the rest.

    python examples/annotation_lead.py acme_travel_en schema.json utterances.csv

Needs no model: ``pip install radu-studio`` is enough. State is kept where ``RADU_HOME`` says.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import radu


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, do the work, and print what is left for people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", help="ORGANISATION_BOT_LANGUAGE")
    parser.add_argument("schema", type=Path, help="the functions, as JSON")
    parser.add_argument("table", type=Path, help="CSV, TSV or XLSX, an utterance a row")
    parser.add_argument("--out", type=Path, default=Path("resolved.jsonl"))
    parser.add_argument("--who", default="lead", help="the name beside what is imported")
    given = parser.parse_args(arguments)

    module = radu.create_module(given.module, given.schema, who=given.who)
    imported = module.import_file(given.table, "csv", keep_good=True)
    print(f"{imported.accepted} of {imported.rows} rows imported.")
    for rejected in imported.rejections:
        print(f"  line {rejected.line}: {rejected.problem}. {rejected.remedy}")

    report = module.resolve()
    resolved = report.outcomes.get("resolved", 0)
    print(f"{resolved} of {report.total} resolved. The others are for people:")
    exemplars = module.exemplars()  # a pandas table
    for row in exemplars[exemplars["outcome"] != "resolved"].itertuples():
        print(f"  {row.Index} ({row.outcome}): {row.utterance}")
        print(f"    {row.reason}")

    written = module.export(given.out, outcomes=("resolved",))
    print(f"{written.exemplars} written to {written.path}.")


if __name__ == "__main__":
    main()
