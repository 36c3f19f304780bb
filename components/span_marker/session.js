// The queue of one person in one module: what is shown, what was decided, what the server knows.
// It outlives reruns of the page; whoever leaves it gives the items back.

import { abandoned, clientId, draft as kept, Journal, settle } from "./journal.js";
import { post, tell } from "./server.js";
import { Offsets } from "./text.js";

const HELD = 16; // items in the browser: a second and a half of the fastest annotator, four times over
const LOW = 10; // below this it asks for more
const HEARTBEAT = 60_000; // ms; a lease lasts ten minutes
const IDLE = 10_000; // ms between looks at an empty queue
const RETRY = [300, 600, 1200, 2500, 5000]; // ms

/** An item with all its offsets in units; `stamp`: the last operation of this tab that it reflects. */
function localized(item, stamp) {
  const offsets = new Offsets(item.utterance);
  const turned = (place) => ({
    ...place,
    start: offsets.toUnits(place.start),
    end: offsets.toUnits(place.end),
  });
  return {
    ...item,
    offsets,
    stamp,
    spans: item.spans.map(turned),
    arguments: item.arguments.map((a) => ({ ...a, places: a.places.map(turned) })),
    readings: item.readings.map((r) => ({ ...r, spans: r.spans.map(turned) })),
    opinions: item.opinions.map((o) => ({ ...o, spans: o.spans.map(turned) })),
  };
}

export class Session {
  static async open(config, changed) {
    const { client, release } = await clientId(config.who, config.module);
    return new Session(client, release, config, changed);
  }

  constructor(client, release, config, changed) {
    this.release = release;
    this.changed = changed; // called after every change, with what changed: "item" or "state"
    this.config = config;
    const { who, module, token } = config;
    this.journal = new Journal(client, { who, module, token });
    this.opened = newest(); // tells requests of a page that was left from those of this one
    this.pinned = config.filter.item ?? ""; // an item somebody linked to: it comes first, once
    this.since = this.journal.seq; // what was done before this is found again by a search
    this.items = [];
    this.current = null;
    this.log = []; // decisions of this tab, oldest first: {item, draft, kind, fields, seq, what}
    this.undone = [];
    this.last = new Map(); // id → seq of this tab's last operation on it
    this.troubles = new Map(); // id → the first operation of a chain that couldn't be stored
    this.counts = {};
    this.progress = null;
    this.others = { items: 0, seconds: 0 };
    this.about = remembered(config.module); // a tab that comes back needs no server to continue
    this.failures = 0;
    this.problem = ""; // what stands in the way of saving
    this.notice = ""; // what else there is to know
    this.drained = false;
    this.expired = false;
    this.closed = false;
    this.contact = 0;
    this.timer = setInterval(() => this.beat(), IDLE);
    this.onOnline = () => this.retry();
    this.onHide = () => this.leave();
    addEventListener("online", this.onOnline);
    addEventListener("pagehide", this.onHide);
    addEventListener("pageshow", this.onOnline);
  }

  close() {
    this.leave();
    this.closed = true;
    this.release();
    clearInterval(this.timer);
    clearTimeout(this.waiting);
    clearTimeout(this.asking);
    removeEventListener("online", this.onOnline);
    removeEventListener("pagehide", this.onHide);
    removeEventListener("pageshow", this.onOnline);
  }

  async start() {
    this.describe();
    await this.collect().catch(() => {}); // what a closed tab of one's own had is free before anything is asked for
    this.sync({ more: true });
  }

  /** New data from the page: a token, another filter. */
  configure(config) {
    const moved = JSON.stringify(config.filter) !== JSON.stringify(this.config.filter);
    const renewed = config.token !== this.config.token;
    const stale = config.version && config.version !== this.config.version;
    this.config = config;
    this.journal.owner.token = config.token;
    if (moved) this.notice = "";
    if (this.journal.ops.length) this.journal.keep();
    if (renewed) {
      this.expired = false;
      this.retry();
    }
    if (stale) this.describe();
    if (moved) this.turnTo();
  }

  /** Let go of the items that are held, and get those of the filter. */
  turnTo() {
    this.since = this.journal.seq;
    this.pinned = this.config.filter.item ?? "";
    this.items = [];
    this.current = null;
    this.drained = false;
    this.again = true;
    this.changed("item");
    this.sync({ more: true });
  }

  get unsaved() {
    return this.journal.ops.length;
  }

  // Deciding

  /** Write an operation down and send it; null when the browser can't keep it. */
  write(kind, item, fields = {}) {
    const before = this.last.get(item.id) ?? 0;
    const after = before > item.stamp ? before : null; // the item is as it was before that one
    try {
      const { seq } = this.journal.add({
        kind,
        id: item.id,
        revision: item.revision,
        after,
        ...fields,
      });
      this.last.set(item.id, seq);
      this.notice = "";
      return seq;
    } catch {
      this.problem =
        "This browser's storage is full. Nothing was lost; continue when the studio " +
        "can be reached again.";
      this.changed("state");
      return null;
    }
  }

  /** Decide the item that is shown and show the next. */
  decide(kind, fields, what, draft = null) {
    const item = this.current;
    const seq = this.write(kind, item, fields);
    if (seq === null) return false;
    this.log.push({ item, draft, kind, fields, seq, what });
    this.undone = [];
    this.count(item, kind, -1);
    this.next();
    this.sync();
    return true;
  }

  /** Say something of the item that is shown without deciding it; whether it was written down. */
  remark(kind, fields) {
    const seq = this.write(kind, this.current, fields);
    if (seq === null) return false;
    this.sync();
    this.changed("state");
    return true;
  }

  /** Take the last decision back and show its item again; null when there is none. */
  undo() {
    const entry = this.log.at(-1);
    if (!entry || this.write("undo", entry.item) === null) return null;
    this.log.pop();
    this.undone.push(entry);
    this.count(entry.item, entry.kind, 1);
    this.show({ ...entry.item, problem: undefined }, entry.draft);
    this.sync();
    return entry;
  }

  /** Change the number that waits, until the server sends it again; a skipped item still waits. */
  count({ queue }, kind, by) {
    if (kind === "skip" || this.counts[queue] === undefined) return;
    this.counts = { ...this.counts, [queue]: Math.max(0, this.counts[queue] + by) };
  }

  /** Decide again what was taken back last. */
  redo() {
    const entry = this.undone.pop();
    if (!entry) return null;
    const left = this.undone;
    if (this.current?.id !== entry.item.id) this.show(entry.item, entry.draft);
    this.decide(entry.kind, entry.fields, entry.what, entry.draft);
    this.undone = left;
    return entry;
  }

  /** Show an item now, with what was marked of it; what was shown comes after it. */
  show(item, draft = null) {
    this.items = this.items.filter((i) => i.id !== item.id);
    if (this.current && this.current.id !== item.id) this.items.unshift(this.current);
    this.current = { ...item, draft };
    this.changed("item");
  }

  next() {
    kept.clear(this.journal.client);
    this.current = this.items.shift() ?? null;
    this.changed("item");
  }

  // Talking to the server

  request(more) {
    const { token } = this.config;
    return { token, client: this.journal.client, opened: this.opened, ...more };
  }

  /** Send what waits and top the queue up; one request at a time. */
  async sync({ more = false } = {}) {
    if (this.busy) {
      this.again ||= more || this.unsaved > 0;
      return;
    }
    if (this.closed || this.expired) return;
    const ops = this.journal.batch();
    const have = this.items.length + (this.current ? 1 : 0);
    const want = have < LOW && (more || !this.drained) ? HELD - have : 0;
    if (!ops.length && !want && !more) return;
    clearTimeout(this.waiting);
    this.busy = true;
    this.again = false;
    const filter = JSON.stringify(this.config.filter);
    try {
      const reply = await post(
        this.config.route,
        this.request({
          ops,
          hold: this.holding(ops),
          want,
          filter: { ...this.config.filter, item: this.pinned, since: this.since },
        }),
      );
      this.failures = 0;
      this.problem = "";
      if (!this.closed) this.take(reply, ops, want, filter === JSON.stringify(this.config.filter));
    } catch (error) {
      if (!this.closed) this.failed(error);
    } finally {
      this.busy = false;
    }
    if (!this.problem && (this.again || this.unsaved)) this.sync({ more: this.again });
  }

  /**
   * What this tab works on: its leases are renewed. Items that wait to be saved belong to it, but not
   * those of `ops`, which are saved by the time that this is read.
   */
  holding(ops = []) {
    const ids = [...this.items, ...(this.current ? [this.current] : [])].map((i) => i.id);
    return [...new Set([...ids, ...this.journal.ops.slice(ops.length).map((op) => op.id)])];
  }

  /** A reply: to `ops`, with up to `want` items; `current`: of the filter that still holds. */
  take(reply, ops, want, current) {
    this.contact = Date.now();
    if (reply.token) {
      this.config = { ...this.config, token: reply.token };
      this.journal.owner.token = reply.token;
    }
    this.journal.acknowledge(reply.acks.map((ack) => ack.seq));
    for (const ack of reply.acks)
      this.answered(
        ack,
        ops.find((op) => op.seq === ack.seq),
      );
    if (reply.acks.length && !this.current) this.again = true; // what was decided may come back
    this.progress = reply.progress;
    if (want > 0) {
      this.counts = reply.counts ?? this.counts;
      this.others = reply.others ?? this.others;
    }
    if (want > 0 && current) this.fill(reply.items, ops.at(-1)?.seq ?? this.journal.seq);
    this.changed(this.current ? "state" : "item");
  }

  fill(items, stamp) {
    const known = new Set(this.holding());
    const fresh = items.filter((item) => !known.has(item.id));
    if (this.pinned && ![...known, ...fresh.map((i) => i.id)].includes(this.pinned)) {
      this.notice = `There is no utterance “${this.pinned}” in this module. The queue follows.`;
    }
    this.items.push(...fresh.map((item) => localized(item, stamp)));
    this.pinned = "";
    this.drained = fresh.length === 0;
    if (this.current || !this.items.length) return;
    this.current = this.items.shift();
    this.changed("item");
  }

  /** What became of an operation: one that couldn't be stored comes back with its item. */
  answered(ack, op) {
    const entry = this.log.find((e) => e.seq === ack.seq);
    const newest = !op || (this.last.get(op.id) ?? ack.seq) === ack.seq;
    if (ack.status === "stored") {
      if (op) this.troubles.delete(op.id);
      if (ack.item && newest) this.refresh(localized(ack.item, ack.seq));
      return;
    }
    this.log = this.log.filter((e) => e !== entry);
    const { kind, id } = op ?? {};
    const mine = entry ?? (op && { kind, fields: fieldsOf(op), what: kind, draft: null });
    const trouble = this.troubles.get(id) ?? { status: ack.status, message: ack.message, mine };
    if (!newest) {
      this.troubles.set(id, trouble); // what was done to it since decides whether it is still one
      return;
    }
    this.troubles.delete(id);
    if (!ack.item) {
      this.notice = ack.message;
      return;
    }
    const item = { ...localized(ack.item, ack.seq), problem: trouble };
    this.items = [item, ...this.items.filter((i) => i.id !== item.id)];
    if (this.current?.id === item.id) this.next();
  }

  /** After an undo or a restore the item that is shown may be another than it was. */
  refresh(item) {
    const before = this.current;
    if (before?.id !== item.id) return;
    const shown = (i) => JSON.stringify([i.function, i.arguments, i.readings, i.spans, i.comments]);
    const same = shown(before) === shown(item);
    this.current = { ...item, draft: same ? before.draft : null };
    if (!same || before.waits) this.changed("item");
    else this.changed("replaced");
  }

  failed(error) {
    if (error.status === 401) {
      this.expired = true;
      this.config.renew();
    } else {
      const wait = RETRY[Math.min(this.failures, RETRY.length - 1)];
      this.failures += 1;
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.sync({ more: !this.current }), wait);
    }
    this.problem = error.message;
    this.changed(this.current ? "state" : "item");
  }

  retry() {
    this.failures = 0;
    this.sync({ more: !this.current });
  }

  /** Look again: an empty queue may have filled, and leases have to be renewed. */
  beat() {
    if (this.expired) this.config.renew(); // the first time may have been lost with the connection
    if (document.visibilityState === "hidden" && this.current === null) return;
    if (!this.current || Date.now() - this.contact > HEARTBEAT) this.sync({ more: true });
    this.collect();
  }

  /** Send what closed tabs left behind, each under its own name and its person's. */
  async collect() {
    for (const journal of await abandoned(this.journal.client)) {
      if (this.closed) return;
      const { client, ops, who, module, closed } = journal;
      const mine = who === this.config.who && module === this.config.module;
      const token = mine ? this.config.token : journal.token;
      try {
        const opened = closed ? newest() : 0; // later than all that tab said: its items are free
        const body = { token, client, opened, ops, hold: [], want: 0, filter: {} };
        const reply = await post(this.config.route, body);
        settle(
          client,
          reply.acks.map((ack) => ack.seq),
        );
        if (mine) this.progress = reply.progress;
        for (const ack of reply.acks.filter((a) => a.status !== "stored")) {
          const op = ops.find((o) => o.seq === ack.seq);
          if (mine) this.answered({ ...ack, seq: 0 }, { ...op, id: `${op.id}` });
          else this.notice = `A decision of ${who} in ${module} couldn't be stored: ${ack.message}`;
        }
        this.changed("state");
      } catch (error) {
        if (error.status === 0 || error.status >= 500) return;
        if (!ops.length) {
          settle(client, []); // it had nothing to lose
          continue;
        }
        this.notice =
          `Waiting on this computer: ${ops.length} of ${who}'s decisions in ${module}, to be sent ` +
          "when that person opens that module here.";
        this.changed("state");
      }
    }
  }

  /** Get functions, slots and guidelines; once it works. */
  async describe() {
    clearTimeout(this.asking);
    try {
      this.about = await post(`${this.config.route}/about`, { token: this.config.token });
      remember(this.config.module, this.about);
      this.changed("about");
    } catch {
      if (!this.closed) this.asking = setTimeout(() => this.describe(), 2000);
    }
  }

  async align(id, name, values) {
    const body = { token: this.config.token, id, function: name, arguments: values };
    const { item } = await post(`${this.config.route}/align`, body);
    return localized(item, this.journal.seq);
  }

  history(id) {
    return post(`${this.config.route}/history`, { token: this.config.token, id });
  }

  /** Give the items back; what waits to be saved stays in the journal, and its items with it. */
  leave() {
    if (this.closed) return;
    const hold = this.journal.ops.map((op) => op.id);
    tell(this.config.route, this.request({ ops: [], hold, want: 0, filter: {} }));
  }
}

/** The time in ms, later than that of every session this tab had before, whatever its clock does. */
function newest() {
  const place = "radu:annotate:opened";
  const time = Math.max(Date.now(), Number(sessionStorage.getItem(place) ?? 0) + 1);
  sessionStorage.setItem(place, String(time));
  return time;
}

const aboutKey = (module) => `radu:annotate:about:${module}`;

function remembered(module) {
  try {
    return JSON.parse(sessionStorage.getItem(aboutKey(module)));
  } catch {
    return null;
  }
}

function remember(module, about) {
  try {
    sessionStorage.setItem(aboutKey(module), JSON.stringify(about));
  } catch {
    // too large to be kept; it is asked for again
  }
}

/** What an operation says besides who, when and about what. */
function fieldsOf({ seq, at, kind, id, revision, after, ...fields }) {
  return fields;
}
