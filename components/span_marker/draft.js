// What an annotator is about to say of one item: pure functions, each gives a new draft.
//
// A draft: `function` (null: out of scope), `arguments` [{key, slot, value}], `marks`
// [{key, start, end, hand}] (units; `key` of the argument; `hand`: a person set it), `implied` [slot],
// `chosen` (number of the reading it equals, or -1), `active` (key of the argument asked for, or -1).

import { occurrences } from "./text.js";

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The draft an item begins with: its best reading where that is sure, else what is known of it. */
export function begin(item) {
  const bare = {
    function: item.function,
    arguments: item.arguments.map(({ slot, value }, key) => ({ key, slot, value })),
    marks: [],
    implied: [...item.implied],
    chosen: -1,
    active: -1,
  };
  if (item.readings[0]?.preselected && item.outcome !== "resolved") return choose(bare, item, 0);
  const marks = matched(bare.arguments, item.spans);
  const taken = new Set(marks.map((m) => m.key));
  item.arguments.forEach((argument, key) => {
    const [place] = argument.places;
    if (argument.state !== "once" || taken.has(key) || !place) return;
    if (!marks.some((m) => overlaps(m, place)))
      marks.push({ key, start: place.start, end: place.end });
  });
  return ask({ ...bare, marks });
}

/** Take a reading over. */
export function choose(draft, item, number) {
  const reading = item.readings[number];
  if (!reading) return draft;
  const guessed = item.arguments.findIndex((a) => ["missing", "unsure"].includes(a.state));
  const labels = item.arguments.map(({ slot, value }, key) => ({ key, slot, value }));
  return ask({
    function: item.function,
    arguments: labels,
    marks: matched(labels, reading.spans),
    implied: [...new Set([...item.implied, ...reading.implied])],
    chosen: number,
    active: guessed,
  });
}

/** Each span to the argument with its slot and value, every argument once. */
function matched(labels, spans) {
  const marks = [];
  for (const { slot, value, start, end } of spans) {
    const free = labels.find(
      (a) => a.slot === slot && same(a.value, value) && !marks.some((m) => m.key === a.key),
    );
    if (free) marks.push({ key: free.key, start, end });
  }
  return marks;
}

const overlaps = (a, b) => a.start < b.end && b.start < a.end;

/** The arguments that are neither marked nor implied. */
export function open(draft) {
  return draft.arguments.filter(
    (a) => !draft.implied.includes(a.slot) && !draft.marks.some((m) => m.key === a.key),
  );
}

/**
 * The state that is shown for an argument. It follows the item's own state, which its reason was made
 * from, so that the two agree: what the reason says isn't there is at most "suggested".
 */
export function stateOf(draft, item, argument) {
  if (draft.implied.includes(argument.slot)) return "implied";
  const mark = draft.marks.find((m) => m.key === argument.key);
  if (mark?.hand) return "marked";
  const known = item.arguments[argument.key];
  const isOf = known && known.slot === argument.slot && same(known.value, argument.value);
  const state = isOf ? known.state : "missing";
  if (mark) return ["missing", "unsure"].includes(state) ? "suggested" : "placed";
  if (state === "missing" || !known.places.length) return "not found";
  if (state === "unsure") return "unsure";
  return known.places.length > 1 ? `repeated ×${known.places.length}` : "not marked";
}

/** Whether two drafts say the same of an utterance, whatever is asked for. */
export function alike(a, b) {
  const said = ({ function: name, arguments: all, marks, implied }) => [
    name,
    all.map(({ key, slot, value }) => [key, slot, value]),
    marks.map(({ key, start, end }) => [key, start, end]).sort((x, y) => x[0] - y[0]),
    [...implied].sort(),
  ];
  return same(said(a), said(b));
}

/** Ask for the first open argument, unless one that is open is asked for already. */
function ask(draft) {
  const left = open(draft);
  if (!left.length || left.some((a) => a.key === draft.active)) return draft;
  return { ...draft, active: left[0].key };
}

/** Ask for the argument after the one that is asked for, or before it with `step` -1. */
export function turn(draft, step) {
  const keys = draft.arguments.map((a) => a.key);
  if (!keys.length) return draft;
  const at = keys.indexOf(draft.active);
  const next = at < 0 ? (step > 0 ? 0 : keys.length - 1) : (at + step + keys.length) % keys.length;
  return activate(draft, keys[next]);
}

/** Ask for another argument, whatever its state. */
export const activate = (draft, key) => ({ ...draft, active: key });

/** Mark a place for an argument; what it overlaps loses its mark. */
export function place(draft, key, { start, end }) {
  const marks = draft.marks.filter((m) => m.key !== key && !overlaps(m, { start, end }));
  const { slot } = draft.arguments.find((a) => a.key === key);
  const implied = draft.implied.filter((s) => s !== slot);
  const placed = [...marks, { key, start, end, hand: true }];
  return ask({ ...draft, marks: placed, implied, chosen: -1, active: -1 });
}

/** Take a mark off. */
export function unmark(draft, key) {
  const marks = draft.marks.filter((m) => m.key !== key);
  return { ...draft, marks, chosen: -1, active: key };
}

/** Say that a slot's value is meant but not written, or take that back. */
export function imply(draft, key) {
  const { slot } = draft.arguments.find((a) => a.key === key);
  if (draft.implied.includes(slot)) {
    const implied = draft.implied.filter((s) => s !== slot);
    return { ...draft, implied, chosen: -1, active: key };
  }
  const others = new Set(draft.arguments.filter((a) => a.slot === slot).map((a) => a.key));
  const marks = draft.marks.filter((m) => !others.has(m.key));
  return ask({ ...draft, marks, implied: [...draft.implied, slot], chosen: -1, active: -1 });
}

/** Give a slot a further value, standing at a place. */
export function add(draft, slot, value, place_) {
  const key = 1 + Math.max(-1, ...draft.arguments.map((a) => a.key));
  const labels = [...draft.arguments, { key, slot, value }];
  return { ...place({ ...draft, arguments: labels }, key, place_), active: key }; // to be edited
}

/**
 * A draft and its item numbered alike, as `draft.js` takes them to be: `item.arguments[key]` is what
 * is known of the argument `key`, or an empty record where it isn't known.
 */
export function rebased(draft, item) {
  const left = [...item.arguments];
  const known = draft.arguments.map(({ slot, value }) => {
    const at = left.findIndex((a) => a.slot === slot && same(a.value, value));
    const [found] = at < 0 ? [] : left.splice(at, 1);
    return found ?? { slot, value, state: "missing", places: [] };
  });
  const keys = new Map(draft.arguments.map((a, key) => [a.key, key]));
  return {
    item: { ...item, arguments: known },
    draft: {
      ...draft,
      arguments: draft.arguments.map((a, key) => ({ ...a, key })),
      marks: draft.marks.map((m) => ({ ...m, key: keys.get(m.key) })),
      active: keys.get(draft.active) ?? -1,
    },
  };
}

/** Whether a reading leaves everything where a person has put it. */
export function agrees(draft, reading) {
  const labels = new Map(draft.arguments.map((a) => [a.key, a]));
  const holds = ({ key, start, end }) => {
    const { slot, value } = labels.get(key);
    return reading.spans.some(
      (s) => s.start === start && s.end === end && s.slot === slot && same(s.value, value),
    );
  };
  const implied = reading.spans.some((s) => draft.implied.includes(s.slot));
  return !implied && draft.marks.filter((m) => m.hand).every(holds);
}

/** The item's best reading, for what isn't placed yet: what a person has said stays theirs. */
export function adopt(draft, item) {
  const best = choose(draft, item, 0);
  const hand = draft.marks.filter((m) => m.hand);
  const marks = best.marks.map(
    (m) => hand.find((h) => h.start === m.start && h.end === m.end) ?? m,
  );
  return { ...best, marks, implied: [...new Set([...best.implied, ...draft.implied])] };
}

/**
 * Correct a value; null takes the argument away. A mark that a person set stays: the words stand for
 * the new value now. Without one, the value is marked where it stands once.
 */
export function setValue(draft, key, value, text) {
  const old = draft.arguments.find((a) => a.key === key);
  if (value === null) {
    const labels = draft.arguments.filter((a) => a.key !== key);
    const marks = draft.marks.filter((m) => m.key !== key);
    const implied = draft.implied.filter((s) => s !== old.slot || labels.some((a) => a.slot === s));
    return ask({ ...draft, arguments: labels, marks, implied, chosen: -1 });
  }
  const labels = draft.arguments.map((a) => (a.key === key ? { ...a, value } : a));
  const implied = draft.implied.filter((s) => s !== old.slot);
  const changed = { ...draft, arguments: labels, implied, chosen: -1, active: key };
  if (draft.marks.some((m) => m.key === key && m.hand)) return changed;
  const marks = draft.marks.filter((m) => m.key !== key);
  const places = occurrences(text, String(value));
  const free = places.filter((p) => !marks.some((m) => overlaps(m, p)));
  return free.length === 1 ? place({ ...changed, marks }, key, free[0]) : { ...changed, marks };
}

/** Another function; the arguments whose slots it hasn't got are left out (and shown as such). */
export function setFunction(draft, name, slots) {
  const fits = (a) => slots.includes(a.slot);
  const labels = draft.arguments.filter(fits);
  const kept = new Set(labels.map((a) => a.key));
  return ask({
    ...draft,
    function: name,
    arguments: labels,
    marks: draft.marks.filter((m) => kept.has(m.key)),
    implied: draft.implied.filter((s) => slots.includes(s)),
    chosen: -1,
  });
}

/** The arguments as the store has them: a scalar, or a list where the slot takes several. */
export function labels(draft, listed) {
  const found = Object.create(null); // a slot may be named "constructor"
  for (const { slot, value } of draft.arguments) (found[slot] ??= []).push(value);
  for (const [slot, values] of Object.entries(found)) {
    if (values.length === 1 && !listed(slot)) found[slot] = values[0];
  }
  return found;
}
