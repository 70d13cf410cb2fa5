// Live tables: numbers that the server reads once a second, for as long as a page watches (controlplane/base/streams.py).
//
//   const leave = subscribe("devices", [12, 13], ({ rows, changed, whole }) => { … });
//
// `kind` is a stream's name, with its parameter if it takes one: "device/12". `ids` are the rows to be told of; null
// for all. The callback comes about once a second, after the frame: `changed` are ids whose numbers differ from the
// frame before (all that are there when `whole`), `rows` reads numbers: rows.value(id, column) in the unit of the column
// or null, rows.age(id) in seconds, rows.source(id), rows.more (JSON of the stream). Nothing comes while the page is
// paused or hidden; then a whole frame does. watchAges(kind, callback) calls every second, news or not.
import { isPaused, on, wish } from "./live.js";

const ABSENT = 65535;
export const STALE_S = 10;
const feeds = new Map();

export class StreamRows {
  constructor() {
    this.seq = 0;
    this.ids = [];
    this.at = new Map();
    this.columns = new Map();
    this.numbers = [];
    this.ages = [];
    this.sources = [];
    this.sourceOf = [];
    this.more = {};
    this.heard = 0;
  }

  value(id, name) {
    const column = this.columns.get(name);
    const number = column && this.at.has(id) ? this.numbers[column.place][this.at.get(id)] : ABSENT;
    return number === ABSENT ? null : number / column.steps + column.low;
  }

  source(id) { return this.sources[this.sourceOf[this.at.get(id)]] ?? null; }

  // Seconds since the source's last report: as the server said, and what has passed since then here.
  age(id) {
    const said = this.ages[this.sourceOf[this.at.get(id)]];
    return said === undefined ? null : said + this.silent();
  }

  silent() { return (performance.now() - this.heard) / 1000; }
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The header of a message, and its numbers: one array for each column.
export async function read(bytes) {
  const body = await inflate(bytes);
  const length = new DataView(body.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(body.subarray(4, 4 + length)));
  return { header, planes: body.subarray(4 + length) };
}

function begin(rows, header) {
  let last = 0;
  rows.ids = header.ids.map((one) => (typeof one === "number" ? (last += one) : one));
  rows.at = new Map(rows.ids.map((id, at) => [id, at]));
  rows.columns = new Map(header.columns.map(([name, steps, low], place) => [name, { place, steps, low }]));
  rows.numbers = header.columns.map(() => new Uint16Array(rows.ids.length));
  rows.sources = header.sources;
  rows.sourceOf = header.source_of;
}

// Takes a message in. The ids that changed; null if a frame is missing before it, so that a whole one is needed.
export function apply(rows, { header, planes }) {
  const whole = "ids" in header;
  if (!whole && header.seq !== rows.seq + 1) return null;
  if (whole) begin(rows, header);
  const { length } = rows.ids;
  const touched = new Uint8Array(length);
  rows.numbers.forEach((numbers, place) => {
    const low = planes.subarray(2 * place * length, (2 * place + 1) * length);
    const high = planes.subarray((2 * place + 1) * length, (2 * place + 2) * length);
    for (let at = 0; at < length; at += 1) {
      const number = low[at] | (high[at] << 8);
      if (whole) numbers[at] = number;
      else if (number) { numbers[at] += (number >>> 1) ^ -(number & 1); touched[at] = 1; }
    }
  });
  Object.assign(rows, { seq: header.seq, ages: header.ages, more: header.more, heard: performance.now() });
  return whole ? rows.ids : rows.ids.filter((_, at) => touched[at]);
}

function tell(feed, changed, whole) {
  for (const { ids, callback } of feed.listeners) {
    callback({ rows: feed.rows, changed: ids ? changed.filter((id) => ids.has(id)) : changed, whole });
  }
}

async function take(bytes) {
  const message = await read(bytes);
  const feed = feeds.get(message.header.kind);
  if (!feed || asleep()) return;
  const changed = apply(feed.rows, message);
  if (changed === null) wish({ subscribe: message.header.kind });
  else tell(feed, changed, "ids" in message.header);
}

const asleep = () => isPaused() || document.hidden;
let turn = Promise.resolve();

function wake() {
  for (const kind of feeds.keys()) wish(asleep() ? { unsubscribe: kind } : { subscribe: kind });
}

export function subscribe(kind, ids, callback) {
  const known = feeds.get(kind) ?? { rows: new StreamRows(), listeners: new Set() };
  const listener = { ids: ids && new Set(ids), callback };
  feeds.set(kind, known);
  known.listeners.add(listener);
  if (!asleep()) wish({ subscribe: kind });
  return () => {
    known.listeners.delete(listener);
    if (known.listeners.size) return;
    feeds.delete(kind);
    wish({ unsubscribe: kind });
  };
}

export function watchAges(kind, callback) {
  setInterval(() => { if (!document.hidden && feeds.has(kind)) callback(feeds.get(kind).rows); }, 1000);
}

on("stream", (bytes) => { turn = turn.then(() => take(bytes)).catch(() => wake()); });
on("hello", wake);
on("paused", wake);
document.addEventListener("visibilitychange", wake);
