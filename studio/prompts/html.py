"""A prompt as HTML: its parts by colour and name, its tokens, its size. From escaped text only.

Nothing is shown by colour alone: every part carries its name, what is learnt is underlined and
bold, special tokens have a broken border.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from radu_core.prompts import PromptRow
from radu_core.workflows.coverage.prompt_tokens import Cell, TokenView
from radu_core.workflows.prompts.preview import PreviewRow

__all__ = ["STYLE", "size_bar", "text_view", "token_view"]

_COLOURS = {  # translucent, so that one palette is readable on light and dark ground
    "instruction": "#7c6cff",
    "descriptions": "#3f8fd2",
    "exemplars": "#d08700",
    "utterance": "#0b9e97",
    "completion": "#d14d72",
    "chat": "#8a8f98",
}
# A long prompt scrolls, on a phone most do: a key has to reach it.
_BY_KEY = 'dir="auto" tabindex="0" role="group" aria-label="Prompt"'
_PARTS = "".join(
    f".radu-prompt .{name}, .radu-size .{name} {{ --c: {colour}; }}\n"
    for name, colour in (*_COLOURS.items(), ("end", _COLOURS["completion"]))
)
STYLE = f"""<style>
{_PARTS}
.radu-prompt {{ white-space: pre-wrap; overflow-wrap: anywhere; font-family: monospace;
  font-size: .85rem; line-height: 1.55; margin: 0; padding: .6rem .75rem; max-height: 32rem;
  overflow-y: auto; border: 1px solid #8886; border-radius: .5rem; unicode-bidi: plaintext; }}
.radu-prompt.tokens {{ line-height: 2; }}
.radu-prompt .part {{ background: color-mix(in srgb, var(--c) 13%, transparent); }}
.radu-prompt .name {{ user-select: none; font: 600 .65rem sans-serif; padding: 0 .3rem;
  margin-inline-end: .35rem; border-radius: .25rem; border: 1px solid var(--c); opacity: .85;
  display: inline-block; line-height: 1.3; }}
.radu-prompt .learnt {{ font-weight: 700; text-decoration: underline 2px var(--c);
  text-underline-offset: .2rem; background: color-mix(in srgb, var(--c) 30%, transparent); }}
.radu-prompt .cell {{ background: color-mix(in srgb, var(--c) 13%, transparent);
  border: 1px solid color-mix(in srgb, var(--c) 55%, transparent); border-radius: .2rem;
  padding: .05rem 0; margin-inline-end: 1px; }}
.radu-prompt .cell.learnt {{ border-width: 1px 1px 3px; text-decoration: none;
  border-color: var(--c); background: color-mix(in srgb, var(--c) 30%, transparent); }}
.radu-prompt .special {{ border: 2px dashed currentColor; padding: 0 .25rem; font-style: italic; }}
.radu-prompt .unknown {{ outline: 2px solid #d00; }}
.radu-prompt .sign {{ opacity: .45; }}
.radu-prompt sub {{ opacity: .7; font-size: .6rem; }}
.radu-size {{ font-size: .85rem; }}
.radu-size .bar {{ display: flex; height: .8rem; border: 1px solid #8886; border-radius: .25rem;
  overflow: hidden; position: relative; }}
.radu-size .bar i {{ background: var(--c); opacity: .75; border-inline-end: 1px solid #fff8; }}
.radu-size .bar b {{ position: absolute; top: 0; bottom: 0; width: 0; border-left: 3px double
  #d00; }}
.radu-size .figures {{ display: flex; flex-wrap: wrap; gap: .2rem .9rem; margin-top: .25rem; }}
.radu-size .figures span::before {{ content: ""; display: inline-block; width: .65rem;
  height: .65rem; border-radius: .15rem; margin-inline-end: .3rem; background: var(--c);
  opacity: .75; }}
.radu-size .figures .total {{ font-weight: 600; }}
.radu-size .figures .total::before {{ display: none; }}
[class*="st-key-template-source"] textarea {{ font-family: monospace; font-size: .85rem; }}
</style>"""


def text_view(row: PromptRow, view: TokenView | None = None) -> str:
    """A prompt with its parts named and coloured, then what is learnt, and the end token."""
    pieces = [_part(p.origin, escape(p.text)) for p in row.parts]
    if row.completion:
        end = escape(view.cells[-1].text) if view else "end token"
        pieces.append(
            f'<span class="part completion">{_name("completion, learnt")}'
            f'<span class="learnt">{escape(row.completion)}</span>'
            f'<span class="cell special learnt end" title="the end token">{end}</span></span>'
        )
    return f'<div class="radu-prompt" {_BY_KEY}>{"".join(pieces)}</div>'


def _part(origin: str, body: str) -> str:
    return f'<span class="part {escape(origin)}">{_name(origin)}{body}</span>'


def _name(name: str) -> str:
    return f'<span class="name">{escape(name)}</span>'


def token_view(view: TokenView) -> str:
    """Every token as a cell: its id when pointed at, what is learnt underlined and bold."""
    return f'<div class="radu-prompt tokens" {_BY_KEY}>{"".join(_cells(view))}</div>'


def _cells(view: TokenView) -> Iterator[str]:
    part = ""
    for cell in view.cells:
        origin = "completion" if cell.origin == "end" else cell.origin
        if origin != part:
            part = origin
            name = "completion, learnt" if origin == "completion" else origin
            yield f'<span class="{escape(origin)}">{_name(name)}</span>'
        yield _cell(cell)


def _cell(cell: Cell) -> str:
    marks = ("special", "unknown")
    classes = ["cell", cell.origin, *(m for m in marks if getattr(cell, m))]
    classes += ["learnt"] if cell.supervised else []
    ids = " ".join(map(str, cell.ids))
    what = f"{len(cell.ids)} tokens {ids}" if len(cell.ids) > 1 else f"token {ids}"
    kinds = [m for m in marks if getattr(cell, m)]
    learnt = "learnt" if cell.supervised else "not learnt"
    title = ", ".join([what, cell.origin, *kinds, learnt])
    several = f"<sub>{len(cell.ids)}</sub>" if len(cell.ids) > 1 else ""
    return (
        f'<wbr><span class="{escape(" ".join(classes))}" title="{escape(title)}">'
        f"{_visible(cell.text)}{several}</span>"
    )


def _visible(text: str) -> str:
    """Escaped, with spaces and line breaks that can be seen."""
    markup = escape(text).replace(" ", '<span class="sign">·</span>')
    markup = markup.replace("\t", '<span class="sign">→</span>\t')
    return markup.replace("\n", '<span class="sign">⏎</span>\n')


def size_bar(row: PreviewRow, limit: int) -> str:
    """Tokens per part against the limit, as a bar and in figures."""
    view = row.tokens
    if view is None:
        return ""
    width = max(limit, view.tokens)
    sizes = {k: v for k, v in view.per_part.items() if v}
    bars = "".join(
        f'<i class="{k}" style="width:{100 * v / width:.3f}%" title="{k} {v:,}"></i>'
        for k, v in sizes.items()
    )
    mark = f'<b style="left:{100 * limit / width:.3f}%" title="the limit"></b>'
    figures = "".join(f'<span class="{k}">{k} {v:,}</span>' for k, v in sizes.items())
    over = view.tokens - limit
    rest = f"{over:,} too many" if over > 0 else f"{-over:,} left"
    total = f'<span class="total">{view.tokens:,} of {limit:,} tokens, {rest}</span>'
    learnt = (
        f"<span class='total'>{view.supervised_tokens:,} learnt</span>"
        if view.supervised_tokens
        else ""
    )
    return (
        f'<div class="radu-size"><div class="bar">{bars}{mark if over > 0 else ""}</div>'
        f'<div class="figures">{figures}{total}{learnt}</div></div>'
    )
