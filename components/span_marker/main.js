// The component: one session per person and module, one view per place it is mounted at.

import { Dialogs } from "./dialogs.js";
import { el, kbd } from "./dom.js";
import { Editor } from "./editor.js";
import { ALWAYS, actionOf, KEYS } from "./keys.js";
import { Pointer } from "./pointer.js";
import { Session } from "./session.js";
import { arrange } from "./tags.js";
import * as view from "./view.js";

class Marker {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`.${name}`);
    this.marker = this.part("marker");
    this.marker.control = this; // for the browser's console, and for benchmarks
    this.dialogs = new Dialogs(this.marker, () => this.focus(true));
    this.onKey = (event) => this.key(event);
    window.addEventListener("keydown", this.onKey, true);
    this.pointer = new Pointer(this);
    this.sizes = new ResizeObserver(() => arrange(this.part("utterance"))); // lines break elsewhere
    this.sizes.observe(this.part("utterance"));
    document.fonts.ready.then(() => arrange(this.part("utterance")));
    this.part("actions").replaceChildren(
      ...KEYS.filter((k) => k.button).map(({ key, act, button }) =>
        el(
          "button",
          {
            type: "button",
            class: act === "accept" ? "primary" : "plain",
            "data-act": act,
            onclick: (event) => {
              this.act(act);
              if (event.detail > 0) this.focus(true); // by mouse: keys are for the utterance again
            },
          },
          button,
          " ",
          kbd(key),
        ),
      ),
    );
  }

  /** The page's data, at first and after every rerun; another person or module is another session. */
  async configure(config) {
    this.config = config;
    const owner = JSON.stringify([config.who, config.module]);
    if (owner === this.owner) {
      this.session?.configure(config);
      return;
    }
    this.owner = owner;
    this.session?.close();
    this.session = null;
    const session = await Session.open(config, (what) => this.changed(what));
    if (this.closed || this.owner !== owner) {
      session.close();
      return;
    }
    this.session = session;
    this.editor = new Editor(
      session,
      (words) => this.say(words),
      () => this.paint(),
    );
    session.configure(this.config);
    this.changed("item");
    session.start();
    this.arriving = true; // the first item takes the focus, from the link that led here, too
  }

  close() {
    this.closed = true;
    window.removeEventListener("keydown", this.onKey, true);
    this.sizes.disconnect();
    this.dialogs.close();
    this.session?.close();
  }

  // Painting

  changed(what) {
    if (!this.session) return;
    if (what === "item") {
      this.editor.load();
      this.paint();
      this.announce();
    }
    if (what === "replaced") this.editor.replace();
    if (what === "about") this.paint();
    this.paintState();
  }

  paintState() {
    const { session } = this;
    this.part("counts").replaceChildren(...view.counts(session));
    this.part("saved").replaceChildren(...view.saved(session));
    const banner = this.part("banner");
    const words = session.problem
      ? `${session.problem} You can continue: your decisions are kept on this computer and sent automatically.`
      : session.notice;
    banner.hidden = !words;
    if (banner.textContent !== (words ?? "")) banner.textContent = words ?? "";
  }

  paint() {
    const { editor } = this;
    const { item } = editor;
    this.part("stage").hidden = !item;
    this.part("empty").hidden = Boolean(item);
    this.marker.dataset.item = item?.id ?? "";
    this.tellLeft(item?.id ?? "");
    for (const button of this.part("actions").children) {
      button.disabled = !item && !ALWAYS.has(button.dataset.act);
    }
    if (!item) {
      this.part("empty").replaceChildren(...view.empty(this.session));
      return;
    }
    this.part("head").replaceChildren(...view.head(editor));
    this.part("why").replaceChildren(...view.why(editor));
    const box = this.part("utterance");
    box.replaceChildren(...view.utterance(editor));
    box.classList.toggle("long", item.utterance.length > 160);
    box.classList.toggle("very-long", item.utterance.length > 600);
    const head = editor.selection ? editor.range.start : null;
    if (head === null) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", `piece-${head}`);
    arrange(box);
    box.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
    this.part("hint").textContent = editor.selection
      ? `“${editor.selected}”: press the key of its slot, or click it.`
      : (editor.hint ?? "");
    editor.hint = null;
    this.part("labels").replaceChildren(...view.labels(editor, (target) => this.label(target)));
    this.part("readings").replaceChildren(
      ...view.readings(editor, (number) => editor.pick(number)),
    );
    this.part("comments").replaceChildren(...view.comments(editor));
    const { activeElement } = document;
    this.focus(this.arriving && !(activeElement && writes(activeElement)));
    this.arriving = false; // after this only where what had the focus was painted again
  }

  /** Tell the page once that the item of the link isn't the one that is shown any more. */
  tellLeft(id) {
    const linked = this.config.filter.item;
    if (linked && this.linked === linked && id !== linked) this.config.leave(linked);
    this.linked = id === linked ? linked : null;
  }

  announce() {
    const { item } = this.editor;
    if (!item) return;
    const meant = item.unlabelled ? "unlabelled" : (item.function ?? "out of scope");
    this.say(`${item.utterance}. ${meant}. ${item.reason}`);
  }

  say(words) {
    const live = this.part("live");
    live.textContent = live.textContent === words ? `${words} ` : words;
  }

  /** Put the focus on the utterance, unless something else has it (`anyway`: even then). */
  focus(anyway = false) {
    if (this.dialogs.open) return;
    const lost = !document.activeElement || document.activeElement === document.body;
    if (lost || anyway) this.part("utterance").focus({ preventScroll: true });
  }

  // Keys

  /** Every key goes through here first, so that none reaches the studio's own shortcuts. */
  key(event) {
    if (!this.session || !this.root.host?.isConnected || event.isComposing) return;
    const [target] = event.composedPath();
    const inside = event.composedPath().includes(this.marker);
    if (this.dialogs.open) {
      event.stopImmediatePropagation();
      if (this.dialogs.key(event)) event.preventDefault();
      return;
    }
    if (!inside && (writes(target) || inOverlay(event))) return;
    if (event.ctrlKey || event.metaKey) return;
    if (event.repeat && !REPEATED.test(event.key)) {
      // a key that is held decides once
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const button = target.closest?.("button, a, [role=button], [role=tab], summary");
    if (!inside && button && event.key.length === 1 && event.key !== " ") {
      event.stopImmediatePropagation(); // on a link or a button of the studio's: no letter decides
      return;
    }
    const native = ["Enter", " "].includes(event.key) && button;
    const walking = ["Tab", "ArrowLeft", "ArrowRight"].includes(event.key);
    const choosing = ["ArrowUp", "ArrowDown"].includes(event.key);
    if (
      native ||
      (walking && !this.onText(target)) ||
      (choosing && !inside && !this.onText(target))
    ) {
      event.stopImmediatePropagation();
      return;
    }
    if (this.press(event)) event.preventDefault();
    if (event.key !== "Tab" || event.defaultPrevented) event.stopImmediatePropagation();
  }

  /** Whether arrows and Tab mean words: the focus is on the utterance, or nowhere. */
  onText(target) {
    return target === document.body || target === this.part("utterance") || target === this.marker;
  }

  /** What a key does; true when it does something. */
  press(event) {
    const { editor } = this;
    const { key } = event;
    const name = actionOf(key, event.shiftKey);
    if (!editor.item) return this.perform(ALWAYS.has(name) ? name : null);
    if (/^Arrow(Left|Right)$/.test(key)) {
      const backwards = (key === "ArrowLeft") !== this.rightToLeft;
      if (event.altKey) editor.nudge(backwards ? -1 : 1, event.shiftKey);
      else editor.move(backwards ? -1 : 1, event.shiftKey);
      return true;
    }
    if (key === "Tab") return editor.move(event.shiftKey ? -1 : 1, false);
    if (event.altKey) return false;
    if (editor.selection) {
      if (key === "Escape") editor.select(null);
      else if (key === "Backspace" || key === "Delete") editor.unmarkSelected();
      else if (key === "Enter") editor.assignAsked();
      else if (key.length === 1 && !event.shiftKey) editor.assign(key.toLowerCase());
      else return false;
      return true;
    }
    if (/^[1-9]$/.test(key)) {
      editor.digit(Number(key));
      return true;
    }
    if (key === "ArrowDown" || key === "ArrowUp") {
      editor.step(key === "ArrowDown" ? 1 : -1);
      return true;
    }
    return this.perform(name);
  }

  perform(name) {
    if (name) this.act(name);
    return Boolean(name);
  }

  get rightToLeft() {
    return getComputedStyle(this.part("utterance")).direction === "rtl";
  }

  // Acting

  act(name) {
    const { editor, session } = this;
    const simple = {
      accept: () => editor.accept(),
      implied: () => editor.imply(),
      scope: () => editor.outOfScope(),
      skip: () => editor.decide("skip", {}, "skipped"),
      keep: () => editor.decide("keep", {}, "label kept"),
      undo: () => this.say(editor.item ? editor.undo() : this.undoWithoutItem()),
      redo: () => this.say(editor.item ? editor.redo() : "There is nothing to redo"),
      help: () => this.dialogs.help(),
      guidelines: () => this.dialogs.guidelines(session.about?.guidelines),
      value: () => editor.turn(1),
      previous: () => editor.turn(-1),
      edit: () => this.edit(),
      function: () => this.chooseFunction(),
      discard: () =>
        this.dialogs.discard((reason) =>
          editor.decide("discard", { reason }, `discarded: ${reason}`),
        ),
      comment: () => this.comment(),
      history: () => this.history(),
      link: () => this.copyLink(),
    };
    if (!editor.item && !ALWAYS.has(name)) return;
    if (name === "keep" && !editor.item.flag) {
      this.say("Nobody has questioned this label");
      return;
    }
    simple[name]();
  }

  undoWithoutItem() {
    const entry = this.session.undo();
    return entry ? `Undone: ${entry.what}` : "There is nothing to undo";
  }

  edit() {
    const { editor } = this;
    const key = editor.draft.active >= 0 ? editor.draft.active : editor.draft.arguments[0]?.key;
    const argument = editor.draft.arguments.find((a) => a.key === key);
    if (!argument) {
      this.say("There is no value to edit: select words to give a slot one");
      return;
    }
    const slot = editor.slotOf(argument.slot);
    this.dialogs.ask(
      `Value of ${argument.slot}`,
      {
        value: String(argument.value),
        label: slot?.description || "What it should be; nothing takes the value away",
        suggestions: (slot?.values ?? []).map(String),
        empty: true,
      },
      (words) => editor.setValue(key, words),
    );
  }

  chooseFunction() {
    const { editor } = this;
    if (!this.session.about) {
      this.hint("Loading the functions …");
      return;
    }
    const current = editor.unlabelled ? undefined : editor.draft.function;
    this.dialogs.choose(editor.functions, current, (name) => {
      if (name === null) editor.outOfScope();
      else editor.setFunction(name);
    });
  }

  comment() {
    const { item } = this.editor;
    this.dialogs.ask("Comment", { label: "For whoever sees this utterance next" }, (words) => {
      const text = words.trim();
      if (!this.session.remark("comment", { text })) return;
      item.comments.push({ who: this.config.who, at: new Date().toISOString(), text });
      this.paint();
    });
  }

  async history() {
    const { id } = this.editor.item;
    try {
      const { events } = await this.session.history(id);
      if (this.editor.item?.id !== id) return; // gone on meanwhile
      this.dialogs.history(events, (event) => this.editor.restore(id, event));
    } catch (error) {
      this.dialogs.note("History", error.message);
    }
  }

  async copyLink() {
    const { id } = this.editor.item;
    const link = new URL(location.href);
    link.search = new URLSearchParams({ module: this.config.module, item: id });
    try {
      await navigator.clipboard.writeText(link.href);
      this.say("Link copied");
      this.hint("Link copied.");
    } catch {
      this.dialogs.note("Link to this utterance", link.href);
    }
  }

  hint(words) {
    this.editor.hint = words;
    this.paint();
  }

  /** A value was clicked: it gets the selected words, or it is asked for. */
  label({ slot, argument }) {
    const { editor } = this;
    if (editor.selection) editor.assignTo({ slot, argument });
    else {
      const mark = editor.draft.marks.find((m) => m.key === argument.key);
      editor.activate(argument.key);
      if (mark) editor.select({ start: mark.start, end: mark.end });
    }
    this.focus(true);
  }
}

const REPEATED = /^(Arrow.*|Tab|Backspace|Delete)$/;

const writes = (target) =>
  target.matches?.(
    "input, textarea, select, [contenteditable=true], [role=combobox], [role=slider]",
  );

/** Whether a key is pressed in a dialog or a menu of the studio's own. */
const inOverlay = (event) =>
  event
    .composedPath()
    .some((e) => e.matches?.("[role=dialog], [role=menu], [role=listbox], [data-baseweb=popover]"));

const mounted = new WeakMap();

/**
 * Called by Streamlit on every rerun; the same root keeps its marker. Streamlit cleans up a call
 * that was overtaken by the next one, too: only the newest may close the marker.
 */
export function mount({ data, parentElement, setStateValue }) {
  let marker = mounted.get(parentElement);
  if (!marker) {
    marker = new Marker(parentElement);
    mounted.set(parentElement, marker);
  }
  const call = {};
  marker.call = call;
  marker.configure({
    ...data,
    renew: () => setStateValue("renewed", Date.now()),
    leave: (id) => setStateValue("left", id),
  });
  return () => {
    if (marker.call !== call) return;
    marker.close();
    mounted.delete(parentElement);
  };
}
