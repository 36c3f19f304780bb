// Every key that acts, once: what it does, its button, and its line in the help.

/** `key` as the browser names it; `act` is the action's name; `button` its words on the toolbar. */
export const KEYS = [
  {
    key: "Enter",
    act: "accept",
    button: "Accept",
    help: "accept what is highlighted and continue",
  },
  { key: "i", act: "implied", button: "Implied", help: "the value is implied: meant, not written" },
  { key: "n", act: "edit", button: "Edit value", help: "edit the value: it isn't in the text" },
  { key: "v", act: "value", help: "ask for the next value; with Shift the one before" },
  { key: "V", act: "previous" },
  { key: "f", act: "function", button: "Function", help: "the function is wrong" },
  { key: "x", act: "scope", button: "Out of scope", help: "out of scope: no function of this bot" },
  { key: "d", act: "discard", button: "Discard", help: "discard, with a reason" },
  { key: "s", act: "skip", button: "Skip", help: "skip: later, or somebody else" },
  { key: "c", act: "comment", button: "Comment", help: "comment" },
  { key: "k", act: "keep", help: "the label is right (where it was questioned)" },
  {
    key: "u",
    act: "undo",
    button: "Undo",
    help: "undo what you did since the page was opened; with Shift: redo",
  },
  { key: "U", act: "redo" },
  { key: "h", act: "history", button: "History", help: "history of this utterance" },
  { key: "l", act: "link", help: "copy a link to this utterance" },
  { key: "g", act: "guidelines", button: "Guidelines", help: "guidelines" },
  { key: "?", act: "help", button: "Keys", help: "this help" },
];

/** Keys that select and choose rather than act. */
export const MOVES = [
  ["1 – 9", "choose a reading, or where an open value stands"],
  ["→ ← Tab", "move over the words"],
  ["Shift + → ←", "select more words"],
  ["Alt + → ←", "move the selection's end by one character; with Shift its beginning"],
  ["1 – 9, a – z", "with words selected: the slot they belong to"],
  ["Enter", "with words selected: they are what is asked for; if it was the last, accept"],
  ["Del", "with words selected: remove their mark"],
  ["Esc", "select nothing"],
];

/** What works without an item on the table. */
export const ALWAYS = new Set(["undo", "redo", "guidelines", "help"]);

/** The action of a key; capitals are Shift. */
export function actionOf(key, shift) {
  const named =
    key.length === 1 && shift ? key.toUpperCase() : key.length === 1 ? key.toLowerCase() : key;
  return KEYS.find((k) => k.key === named)?.act ?? null;
}
