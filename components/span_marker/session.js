// The queue of one person in one module: what is shown, what was decided, what the server knows.
// It outlives reruns and remounts of the component; a page that is left takes it down.

import { abandoned, clientId, draft as kept, Journal, open, settle } from "./journal.js";
import { Offsets } from "./text.js";

const HELD = 16; // items in the browser: a second and a half of the fastest annotator, four times over
const LOW = 10; // below this it asks for more
const BATCH = 100; // operations in one request
const HEARTBEAT = 60_000; // ms; a lease lasts ten minutes
const IDLE = 10_000; // ms between looks at an empty queue
const RETRY = [300, 600, 1200, 2500, 5000]; // ms

/** An item with all its offsets in units, and the tables to turn them back. */
function localized(item) {
  const offsets = new Offsets(item.utterance);
  const turned = (place) => ({
    ...place,
    start: offsets.toUnits(place.start),
    end: offsets.toUnits(place.end),
  });
  return {
    ...item,
    offsets,
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
    this.journal = new Journal(client, {
      who: config.who,
      module: config.module,
      token: config.token,
    });
    this.pinned = config.filter.item ?? ""; // an item somebody linked to: it comes first, once
    this.since = this.journal.seq; // what was done before this is found again by a search
    this.items = [];
    this.current = null;
    this.log = []; // decisions of this tab, oldest first: {item, kind, fields, seq, status}
    this.undone = [];
    this.last = new Map(); // id → seq of the last operation on it
    this.counts = {};
    this.progress = null;
    this.others = { items: 0, seconds: 0 };
    this.about = null;
    this.failures = 0;
    this.problem = ""; // what stands in the way of saving
    this.loaded = false;
    this.drained = false;
    this.expired = false;
    this.closed = false;
    this.timer = setInterval(() => this.beat(), IDLE);
    this.contact = 0;
    this.onOnline = () => this.retry();
    this.onHide = (event) => this.leave(event);
    addEventListener("online", this.onOnline);
    addEventListener("pagehide", this.onHide);
    addEventListener("pageshow", this.onOnline);
  }

  close() {
    this.closed = true;
    this.release();
    clearInterval(this.timer);
    clearTimeout(this.waiting);
    removeEventListener("online", this.onOnline);
    removeEventListener("pagehide", this.onHide);
    removeEventListener("pageshow", this.onOnline);
  }

  start() {
    this.sync({ more: true });
    this.describe();
    this.collect();
  }

  /** New data from the page: a token, another filter. */
  configure(config) {
    const moved = JSON.stringify(config.filter) !== JSON.stringify(this.config.filter);
    const renewed = config.token !== this.config.token;
    const stale = config.version !== this.config.version;
    this.config = config;
    this.journal.owner.token = config.token;
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
    this.loaded = false;
    this.drained = false;
    this.again = true;
    this.changed("item");
    this.sync({ more: true });
  }

  get unsaved() {
    return this.journal.ops.length;
  }

  // Deciding

  /** Write an operation down and send it; false when the browser can't keep it. */
  write(kind, item, fields = {}) {
    const op = {
      kind,
      id: item.id,
      revision: item.revision,
      after: this.last.get(item.id) ?? null,
      ...fields,
    };
    try {
      const { seq } = this.journal.add(op);
      this.last.set(item.id, seq);
      return seq;
    } catch {
      this.problem =
        "This browser can keep no more decisions. Nothing was lost; go on when the studio " +
        "can be reached again.";
      this.changed("state");
      return null;
    }
  }

  /** Decide the item that is shown and go on to the next. */
  decide(kind, fields, what) {
    const item = this.current;
    const seq = this.write(kind, item, fields);
    if (seq === null) return false;
    this.log.push({ item, kind, fields, seq, what });
    this.undone = [];
    this.next();
    this.sync();
    return true;
  }

  /** Say something of the item that is shown without deciding it. */
  remark(kind, fields) {
    if (this.write(kind, this.current, fields) !== null) this.sync();
    this.changed("state");
  }

  /** Take the last decision back and show its item again; null when there is none. */
  undo() {
    const entry = this.log.pop();
    if (!entry) return null;
    if (entry.kind !== "skip" && this.write("undo", entry.item) === null) {
      this.log.push(entry);
      return null;
    }
    this.undone.push(entry);
    this.show(entry.item);
    this.sync();
    return entry;
  }

  /** Decide again what was taken back last. */
  redo() {
    const entry = this.undone.pop();
    if (!entry) return null;
    const left = this.undone;
    if (this.current?.id !== entry.item.id) this.show(entry.item);
    this.decide(entry.kind, entry.fields, entry.what);
    this.undone = left;
    return entry;
  }

  /** Show an item now; what was shown comes after it. */
  show(item) {
    this.items = this.items.filter((i) => i.id !== item.id);
    if (this.current && this.current.id !== item.id) this.items.unshift(this.current);
    this.current = item;
    this.changed("item");
  }

  next() {
    kept.clear(this.journal.client);
    this.current = this.items.shift() ?? null;
    this.changed("item");
  }

  // Talking to the server

  /** Send what waits and top the queue up; one request at a time. */
  async sync({ more = false } = {}) {
    if (this.busy) {
      this.again ||= more || this.unsaved > 0;
      return;
    }
    if (this.closed || this.expired) return;
    const ops = this.journal.ops.slice(0, BATCH);
    const have = this.items.length + (this.current ? 1 : 0);
    const want = have < LOW && (more || !this.drained) ? HELD - have : 0;
    if (!ops.length && !want && !more) return;
    clearTimeout(this.waiting);
    this.busy = true;
    this.again = false;
    const filter = JSON.stringify(this.config.filter);
    try {
      const reply = await this.post("", {
        token: this.config.token,
        client: this.journal.client,
        ops,
        hold: this.holding(),
        want,
        filter: { ...this.config.filter, item: this.pinned, since: this.since },
      });
      this.failures = 0;
      this.problem = "";
      this.take(reply, want, filter === JSON.stringify(this.config.filter));
    } catch (error) {
      this.failed(error);
    } finally {
      this.busy = false;
    }
    if (!this.problem && (this.again || this.unsaved)) this.sync({ more: this.again });
  }

  /** What this tab works on: its leases are renewed. Items that wait to be saved belong to it. */
  holding() {
    const ids = [...this.items, ...(this.current ? [this.current] : [])].map((i) => i.id);
    return [...new Set([...ids, ...this.journal.ops.map((op) => op.id)])];
  }

  take(reply, want, current) {
    this.contact = Date.now();
    if (reply.token) this.config = { ...this.config, token: reply.token };
    if (reply.token) this.journal.owner.token = reply.token;
    this.journal.acknowledge(reply.acks.map((ack) => ack.seq));
    for (const ack of reply.acks) this.answered(ack);
    if (reply.acks.length && !this.current) this.again = true; // what was decided may come back
    this.progress = reply.progress;
    if (want > 0) {
      this.counts = reply.counts ?? this.counts;
      this.others = reply.others ?? this.others;
    }
    if (want > 0 && current) {
      const known = new Set(this.holding());
      const fresh = reply.items.filter((item) => !known.has(item.id)).map(localized);
      this.items.push(...fresh);
      this.pinned = "";
      this.drained = fresh.length === 0;
      this.loaded = true;
      if (!this.current && this.items.length) {
        this.current = this.items.shift();
        this.changed("item");
        return;
      }
    }
    this.changed(this.current ? "state" : "item");
  }

  /** An operation that couldn't be stored comes back with its item, after the one that is shown. */
  answered(ack) {
    const entry = this.log.find((e) => e.seq === ack.seq);
    if (ack.status === "stored") {
      if (entry) entry.status = "stored";
      if (ack.item) this.refresh(ack);
      return;
    }
    this.log = this.log.filter((e) => e !== entry);
    if (!ack.item) {
      this.notice = ack.message;
      return;
    }
    const item = localized(ack.item);
    item.problem = { status: ack.status, message: ack.message, mine: entry ?? null };
    this.last.delete(item.id);
    this.items = [item, ...this.items.filter((i) => i.id !== item.id)];
    if (this.current?.id === item.id) this.next();
  }

  /** After an undo or a restore the item that is shown may be another than it was. */
  refresh(ack) {
    if (this.current?.id !== ack.item.id || this.last.get(ack.item.id) !== ack.seq) return;
    const before = this.current;
    const after = localized(ack.item);
    this.last.delete(after.id);
    this.current = after;
    const shown = (i) => JSON.stringify([i.function, i.arguments, i.readings, i.spans, i.comments]);
    if (shown(before) !== shown(after)) this.changed("item");
  }

  failed(error) {
    if (error.status === 401) {
      this.expired = true;
      this.problem = error.message;
      this.config.renew();
    } else {
      const wait = RETRY[Math.min(this.failures, RETRY.length - 1)];
      this.failures += 1;
      this.problem = error.message;
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.sync({ more: !this.loaded }), wait);
    }
    this.changed(this.current ? "state" : "item");
  }

  retry() {
    this.failures = 0;
    this.sync({ more: !this.loaded });
  }

  /** Look again: an empty queue may have filled, and leases have to be renewed. */
  beat() {
    if (document.visibilityState === "hidden" && this.current === null) return;
    if (!this.current || Date.now() - this.contact > HEARTBEAT) this.sync({ more: true });
    this.collect();
  }

  /** Send what closed tabs left behind, under their own names. */
  async collect() {
    const found = abandoned(this.journal.client).filter((j) => j.ops.length);
    if (!found.length || this.closed) return;
    const alive = await open();
    for (const journal of found) {
      const age = Date.now() - Date.parse(journal.ops[0].at);
      if (alive ? alive.has(journal.client) : age < 15_000) continue;
      const mine = journal.who === this.config.who && journal.module === this.config.module;
      const token = mine ? this.config.token : journal.token;
      try {
        const body = { token, client: journal.client, ops: journal.ops.slice(0, BATCH) };
        const reply = await this.post("", { ...body, hold: [], want: 0, filter: {} });
        settle(journal.client, reply.acks.map((ack) => ack.seq));
        const lost = reply.acks.filter((ack) => ack.status !== "stored");
        for (const ack of lost) this.answered({ ...ack, seq: -1 });
        this.changed("state");
      } catch (error) {
        if (error.status !== 401) return;
        this.notice =
          `${journal.ops.length} decisions of ${journal.who} in ${journal.module} wait on this ` +
          "computer. They are sent when that person opens that module here.";
        this.changed("state");
      }
    }
  }

  async describe() {
    try {
      this.about = await this.post("/about", { token: this.config.token });
      this.changed("item");
    } catch {
      setTimeout(() => !this.closed && !this.about && this.describe(), 2000);
    }
  }

  align(id, name, values) {
    return this.post("/align", {
      token: this.config.token, id, function: name, arguments: values,
    }).then(({ item }) => localized(item));
  }

  history(id) {
    return this.post("/history", { token: this.config.token, id });
  }

  /** POST to the studio's route; an Error with `status` and a message for people otherwise. */
  async post(path, body) {
    let response;
    try {
      response = await fetch(this.config.route + path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
      });
    } catch {
      throw Object.assign(new Error("The studio can't be reached."), { status: 0 });
    }
    const reply = await response.json().catch(() => null);
    if (response.ok && reply) return reply;
    const words = [reply?.error ?? `The studio answered ${response.status}.`, reply?.remedy];
    throw Object.assign(new Error(words.filter(Boolean).join(" ")), { status: response.status });
  }

  /** Give the items back when the page goes; what waits stays in the journal all the same. */
  leave() {
    const body = JSON.stringify({
      token: this.config.token,
      client: this.journal.client,
      ops: [],
      hold: this.journal.ops.map((op) => op.id),
      want: 0,
      filter: {},
    });
    fetch(this.config.route, {
      method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true,
    }).catch(() => {});
  }
}
