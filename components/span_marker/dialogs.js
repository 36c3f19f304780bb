// The dialogs: each asks one thing and hands the answer on. Esc closes them all.

import { el, kbd } from "./dom.js";
import { KEYS, MOVES } from "./keys.js";
import { when } from "./view.js";

const REASONS = [
  "not a request",
  "several requests in one",
  "can't be understood",
  "personal data",
  "a duplicate",
  "another language",
];

/** The functions with all the words typed in name or description; best those whose name begins so. */
export function matching(functions, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const named = (f) => (f.name ?? "out of scope").toLowerCase();
  const place = (f) => {
    if (named(f).startsWith(typed.trim().toLowerCase())) return 0;
    return words.every((w) => named(f).includes(w)) ? 1 : 2;
  };
  return functions
    .filter((f) =>
      words.every((w) => `${named(f)} ${f.description ?? ""}`.toLowerCase().includes(w)),
    )
    .sort((a, b) => place(a) - place(b)); // stable: as in the schema
}

/** Opens one dialog at a time in `root`; keys go to it while it is open. */
export class Dialogs {
  constructor(root, closed) {
    this.root = root;
    this.closed = closed;
  }

  get open() {
    return this.dialog ?? null;
  }

  show(title, ...content) {
    this.close();
    const dialog = el(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      el("h2", { id: "dialog-title" }, title),
      ...content,
    );
    dialog.addEventListener("close", () => this.close(dialog)); // Esc, or the browser's own way
    dialog.addEventListener("click", (event) => event.target === dialog && this.close());
    this.root.append(dialog);
    this.dialog = dialog;
    dialog.showModal();
    dialog.scrollTop = 0; // the button that has the focus may be at the end
    return dialog;
  }

  /** At once: the next key is for what lies beneath, and the event comes only later. */
  close(dialog = this.dialog) {
    if (!dialog || this.dialog !== dialog) return;
    this.dialog = null;
    this.keys = null;
    dialog.remove();
    this.closed();
  }

  /** A key pressed while a dialog is open; true when it was used. */
  key(event) {
    if (event.key === "Escape") {
      this.close();
      return true;
    }
    return this.keys ? this.keys(event) : false;
  }

  /** One line of text. `suggestions` are offered while typing. */
  ask(title, { value = "", label, suggestions = [], save = "Save", empty = false }, answer) {
    const list = suggestions.length
      ? el(
          "datalist",
          { id: "suggested" },
          suggestions.map((s) => el("option", { value: s })),
        )
      : null;
    const input = el("input", {
      type: "text",
      value,
      id: "answer",
      autocomplete: "off",
      maxlength: 2000,
      dir: "auto",
      list: list ? "suggested" : null,
    });
    const form = el(
      "form",
      { method: "dialog" },
      el("label", { for: "answer" }, label),
      input,
      list,
      buttons(save, () => this.close()),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!input.value.trim() && !empty) return;
      this.close();
      answer(input.value);
    });
    this.show(title, form);
    input.select();
  }

  discard(answer) {
    const input = el("input", { type: "text", id: "answer", autocomplete: "off", maxlength: 500 });
    const done = (reason) => {
      this.close();
      answer(reason);
    };
    const form = el(
      "form",
      { method: "dialog" },
      el(
        "div",
        { class: "options" },
        REASONS.map((reason, i) =>
          el(
            "button",
            { type: "button", class: "option", onclick: () => done(reason) },
            kbd(i + 1),
            ` ${reason}`,
          ),
        ),
      ),
      el("label", { for: "answer" }, "Another reason"),
      input,
      buttons("Discard", () => this.close()),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) done(input.value.trim());
    });
    this.show("Discard: why?", form);
    input.focus();
    this.keys = (event) => {
      const reason = /^[1-9]$/.test(event.key) && !input.value ? REASONS[event.key - 1] : null;
      if (reason) done(reason);
      return Boolean(reason);
    };
  }

  /** Choose a function by typing some of its name or description. `null` is out of scope. */
  choose(functions, current, answer) {
    const all = [
      ...functions.map((f) => ({ name: f.name, description: f.description })),
      { name: null, description: "no function of this bot" },
    ];
    let shown = all;
    let at = Math.max(
      0,
      all.findIndex((f) => f.name === current),
    );
    const input = el("input", {
      type: "text",
      id: "answer",
      autocomplete: "off",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "functions",
      "aria-label": "Search the functions",
    });
    const list = el("div", {
      id: "functions",
      role: "listbox",
      class: "options",
      "aria-label": "Functions",
    });
    const done = (name) => {
      this.close();
      if (name !== current) answer(name);
    };
    const paint = () => {
      list.replaceChildren(
        ...shown.map(({ name, description }, i) =>
          el(
            "div",
            {
              role: "option",
              id: `function-${i}`,
              class: "option",
              "aria-selected": String(i === at),
              onclick: () => done(name),
            },
            el("b", {}, name ?? "out of scope"),
            name === current ? el("i", {}, " as now") : null,
            ` ${description ?? ""}`,
          ),
        ),
      );
      input.setAttribute("aria-activedescendant", shown.length ? `function-${at}` : "");
      list.children[at]?.scrollIntoView({ block: "nearest" });
    };
    input.addEventListener("input", () => {
      shown = matching(all, input.value);
      at = 0;
      paint();
    });
    this.show(
      "Which function is it?",
      input,
      list,
      buttons(null, () => this.close(), "Cancel"),
    );
    paint();
    input.focus();
    this.keys = (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && shown.length) {
        at = (at + step + shown.length) % shown.length;
        paint();
        return true;
      }
      if (event.key === "Enter" && shown[at]) {
        done(shown[at].name);
        return true;
      }
      return false;
    };
  }

  help() {
    this.show(
      "Keys",
      el(
        "dl",
        { class: "help" },
        help().map(([keys, what]) => [
          el(
            "dt",
            {},
            keys.split(", ").flatMap((k, i) => [i ? ", " : "", ...kbd(k)]),
          ),
          el("dd", {}, what),
        ]),
      ),
      el(
        "p",
        { class: "quiet" },
        "By mouse or touch: click a word, drag over words (with Alt: over characters), then click the " +
          "slot. Click a marked place to select it.",
      ),
      buttons(null, () => this.close()),
    );
  }

  guidelines(text) {
    this.show(
      "Guidelines",
      text
        ? el("div", { class: "prose", dir: "auto" }, markdown(text))
        : el("p", { class: "quiet" }, "Nobody has written any yet: below, under Guidelines."),
      buttons(null, () => this.close()),
    );
  }

  history(events, restore) {
    const rows = events.map((event) =>
      el(
        "li",
        {},
        el("p", {}, el("b", {}, event.kind), ` by ${event.who}, `, when(event.at)),
        event.note ? el("p", {}, event.note) : null,
        el(
          "ul",
          {},
          (event.changes ?? []).map((line) => el("li", { dir: "auto" }, line)),
        ),
        event.restorable === false
          ? null
          : el(
              "button",
              {
                type: "button",
                class: "plain",
                onclick: () => {
                  this.close();
                  restore(event.id);
                },
              },
              "Restore the state before this",
            ),
      ),
    );
    this.show(
      "History",
      rows.length
        ? el("ol", { class: "history" }, rows)
        : el("p", { class: "quiet" }, "Nobody has decided anything here yet."),
      buttons(null, () => this.close()),
    );
  }

  note(title, text) {
    this.show(
      title,
      el("p", {}, text),
      buttons(null, () => this.close()),
    );
  }
}

const help = () => [
  ...KEYS.filter((k) => k.act === "accept").map((k) => [k.key, k.help]),
  ...MOVES,
  ...KEYS.filter((k) => k.help && k.act !== "accept").map((k) => [k.key, k.help]),
];

function buttons(save, cancel, label = save ? "Cancel" : "Close") {
  return el(
    "div",
    { class: "buttons" },
    save ? el("button", { type: "submit", class: "primary" }, save, " ", kbd("Enter")) : null,
    el("button", { type: "button", class: "plain", onclick: cancel }, label, " ", kbd("Esc")),
  );
}

/** The Markdown that guidelines need: headings, lists, paragraphs, emphasis, code. All as text. */
export function markdown(text) {
  const blocks = [];
  let list = null;
  for (const line of text.split("\n")) {
    const heading = /^(#{1,4})\s+(.*)/.exec(line);
    const entry = /^(\s*)([-*]|\d+\.)\s+(.*)/.exec(line);
    if (entry) {
      const kind = /\d/.test(entry[2]) ? "OL" : "UL";
      const deeper = entry[1].length > 1 && list?.lastElementChild;
      if (deeper) {
        const inner = list.lastElementChild.querySelector("ul, ol") ?? el(kind);
        if (!inner.parentElement) list.lastElementChild.append(inner);
        inner.append(el("li", {}, inline(entry[3])));
        continue;
      }
      if (list?.tagName !== kind) blocks.push((list = el(kind)));
      list.append(el("li", {}, inline(entry[3])));
      continue;
    }
    list = null;
    if (heading) blocks.push(el(heading[1].length < 3 ? "h3" : "h4", {}, inline(heading[2])));
    else if (line.trim()) blocks.push(el("p", {}, inline(line)));
  }
  return blocks;
}

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|\*[^*\s][^*]*\*|_[^_\s][^_]*_|`[^`]+`)/).map((part) => {
    if (/^\*\*.+\*\*$/.test(part)) return el("b", {}, part.slice(2, -2));
    if (/^([*_]).+\1$/.test(part)) return el("em", {}, part.slice(1, -1));
    if (/^`.+`$/.test(part)) return el("code", {}, part.slice(1, -1));
    return part;
  });
}
