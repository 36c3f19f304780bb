// Where the slots' names stand under the marks: in as many rows as they need, none over another.

const GAP = 4; // px between two names in one row

/**
 * The row of each name, 0 the uppermost. `tags` are those of one line, in reading order:
 * `{at, start, end}` in px along the line, `at` where its mark begins: from there a thin line leads
 * down to the name. A name stands beside no other of its row, and on none of these lines.
 */
export function rows(tags) {
  const found = tags.map(() => 0);
  for (let i = tags.length - 1; i >= 0; i--) {
    const after = tags.slice(i + 1).map((tag, n) => ({ ...tag, row: found[i + 1 + n] }));
    const free = (row) =>
      after.every((other) => {
        if (other.row === row) return tags[i].end + GAP <= other.start;
        const [upper, lower] = other.row < row ? [other, tags[i]] : [tags[i], other];
        return lower.at < upper.start || lower.at >= upper.end + GAP; // whose line passes by a name
      });
    const apart = (row) => after.every((o) => o.row !== row || tags[i].end + GAP <= o.start);
    const most = tags.length;
    while (found[i] < most && !free(found[i])) found[i] += 1;
    if (found[i] < most) continue;
    found[i] = 0; // at the edge of the text no row may be free of lines: then of names
    while (!apart(found[i])) found[i] += 1;
  }
  return found;
}

/** Measure the names in `box` and put each into its row; a line gets the room its rows need. */
export function arrange(box) {
  const tags = [...box.querySelectorAll(".tag")];
  if (!tags.length) return;
  for (const tag of tags) place(tag, 0, 0, 0, 0);
  const size = parseFloat(getComputedStyle(box).fontSize);
  const edge = box.getBoundingClientRect();
  const sign = getComputedStyle(box).direction === "rtl" ? -1 : 1; // along the line, px
  const along = (left, right) => (sign > 0 ? [left, right] : [-right, -left]);
  const [first, last] = along(edge.left + GAP, edge.left + box.clientWidth - GAP);
  const measured = tags.map((tag) => {
    const piece = tag.parentElement.getClientRects()[0] ?? edge;
    const { left, right, height } = tag.getBoundingClientRect();
    const [start, end] = along(left, right);
    const shift = Math.max(first - start, Math.min(0, last - end));
    const at = along(piece.left, piece.right)[0];
    return {
      tag,
      line: Math.round(piece.top),
      height,
      at,
      shift,
      start: start + shift,
      end: end + shift,
    };
  });
  for (const line of lines(measured)) {
    line.sort((a, b) => a.at - b.at);
    const found = rows(line);
    line.forEach(({ tag, shift, height }, i) => place(tag, found[i], shift * sign, height, size));
  }
}

function lines(measured) {
  const found = new Map();
  for (const one of measured) found.set(one.line, [...(found.get(one.line) ?? []), one]);
  return found.values();
}

/** Into a row, `shift` px to the right. `--room` is how far its name is from its mark, `--depth` how
 * far the line reaches below its text; the first row needs no more than the space between lines. */
function place(tag, row, shift, height, size) {
  const { style } = tag.parentElement;
  style.setProperty("--room", `${row * height}px`);
  style.setProperty("--depth", row ? `${0.75 * size + row * height}px` : "0px");
  style.setProperty("--shift", `${shift}px`);
}
