// One websocket a tab. Frames are numbered; a gap, three missed ticks or a reconnect asks for a snapshot.
import { say, duration } from "./words.js";
import { signInAgain } from "./session.js";

const TICK_MS = 5000;
const LONGEST_WAIT_MS = 4000;
const SIGNED_OUT = 4401;
const watched = new Set();
const listeners = new Map();
let socket = null;
let expected = 0;
let heard = Date.now();
let tries = 0;
let paused = false;
let held = false;
let address = "";

export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
}

// Binary frames are a stream's (stream.js); `pause` is told to the topic "paused".
export const wish = (message) => send(message);
export const isPaused = () => paused;

export function watch(topic) {
  watched.add(topic);
  send({ watch: topic });
}

// Pauses or resumes patches; what was missed while paused comes with the next snapshot.
export function pause() {
  paused = !paused;
  show();
  tell("paused", paused);
  if (!paused && held) send({ snapshot: true });
  return paused;
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function tell(topic, payload) {
  for (const listener of listeners.get(topic) ?? []) listener(payload);
}

// Parts that htmx fetches listen to the same beat as the modules.
function tick(payload) {
  tell("tick", payload);
  if (!paused && !document.hidden) document.dispatchEvent(new CustomEvent("patchbay:tick"));
}

function receive(event) {
  heard = Date.now();
  if (typeof event.data !== "string") return tell("stream", event.data);
  const frame = JSON.parse(event.data);
  if (frame.kind === "hello") {
    expected = frame.seq + 1;
    tries = 0;
    for (const topic of watched) send({ watch: topic });
    tell("hello");
    send({ snapshot: true });
  } else if (frame.kind === "snapshot") {
    expected = frame.seq + 1;
    held = false;
    tell("snapshot", frame.payload);
  } else if (frame.seq !== expected) {
    expected = frame.seq + 1;
    send({ snapshot: true });
  } else {
    expected += 1;
    if (frame.topic === "tick") tick(frame.payload);
    else if (paused || document.hidden) held = true;
    else tell(frame.topic, frame.payload);
  }
  show();
}

function show() {
  const state = document.querySelector("[data-live-state]");
  if (!state) return;
  const silent = (Date.now() - heard) / 1000;
  const open = socket?.readyState === WebSocket.OPEN;
  const stale = silent > 3 * TICK_MS / 1000;
  document.body.classList.toggle("stale-page", stale);
  const words = stale ? say("stale", { age: duration(silent) }) : say(open ? (paused ? "paused" : "live") : "reconnecting");
  const look = `state ${stale ? "is-stale" : open ? (paused ? "is-off" : "is-live") : "is-queued"}`;
  if (state.textContent !== words) state.textContent = words;
  if (state.className !== look) state.className = look;
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}${address}`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", receive);
  socket.addEventListener("close", (event) => {
    show();
    if (event.code === SIGNED_OUT) {
      signInAgain().then(connect);
      return;
    }
    const wait = Math.min(LONGEST_WAIT_MS, 400 * 2 ** tries) * (0.7 + Math.random() * 0.3);
    tries += 1;
    setTimeout(connect, wait);
  });
}

export function startLive(url) {
  address = url;
  connect();
  setInterval(() => {
    if (Date.now() - heard > 3 * TICK_MS && socket?.readyState === WebSocket.OPEN) socket.close();
    show();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && held) send({ snapshot: true }); });
}
