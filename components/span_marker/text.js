// Text as an annotator handles it. The store counts Unicode code points, JavaScript UTF-16 units:
// everything in this component counts units; `toPoints` and `toUnits` convert at its border.

/** Tables between UTF-16 units and code points of one text; both are half-open offsets. */
export class Offsets {
  constructor(text) {
    this.units = [0]; // code point → unit
    for (const point of text) this.units.push(this.units.at(-1) + point.length);
    this.points = new Map(this.units.map((unit, point) => [unit, point]));
  }

  toUnits(point) {
    return this.units[Math.min(point, this.units.length - 1)];
  }

  /** Undefined inside a surrogate pair: nobody may cut there. */
  toPoints(unit) {
    return this.points.get(unit);
  }
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The places (units) at which a text may be cut without splitting what a reader sees as one character. */
export function cuts(text) {
  const found = [0];
  for (const { index, segment } of graphemes.segment(text)) found.push(index + segment.length);
  return found;
}

/** Words, numbers and symbols as `{start, end}` in units, without white space, in order. */
export function tokens(text, language) {
  const allowed = new Set(cuts(text));
  const found = [];
  let open = null; // a segment that ends inside a grapheme goes on in the next one
  for (const { index, segment } of segmenter(language).segment(text)) {
    const end = index + segment.length;
    const start = open ?? index;
    open = allowed.has(end) ? null : start;
    if (open === null && /[^\s\u200b\ufeff]/u.test(text.slice(start, end)))
      found.push({ start, end });
  }
  return found;
}

const segmenters = new Map();
function segmenter(language) {
  if (!segmenters.has(language)) {
    let made;
    try {
      made = new Intl.Segmenter(language || "en", { granularity: "word" });
    } catch {
      made = new Intl.Segmenter("en", { granularity: "word" }); // not a language it knows
    }
    segmenters.set(language, made);
  }
  return segmenters.get(language);
}

/** Where `words` stand in `text`, as written, else whatever their case; never inside a grapheme. */
export function occurrences(text, words) {
  if (!words) return [];
  const allowed = new Set(cuts(text));
  const exact = scan(text, words).filter((p) => allowed.has(p.start) && allowed.has(p.end));
  if (exact.length) return exact;
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return [];
  return scan(lower, words.toLowerCase()).filter((p) => allowed.has(p.start) && allowed.has(p.end));
}

function scan(text, words) {
  const found = [];
  for (let at = text.indexOf(words); at !== -1; at = text.indexOf(words, at + 1)) {
    found.push({ start: at, end: at + words.length });
  }
  return found;
}

/**
 * The text cut at every token's and every span's edge: `{start, end, token, span}`, where `token`
 * and `span` are positions in the lists, or -1. Together the pieces are the text.
 */
export function pieces(text, words, spans) {
  const edges = new Set([0, text.length]);
  for (const { start, end } of [...words, ...spans]) edges.add(start).add(end);
  const sorted = [...edges].sort((a, b) => a - b);
  const found = [];
  let token = 0;
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [start, end] = [sorted[i], sorted[i + 1]];
    while (token < words.length && words[token].end <= start) token++;
    const inside = token < words.length && words[token].start <= start;
    const span = spans.findIndex((s) => s.start <= start && end <= s.end);
    found.push({ start, end, token: inside ? token : -1, span });
  }
  return found;
}

/** A template as parts: literal text, and slots as `{slot, text}`; spans must not overlap. */
export function templateParts(text, spans) {
  const parts = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start > at) parts.push(text.slice(at, span.start));
    parts.push({ slot: span.slot, text: text.slice(span.start, span.end) });
    at = span.end;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}
