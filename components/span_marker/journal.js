// The journal: every operation is in localStorage before anything else happens, and leaves it only
// when the server has acknowledged it. One key per operation, so that writing costs the same
// however many wait.

const PREFIX = "radu:annotate:";
const OPS = `${PREFIX}op:`;
const CLIENTS = `${PREFIX}client:`;
const DRAFTS = `${PREFIX}draft:`;
const ID = `${PREFIX}id`;
const LARGEST = 1_000_000; // characters of operations in one request; the server takes 4 MiB

const opKey = (client, seq) => `${OPS}${client}:${String(seq).padStart(9, "0")}`;

/**
 * A name for this tab, person and module that no other open tab has, the same after a reload where
 * that is certain: `{client, release}`.
 */
export async function clientId(who, module) {
  const place = `${ID}:${module}:${who}`; // in sessionStorage: a reloaded tab is the same client
  const kept = sessionStorage.getItem(place);
  const counted = kept && read(CLIENTS + kept); // else its numbers would restart, and be refused
  const held = counted && (await lock(kept));
  if (held) return { client: kept, release: held };
  const client = uuid();
  sessionStorage.setItem(place, client);
  return { client, release: (await lock(client)) ?? (() => {}) };
}

/** Hold a client's name; gives what lets go of it, or null where it can't be had (a copied tab). */
function lock(client) {
  if (!navigator.locks) return Promise.resolve(null); // neither https nor this machine
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(1000); // a page that is being left gives it up soon
    navigator.locks
      .request(CLIENTS + client, { signal }, () => new Promise((release) => resolve(release)))
      .catch(() => resolve(null));
  });
}

/** The clients whose tabs are open, or null where the browser can't say. */
async function open() {
  if (!navigator.locks) return null;
  const { held } = await navigator.locks.query();
  return new Set(held.map((l) => l.name.slice(CLIENTS.length)));
}

function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** The operations of one client that wait for the server, for one person and module. */
export class Journal {
  constructor(client, owner) {
    this.client = client;
    this.owner = owner; // {who, module, token}
    const kept = read(CLIENTS + client);
    this.ops = stored(client).map(({ op }) => op);
    this.seq = Math.max(kept?.seq ?? 0, ...this.ops.map((op) => op.seq));
    try {
      this.keep();
    } catch {
      // the storage is full: the first decision says so
    }
  }

  /** Write an operation down; throws when the browser's storage is full: then it isn't done. */
  add(op) {
    const numbered = { seq: this.seq + 1, at: new Date().toISOString(), ...op };
    const { who, module } = this.owner;
    this.seq = numbered.seq;
    this.keep();
    const text = JSON.stringify({ who, module, op: numbered });
    localStorage.setItem(opKey(this.client, numbered.seq), text);
    this.ops.push(numbered);
    return numbered;
  }

  /** The oldest operations, as many as go into one request. */
  batch() {
    return batch(this.ops);
  }

  /** Forget operations that the server has answered. */
  acknowledge(seqs) {
    const done = new Set(seqs);
    for (const seq of done) localStorage.removeItem(opKey(this.client, seq));
    this.ops = this.ops.filter((op) => !done.has(op.seq));
  }

  /** Who this client is for, and how far it has counted, for whoever finds the journal. */
  keep() {
    localStorage.setItem(CLIENTS + this.client, JSON.stringify({ ...this.owner, seq: this.seq }));
  }
}

function batch(ops, most = 100) {
  const found = [];
  let size = 0;
  for (const op of ops.slice(0, most)) {
    size += JSON.stringify(op).length;
    if (found.length && size > LARGEST) break;
    found.push(op);
  }
  return found;
}

/**
 * What closed tabs left: journals `[{client, who, module, token, ops, closed}]`, oldest operations
 * first. Without operations, where a tab may still have items that others wait for. `closed`: it is
 * certain that the tab is.
 */
export async function abandoned(own) {
  const alive = await open();
  const clients = new Map();
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(OPS)) clients.set(key.slice(OPS.length, key.lastIndexOf(":")), true);
    else if (key.startsWith(CLIENTS) && !clients.has(key.slice(CLIENTS.length))) {
      clients.set(key.slice(CLIENTS.length), false);
    }
  }
  clients.delete(own);
  const found = [];
  for (const [client, waits] of clients) {
    if (alive?.has(client)) continue;
    const kept = waits ? stored(client) : [];
    const record = read(CLIENTS + client);
    if (!kept.length && !(alive && record)) continue;
    const late = Date.now() - Date.parse(kept[0]?.op.at) > 15_000; // else its tab may be sending it
    if (!alive && !late) continue;
    const { who, module } = kept[0] ?? record;
    const ops = batch(kept.map(({ op }) => op));
    found.push({ client, who, module, token: record?.token ?? "", ops, closed: Boolean(alive) });
  }
  return found;
}

/** Forget acknowledged operations of a journal that another tab left. */
export function settle(client, seqs) {
  for (const seq of seqs) localStorage.removeItem(opKey(client, seq));
  if (!stored(client).length) forget(client);
}

function forget(client) {
  localStorage.removeItem(CLIENTS + client);
  localStorage.removeItem(DRAFTS + client);
}

/** What was being marked, so that a reload doesn't lose it. */
export const draft = {
  save(client, value) {
    try {
      localStorage.setItem(DRAFTS + client, JSON.stringify(value));
    } catch {
      // a full storage stops decisions, with a message; half a draft isn't worth one
    }
  },
  load: (client) => read(DRAFTS + client),
  clear: (client) => localStorage.removeItem(DRAFTS + client),
};

function stored(client) {
  const prefix = `${OPS}${client}:`;
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(prefix))
    .sort()
    .map(read)
    .filter((found) => found?.op);
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // not ours, or cut short by a crash of the browser
  }
}
