// Mouse and touch: click a word, drag over words, click a marked place; with Alt characters instead of words.

export class Pointer {
  constructor(marker) {
    this.marker = marker;
    this.box = marker.part("utterance");
    this.watchPointer();
  }

  watchPointer() {
    const box = this.box;
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.marker.editor?.item) return;
      const at = this.under(event);
      if (!at) {
        this.marker.editor.select(null);
        return;
      }
      event.preventDefault();
      box.focus({ preventScroll: true });
      this.drag = { ...at, moved: false };
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointermove", (event) => {
      const at = this.drag && this.under(event);
      if (!at || (at.start === this.drag.start && at.end === this.drag.end && !this.drag.moved))
        return;
      this.drag.moved = true;
      const start = Math.min(this.drag.start, at.start);
      this.marker.editor.select({ start, end: Math.max(this.drag.end, at.end) });
    });
    box.addEventListener("pointerup", () => {
      const { drag } = this;
      this.drag = null;
      if (!drag || drag.moved) return;
      this.click(drag);
    });
    box.addEventListener("pointercancel", () => (this.drag = null));
  }

  click(at) {
    const { editor } = this.marker;
    const mark = editor.draft.marks.find((m) => m.start <= at.start && at.end <= m.end);
    const places = editor.digits === "places" ? editor.asked.places : [];
    const place = places.findIndex((p) => p.start <= at.start && at.end <= p.end);
    if (mark && !at.characters) {
      editor.activate(mark.key);
      editor.select({ start: mark.start, end: mark.end });
    } else if (place >= 0 && !at.characters) editor.choosePlace(place);
    else {
      editor.select({ start: at.start, end: at.end });
    }
  }

  /** The token under the pointer, or with Alt the character; null beside the text. */
  under(event) {
    const piece = this.marker.root
      .elementFromPoint(event.clientX, event.clientY)
      ?.closest("[data-start]");
    if (!piece || !this.box.contains(piece)) return null;
    const { editor } = this.marker;
    if (event.altKey) return this.sign(event, piece);
    const token = editor.tokens[Number(piece.dataset.token)];
    return token ? { start: token.start, end: token.end } : null;
  }

  /** The character of a piece that the pointer is on: the one whose middle is nearest, of all its boxes. */
  sign(event, piece) {
    const [first, last] = [Number(piece.dataset.start), Number(piece.dataset.end)];
    const characters = this.marker.editor.cuts.filter((c) => first <= c && c <= last);
    const range = document.createRange();
    let nearest = { away: Infinity };
    for (let i = 0; i + 1 < characters.length; i++) {
      range.setStart(piece.firstChild, characters[i] - first);
      range.setEnd(piece.firstChild, characters[i + 1] - first);
      for (const box of range.getClientRects()) {
        const across = Math.abs(event.clientX - (box.left + box.right) / 2);
        const down = Math.abs(event.clientY - (box.top + box.bottom) / 2);
        const away = across + 4 * down; // a character of another line is further away than any of this one
        if (away < nearest.away) nearest = { away, start: characters[i], end: characters[i + 1] };
      }
    }
    if (nearest.start === undefined) return null;
    return { start: nearest.start, end: nearest.end, characters: true };
  }
}
