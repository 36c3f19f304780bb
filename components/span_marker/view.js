// Painting: each function fills one region from the editor and the session, and nothing else.

import { el, kbd } from "./dom.js";
import { UNLABELLED } from "./editor.js";
import { pieces, templateParts } from "./text.js";

const QUEUES = {
  ambiguous: "ambiguous",
  unlocated: "unlocated",
  invalid: "invalid",
  suspected: "suspected errors",
  disagreement: "disagreements",
  evaluation: "errors in evaluation",
  unlabelled: "unlabelled",
};

export const hue = (number) => `h${number % 8}`;
const percent = (share) => `${Math.round(share * 100)} %`;
export const when = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
const count = (number) => Number(number).toLocaleString("en");

/** Which colour a slot has in this item: its place among the function's slots. */
function hues(editor) {
  const names = [
    ...editor.draft.arguments.map((a) => a.slot),
    ...(editor.definition?.slots ?? []).map((s) => s.name),
  ];
  return new Map([...new Set(names)].map((name, i) => [name, hue(i)]));
}

export function counts(session) {
  const waiting = Object.entries(session.counts).filter(([, number]) => number > 0);
  const { progress } = session;
  return [
    ...waiting.map(([queue, number]) =>
      el("span", { class: "count" }, el("b", {}, count(number)), ` ${QUEUES[queue] ?? queue}`),
    ),
    progress &&
      el(
        "span",
        { class: "count quiet" },
        `${count(progress.resolved)} of ${count(progress.total)} resolved`,
      ),
    progress &&
      el(
        "span",
        { class: "count quiet" },
        `today ${count(progress.today)}, yours ${count(progress.mine)}`,
      ),
  ].filter(Boolean);
}

export function saved(session) {
  if (session.unsaved === 0) return [el("span", { class: "ok" }, "✓ All saved")];
  const words = session.problem ? "kept on this computer" : "saving …";
  return [el("span", { class: session.problem ? "warn" : "quiet" }, `${session.unsaved} ${words}`)];
}

export function head(editor) {
  const { item } = editor;
  const name = editor.draft.function;
  const about = editor.definition?.description ?? item.description;
  return [
    el("span", { class: "function" }, editor.unlabelled ? "unlabelled" : (name ?? "out of scope")),
    name && el("span", { class: "about", title: about }, about),
    el(
      "span",
      { class: "where" },
      [
        QUEUES[item.queue] ?? item.outcome ?? "new",
        item.split,
        item.context ? `the bot had asked for ${item.context}` : null,
        item.id,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  ].filter(Boolean);
}

export function why(editor) {
  const { item } = editor;
  const lines = [];
  if (item.problem) lines.push(el("p", { class: "problem" }, `⚠ ${item.problem.message}`));
  if (item.held) {
    const who = item.held === editor.session.config.who ? "Another tab of yours" : item.held;
    lines.push(el("p", { class: "problem" }, `⚠ ${who} has this one, too, at the moment.`));
  }
  if (item.flag) lines.push(el("p", { class: "flag" }, `⚑ ${item.flag}`));
  if (item.reason) {
    const before = editor.isToldOf ? null : el("i", {}, "Before your changes: ");
    lines.push(el("p", {}, before, item.reason));
  }
  if (editor.dropped.length) {
    const left = editor.dropped.map((a) => `${a.slot} = ${a.value}`).join(", ");
    lines.push(
      el("p", { class: "problem" }, `⚠ This function has no such slots; left out: ${left}`),
    );
  }
  return lines;
}

export function utterance(editor) {
  const { item, draft } = editor;
  const colours = hues(editor);
  const numbers = new Map(draft.arguments.map((a, i) => [a.key, i + 1]));
  const slots = new Map(draft.arguments.map((a) => [a.key, a.slot]));
  const range = editor.range;
  const choices = editor.digits === "places" ? editor.asked.places : [];
  return pieces(item.utterance, [...editor.tokens], [...draft.marks]).flatMap((piece) => {
    const words = item.utterance.slice(piece.start, piece.end);
    const mark = draft.marks[piece.span];
    const chosen = range && range.start < piece.end && piece.start < range.end;
    const first = mark && mark.start === piece.start;
    const last = mark && mark.end === piece.end;
    const place = choices.findIndex((c) => c.start === piece.start);
    const classes = [
      piece.token >= 0 ? "token" : "gap",
      mark && `mark ${colours.get(slots.get(mark.key))}`,
      first && "first",
      last && "last",
      chosen && "chosen",
      choices.some((c) => c.start <= piece.start && piece.end <= c.end) && "possible",
    ];
    const option = piece.token >= 0;
    return el(
      "span",
      {
        class: classes.filter(Boolean).join(" "),
        id: `piece-${piece.start}`,
        "data-start": piece.start,
        "data-end": piece.end,
        "data-token": piece.token,
        "data-mark": mark ? mark.key : null,
        role: option ? "option" : "none",
        "aria-selected": option ? String(Boolean(chosen)) : null,
        "aria-label": option && mark ? `${words}, ${slots.get(mark.key)}` : null,
      },
      words,
      first && [
        el("span", { class: "strut", "aria-hidden": "true" }),
        el("span", { class: "lead", "aria-hidden": "true" }),
        el(
          "span",
          { class: "tag", "aria-hidden": "true" },
          el("bdi", { dir: "ltr" }, el("b", {}, numbers.get(mark.key)), ` ${slots.get(mark.key)}`),
        ),
      ],
      place >= 0 && el("span", { class: "pick", "aria-hidden": "true" }, kbd(place + 1)),
    );
  });
}

export function labels(editor, on) {
  const colours = hues(editor);
  const assigning = Boolean(editor.selection);
  const targets = assigning ? editor.targets : editor.targets.filter((t) => t.argument);
  if (!targets.length && !assigning) {
    return [el("p", { class: "quiet" }, noValues(editor))];
  }
  const marked = assigning && editor.markUnder(editor.range);
  const off =
    marked &&
    el(
      "button",
      { type: "button", class: "plain", onclick: () => editor.unmarkSelected() },
      "Take the mark off ",
      kbd("Del"),
    );
  return [
    ...targets.map(({ key, slot, argument }) => {
      const state = argument ? editor.stateOf(argument) : "no value yet";
      const open = argument && editor.isOpen(argument);
      const active = argument && argument.key === editor.draft.active;
      const known = editor.slotOf(slot);
      return el(
        "button",
        {
          type: "button",
          class: `label ${colours.get(slot)} ${open ? "open" : ""} ${active ? "active" : ""}`,
          title: known?.description ?? null,
          "aria-pressed": String(Boolean(active)),
          onclick: () => on({ slot, argument }),
        },
        assigning && key
          ? kbd(key)
          : el("span", { class: "sign", "aria-hidden": "true" }, sign(state)),
        el("span", { class: "slot" }, slot),
        argument && el("span", { class: "value", dir: "auto" }, String(argument.value)),
        el("span", { class: "state" }, state),
      );
    }),
    off,
  ].filter(Boolean);
}

function noValues(editor) {
  if (editor.unlabelled) return UNLABELLED;
  if (editor.draft.function) return "No values. Select words to give them to a slot.";
  return "Out of scope: no values.";
}

function sign(state) {
  return { placed: "●", marked: "●", suggested: "◐", implied: "◌" }[state] ?? "○";
}

export function readings(editor, on) {
  if (editor.item.problem?.status === "conflict") return conflict(editor, on);
  if (editor.item.opinions.length > 1) return opinions(editor, on);
  return chosen(
    editor,
    editor.item.readings.map((reading, number) => ({
      spans: reading.spans,
      note: percent(reading.confidence),
      implied: reading.implied,
      checked: editor.draft.chosen === number,
    })),
    on,
    "Readings",
  );
}

function opinions(editor, on) {
  return chosen(
    editor,
    editor.item.opinions.map((opinion, number) => ({
      spans: opinion.spans,
      title: `${opinion.who}: ${said(opinion)}`,
      implied: opinion.implied,
      checked: editor.picked === number,
    })),
    on,
    "Opinions",
  );
}

function conflict(editor, on) {
  const { item } = editor;
  const { mine } = item.problem;
  const discarded = item.reason.startsWith("Discarded by ");
  const title = `As it is now: ${said({ ...item, discarded })}`;
  const lines = [{ title, spans: item.spans, implied: item.implied, checked: editor.picked === 0 }];
  if (mine) {
    const { fields } = mine;
    const spans = (fields.spans ?? []).map((s) => ({
      slot: s.slot,
      start: item.offsets.toUnits(s.start),
      end: item.offsets.toUnits(s.end),
    }));
    const what = mine.kind === "decide" ? said(fields) : mine.what;
    lines.push({
      title: `Yours: ${what}`,
      spans,
      implied: fields.implied ?? [],
      checked: editor.picked === 1,
    });
  }
  return chosen(editor, lines, on, "Versions");
}

const said = ({ discarded, unlabelled, function: name }) => {
  if (discarded) return "discarded";
  return unlabelled ? "unlabelled" : (name ?? "out of scope");
};

function chosen(editor, lines, on, name) {
  if (!lines.length) return [];
  const colours = hues(editor);
  const numbered = ["readings", "opinions", "conflict"].includes(editor.digits);
  return [
    el(
      "div",
      { role: "radiogroup", "aria-label": name, class: "list" },
      lines.map((line, number) =>
        el(
          "button",
          {
            type: "button",
            role: "radio",
            class: "reading",
            "aria-checked": String(Boolean(line.checked)),
            onclick: () => on(number),
          },
          el("span", { class: "pointer", "aria-hidden": "true" }, line.checked ? "▶" : ""),
          numbered ? kbd(number + 1) : el("span", { class: "sign" }, `${number + 1}.`),
          el(
            "span",
            { class: "template", dir: "auto" },
            line.title && el("b", { class: "title" }, `${line.title} `),
            templateParts(editor.text, line.spans).map((part) =>
              typeof part === "string"
                ? part
                : el(
                    "bdi",
                    { class: `slot-in ${colours.get(part.slot)}`, dir: "ltr" },
                    `<${part.slot}>`,
                  ),
            ),
            line.implied?.length ? el("i", {}, `  (implied: ${line.implied.join(", ")})`) : null,
          ),
          line.note ? el("span", { class: "note" }, line.note) : null,
        ),
      ),
    ),
  ];
}

export function comments(editor) {
  return editor.item.comments.map((c) =>
    el("p", { class: "comment" }, el("b", {}, c.who), ` ${when(c.at)}: `, c.text),
  );
}

export function empty(session) {
  const { others } = session;
  if (!session.drained) {
    return [el("p", {}, session.problem || "Getting the next utterances …")];
  }
  const { search, item } = session.config.filter;
  const words = search || item ? "Nothing else matches." : "Nothing is left in this queue.";
  const lines = [el("p", { class: "done" }, words)];
  if (others.items > 0) {
    const minutes = Math.max(1, Math.ceil(others.seconds / 60));
    lines.push(
      el(
        "p",
        {},
        `${count(others.items)} are with others, or in another tab of yours. What they leave comes ` +
          `back here by itself, in ${minutes} min at the latest.`,
      ),
    );
  }
  const next = search ? "Clear the search above" : "Choose another queue above";
  lines.push(el("p", { class: "quiet" }, `${next}, or press u to undo your last decision.`));
  return lines;
}
