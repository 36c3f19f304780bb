// The item on the table: its draft, what is selected, and what each key or click does to them.

import * as drafts from "./draft.js";
import { draft as kept } from "./journal.js";
import { cuts, tokens } from "./text.js";

const DIGITS = "123456789";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
export const UNLABELLED = "Press f to choose its function, or x if it is out of scope.";

export class Editor {
  constructor(session, say, changed) {
    this.session = session;
    this.say = say; // tells a screen reader
    this.changed = changed;
    this.item = null;
  }

  /** Put the session's current item on the table. */
  load() {
    const { current } = this.session;
    this.item = current;
    this.selection = null; // {from, to} in units, `from` where it began
    this.past = []; // [{draft, item}]
    this.future = [];
    this.dropped = [];
    this.hint = null;
    this.picked = 0; // which opinion or version is highlighted
    this.anchor = this.head = 0; // tokens between which words are selected
    if (!current) return;
    this.tokens = tokens(current.utterance, this.session.config.language);
    this.cuts = cuts(current.utterance);
    const mine = this.leftOf(current);
    this.told = drafts.begin(current); // what the item's reason is of
    this.draft = mine ?? this.told;
    this.touched = Boolean(mine);
    if (mine) this.item = drafts.rebased(mine, current).item;
    if (mine) this.draft = drafts.rebased(mine, current).draft;
  }

  /** What was marked of an item before: refused, taken back, or cut short by a reload; or null. */
  leftOf(item) {
    const refused = item.problem?.status === "refused" ? item.problem.mine?.draft : null;
    if (refused ?? item.draft) return refused ?? item.draft;
    const left = kept.load(this.session.journal.client);
    return left?.id === item.id && left.revision === item.revision ? left.draft : null;
  }

  /** The same item, of a newer revision: what is being done to it goes on. */
  replace() {
    const { offsets, revision, stamp } = this.session.current;
    this.item = { ...this.item, offsets, revision, stamp };
  }

  // What is known

  get text() {
    return this.item.utterance;
  }

  /** Whether nobody has said what it means: without a function it isn't out of scope. */
  get unlabelled() {
    return Boolean(this.item.unlabelled) && this.draft.function === null;
  }

  get functions() {
    return this.session.about?.functions ?? [];
  }

  get definition() {
    return this.functions.find((f) => f.name === this.draft.function);
  }

  slotOf(name) {
    return this.definition?.slots.find((s) => s.name === name);
  }

  /** What a key assigns while something is selected: `{key, slot, argument}`; digits, then letters. */
  get targets() {
    const asked = this.draft.arguments.map((argument, i) => ({
      key: DIGITS[i] ?? LETTERS[i - DIGITS.length] ?? null,
      slot: argument.slot,
      argument,
    }));
    const used = Math.max(0, asked.length - DIGITS.length);
    const have = new Set(this.draft.arguments.map((a) => a.slot));
    const further = (this.definition?.slots ?? [])
      .filter((slot) => slot.multi_value || !have.has(slot.name))
      .map((slot, i) => ({ key: LETTERS[used + i] ?? null, slot: slot.name, argument: null }));
    return [...asked, ...further];
  }

  /** The argument asked for, and where it may stand: what a digit chooses where no reading is left. */
  get asked() {
    const argument = this.draft.arguments.find((a) => a.key === this.draft.active);
    if (!argument) return null;
    const known = this.item.arguments[argument.key];
    const mine = known && known.slot === argument.slot && same(known.value, argument.value);
    return { argument, places: mine ? known.places.slice(0, 9) : [] };
  }

  /** What digits do now: "slots", "opinions", "conflict", "readings", "places" or "nothing". */
  get digits() {
    if (this.selection) return "slots";
    if (this.item.problem?.status === "conflict") return "conflict";
    if (this.item.opinions.length > 1 && !this.touched) return "opinions";
    const asked = this.asked;
    const unmarked = asked && !this.draft.marks.some((m) => m.key === asked.argument.key);
    if (this.draft.chosen < 0 && unmarked && asked.places.length) return "places";
    if (this.item.readings.length) return "readings";
    return asked?.places.length ? "places" : "nothing";
  }

  stateOf(argument) {
    return drafts.stateOf(this.draft, this.item, argument);
  }

  isOpen(argument) {
    return drafts.open(this.draft).some((a) => a.key === argument.key);
  }

  /** Whether the item's reason is of what is shown: it was given before anything was changed. */
  get isToldOf() {
    return drafts.alike(this.draft, this.told);
  }

  // Changing the draft

  change(draft, item = this.item) {
    if (draft === this.draft) return;
    this.past.push({ draft: this.draft, item: this.item });
    this.future = [];
    this.set({ draft, item });
  }

  set({ draft, item }) {
    this.draft = draft;
    this.item = item;
    this.touched = true;
    const { id, revision } = item;
    kept.save(this.session.journal.client, { id, revision, draft });
    this.changed();
  }

  choose(number) {
    if (!this.item.readings[number]) return;
    this.change(drafts.choose(this.draft, this.item, number));
    this.say(`Reading ${number + 1}`);
  }

  digit(number) {
    const kind = this.digits;
    if (kind === "slots") this.assign(String(number));
    else if (kind === "conflict") this.settle(number);
    else if (kind === "opinions") this.adjudicate(number - 1);
    else if (kind === "readings") this.choose(number - 1);
    else if (kind === "places") this.choosePlace(number - 1);
  }

  /** A reading, opinion or version that was clicked; its digit may mean a place instead. */
  pick(number) {
    const { item } = this;
    this.selection = null;
    if (item.problem?.status === "conflict" || item.opinions.length > 1) this.digit(number + 1);
    else this.choose(number);
  }

  /** ↑ and ↓: another reading, opinion or version is highlighted; Enter takes it. */
  step(by) {
    const { item } = this;
    const between = (number, count) => Math.max(0, Math.min(count - 1, number));
    if (this.digits === "opinions" || this.digits === "conflict") {
      const count =
        this.digits === "opinions" ? item.opinions.length : 1 + Boolean(item.problem.mine);
      this.picked = between(this.picked + by, count);
      this.changed();
      this.say(`Number ${this.picked + 1}`);
    } else if (item.readings.length)
      this.choose(between(this.draft.chosen + by, item.readings.length));
  }

  choosePlace(number) {
    const { argument, places } = this.asked;
    if (!places[number]) return;
    this.change(drafts.place(this.draft, argument.key, places[number]));
    this.say(`${argument.slot}: place ${number + 1}`);
  }

  /** Give the selected words to the target with that key; whether there is one. */
  assign(key) {
    const target = this.targets.find((t) => t.key === key);
    if (!target) return false;
    this.assignTo(target);
    return true;
  }

  assignTo({ slot, argument }) {
    const range = this.range;
    if (!range) return;
    this.selection = null;
    if (argument) {
      this.change(drafts.place(this.draft, argument.key, range));
    } else {
      const words = this.text.slice(range.start, range.end);
      this.change(drafts.add(this.draft, slot, typed(words, this.slotOf(slot)), range));
    }
    this.say(`${this.text.slice(range.start, range.end)} is ${slot}`);
  }

  /** Enter with words selected: they are what is asked for; if nothing else was open, accept. */
  assignAsked() {
    const { arguments: all } = this.draft;
    const argument = this.asked?.argument ?? (all.length === 1 ? all[0] : null);
    if (!argument) {
      this.say("Press the key of a slot");
      return;
    }
    const left = drafts.open(this.draft);
    this.assignTo({ slot: argument.slot, argument });
    if (left.length === 1 && left[0].key === argument.key) this.accept();
  }

  imply() {
    const key = this.asked?.argument.key ?? drafts.open(this.draft)[0]?.key;
    if (key === undefined) {
      this.say("Every value is placed");
      return;
    }
    const { slot } = this.draft.arguments.find((a) => a.key === key);
    this.change(drafts.imply(this.draft, key));
    this.say(`${slot} ${this.draft.implied.includes(slot) ? "is implied" : "isn't implied"}`);
  }

  activate(key) {
    this.draft = drafts.activate(this.draft, key);
    this.changed();
  }

  /** Ask for the next value, or the one before. */
  turn(step) {
    this.draft = drafts.turn(this.draft, step);
    this.changed();
    const asked = this.draft.arguments.find((a) => a.key === this.draft.active);
    if (asked) this.say(`${asked.slot}: ${asked.value}, ${this.stateOf(asked)}`);
  }

  markUnder(range) {
    return this.draft.marks.find((m) => m.start < range.end && range.start < m.end) ?? null;
  }

  unmarkSelected() {
    const found = this.range && this.markUnder(this.range);
    if (!found) return false;
    this.selection = null;
    this.change(drafts.unmark(this.draft, found.key));
    this.say("Mark removed");
    return true;
  }

  /** Correct the value of an argument (`words` as typed; none: take the argument away). */
  setValue(key, words) {
    const { slot } = this.draft.arguments.find((a) => a.key === key);
    const value = words.trim() === "" ? null : typed(words.trim(), this.slotOf(slot));
    this.relabel(drafts.setValue(this.draft, key, value, this.text));
  }

  setFunction(name) {
    const slots = this.functions.find((f) => f.name === name)?.slots.map((s) => s.name) ?? [];
    const dropped = this.draft.arguments.filter((a) => !slots.includes(a.slot));
    this.relabel(drafts.setFunction(this.draft, name, slots));
    this.dropped = dropped;
    this.changed();
  }

  /** Other labels: the readings of the old ones are gone; where something is open, look it up. */
  relabel(draft) {
    const fresh = drafts.rebased(draft, { ...this.item, function: draft.function, readings: [] });
    this.change(fresh.draft, fresh.item);
    if (drafts.open(this.draft).length) this.lookUp();
  }

  /** Ask the studio where changed values stand; without it they are marked by hand. */
  async lookUp() {
    const { item, draft } = this;
    let found;
    try {
      found = await this.session.align(item.id, draft.function, this.labels());
    } catch {
      return; // marking by hand needs nothing from the server
    }
    if (this.item !== item || this.draft !== draft) return;
    const readings = found.readings.filter((r) => drafts.agrees(draft, r));
    const fresh = drafts.rebased(draft, { ...item, arguments: found.arguments, readings });
    const sure = readings[0]?.preselected;
    const best = sure ? drafts.adopt(fresh.draft, fresh.item) : fresh.draft;
    this.told = best;
    this.set({ draft: best, item: { ...fresh.item, reason: found.reason } });
  }

  undo() {
    if (this.turnBack(this.past, this.future)) return "The last change was undone";
    const entry = this.session.undo();
    return entry ? `Undone: ${entry.what}` : "There is nothing to undo";
  }

  redo() {
    if (this.turnBack(this.future, this.past)) return "Redone";
    const entry = this.session.redo();
    return entry ? `Redone: ${entry.what}` : "There is nothing to redo";
  }

  /** Take the newest state of one pile, and put that of now on the other; whether there is one. */
  turnBack(from, to) {
    if (!from.length) return false;
    to.push({ draft: this.draft, item: this.item });
    this.set(from.pop());
    return true;
  }

  // Selecting

  get range() {
    if (!this.selection) return null;
    const { from, to } = this.selection;
    return from <= to ? { start: from, end: to } : { start: to, end: from };
  }

  get selected() {
    const range = this.range;
    return range ? this.text.slice(range.start, range.end) : "";
  }

  select(range) {
    this.selection = range && { from: range.start, to: range.end };
    const touched = range
      ? [...this.tokens.keys()].filter(
          (n) => this.tokens[n].start < range.end && range.start < this.tokens[n].end,
        )
      : [];
    if (touched.length) [this.anchor, this.head] = [touched[0], touched.at(-1)];
    this.changed();
    if (range) this.say(`Selected: ${this.selected}`);
  }

  /** From one token to another, whole tokens. */
  selectTokens(first, last) {
    const [a, b] = first <= last ? [first, last] : [last, first];
    this.select({ start: this.tokens[a].start, end: this.tokens[b].end });
    [this.anchor, this.head] = [first, last];
  }

  /** Move by tokens (`step` ±1), or grow the selection with `extend`; false at the text's end. */
  move(step, extend) {
    const count = this.tokens.length;
    if (!count) return false;
    if (!this.selection) {
      const at = step > 0 ? 0 : count - 1;
      this.selectTokens(at, at);
      return true;
    }
    const head = this.head ?? 0;
    const next = head + step;
    if (next < 0 || next >= count) return false;
    this.selectTokens(extend ? (this.anchor ?? head) : next, next);
    return true;
  }

  /** Move an edge by characters that a reader sees: the end, or with `start` the beginning. */
  nudge(step, start) {
    const range = this.range ?? {
      start: this.tokens[0]?.start ?? 0,
      end: this.tokens[0]?.end ?? 0,
    };
    const edge = start ? range.start : range.end;
    const at = this.cuts.indexOf(edge);
    const next = this.cuts[(at < 0 ? this.cuts.findIndex((c) => c > edge) : at) + step];
    if (next === undefined) return;
    const moved = start ? { start: next, end: range.end } : { start: range.start, end: next };
    if (moved.start < moved.end) this.select(moved);
  }

  // Deciding

  labels() {
    const listed = (slot) => Boolean(this.slotOf(slot)?.multi_value);
    return drafts.labels(this.draft, listed);
  }

  /** The draft as an operation's fields, offsets in code points; null where one can't be counted. */
  fields() {
    const { offsets } = this.item;
    const byKey = new Map(this.draft.arguments.map((a) => [a.key, a]));
    const spans = this.draft.marks.map(({ key, start, end }) => ({
      slot: byKey.get(key).slot,
      value: byKey.get(key).value,
      start: offsets.toPoints(start),
      end: offsets.toPoints(end),
      text: this.text.slice(start, end),
    }));
    return {
      function: this.draft.function,
      arguments: this.labels(),
      spans: spans.sort((a, b) => a.start - b.start),
      implied: this.draft.implied.filter((s) => this.draft.arguments.some((a) => a.slot === s)),
      reading: this.draft.chosen >= 0 ? this.draft.chosen : null,
    };
  }

  /** What can be done about a value that is neither placed nor implied. */
  get wayOn() {
    const first = {
      readings: "press 1 for the first reading",
      places: "press 1 for its first place",
    };
    const begin = first[this.digits];
    return `${begin ? `${begin}, ` : ""}mark it, or press i (implied) or n (edit)`;
  }

  /** Accept what is shown and continue; where something is open, say what. */
  accept() {
    if (this.item.waits || (this.draft.function && !this.session.about)) {
      this.hint = this.item.waits ? "It is being restored …" : "Loading the functions …";
      this.changed();
      return;
    }
    if (this.digits === "conflict" && !this.touched) {
      this.settle(this.picked + 1);
      return;
    }
    if (this.digits === "opinions" && !this.touched) {
      this.adjudicate(this.picked);
      return;
    }
    if (this.unlabelled) {
      this.hint = UNLABELLED;
      this.say(UNLABELLED);
      this.changed();
      return;
    }
    const [left] = drafts.open(this.draft);
    if (left) {
      this.activate(left.key);
      this.say(`${left.slot} is neither placed nor implied`);
      this.hint = `${left.slot} = ${left.value} is open: ${this.wayOn}.`;
      this.changed();
      return;
    }
    if (this.item.flag && !this.touched) this.decide("keep", {}, "label kept");
    else this.decide("decide", this.fields(), "accepted");
  }

  decide(kind, fields, what) {
    if (this.session.decide(kind, fields, what, this.draft)) this.say(what);
  }

  /** Restore the item's state before an event; it is shown again once that is done. */
  restore(id, event) {
    if (this.item?.id !== id || !this.session.remark("restore", { event })) return;
    this.session.current = { ...this.session.current, waits: true };
    this.session.changed("item");
    this.say("Restored");
  }

  outOfScope() {
    const fields = { function: null, arguments: {}, spans: [], implied: [], reading: null };
    this.decide("decide", fields, "out of scope");
  }

  adjudicate(choice) {
    if (this.item.opinions[choice]) {
      this.decide("adjudicate", { choice }, `${this.item.opinions[choice].who}'s opinion adopted`);
    }
  }

  /** After a conflict: 1 leaves the other's version, 2 stores this one over it. */
  settle(number) {
    const { mine } = this.item.problem;
    if (number === 1) {
      this.session.next();
      this.say("The other version stays");
    } else if (number === 2 && mine) {
      this.session.decide(mine.kind, mine.fields, "yours, over the other version", mine.draft);
    }
  }
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Words as a value of a slot's type: a number or yes/no where the slot wants one. */
export function typed(words, slot) {
  if (!slot) return words;
  const allowed = (slot.values ?? []).find((v) => String(v).toLowerCase() === words.toLowerCase());
  if (allowed !== undefined) return allowed;
  if (/^(integer|number)$/.test(slot.type) && /^-?\d{1,15}(\.\d+)?$/.test(words))
    return Number(words);
  if (slot.type === "boolean" && /^(true|yes)$/i.test(words)) return true;
  if (slot.type === "boolean" && /^(false|no)$/i.test(words)) return false;
  return words;
}
