/** The waveform: a slider over the picture of how loud the track is. */

import { send, trackPath } from "../api.js";
import { h } from "../dom.js";
import { clock } from "../tracks.js";
import { WORDS } from "../words.js";
import { player } from "./player.js";

const PARTS = 400;
const STEP_SECONDS = 5;
const BAR = 3; // CSS pixels a bar and its gap take
const AGAIN_MS = 10_000; // until what did not load is asked for again
const ABSENT = 404;

let parts = new Uint8Array(0);
let shown = null;
let againAt = Infinity;
const canvas = h("canvas", { "aria-hidden": "true" });
export const wave = h("div", { class: "wave", role: "slider", tabindex: "0", "aria-label": WORDS.position, "aria-valuemin": "0", "aria-valuenow": "0", "aria-valuemax": "0" }, canvas);

async function load(track) {
  [shown, againAt, parts] = [track.id, Infinity, new Uint8Array(0)];
  try {
    const answer = await send(trackPath(track.id, `/peaks?n=${PARTS}`));
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (shown === track.id) parts = bytes;
  } catch (error) { // without a picture the slider works all the same
    if (shown === track.id && error.status !== ABSENT) againAt = performance.now() + AGAIN_MS;
  }
  draw();
}

function draw() {
  const { width, height } = wave.getBoundingClientRect();
  const scale = devicePixelRatio || 1;
  if (!width) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const style = getComputedStyle(wave);
  const context = canvas.getContext("2d");
  const played = player.audio.currentTime / (player.duration || 1);
  const bars = Math.floor(width / BAR);
  context.scale(scale, scale);
  for (let bar = 0; bar < bars; bar++) {
    const first = Math.floor((bar * parts.length) / bars);
    const last = Math.max(first + 1, Math.floor(((bar + 1) * parts.length) / bars));
    const loud = parts.length ? Math.max(...parts.subarray(first, last)) / 255 : 0.06;
    const tall = Math.max(2, loud * height);
    context.fillStyle = style.getPropertyValue(bar / bars < played ? "--accent" : "--wave");
    context.fillRect(bar * BAR, (height - tall) / 2, BAR - 1, tall);
  }
}

export function update() {
  if (player.current && (player.current.id !== shown || performance.now() > againAt)) load(player.current);
  const [now, whole] = [player.audio.currentTime, player.duration || 0];
  wave.setAttribute("aria-valuemax", String(Math.round(whole)));
  wave.setAttribute("aria-valuenow", String(Math.round(now)));
  wave.setAttribute("aria-valuetext", WORDS.at(clock(now), clock(whole)));
  draw();
}

function point(event) {
  const { left, width } = wave.getBoundingClientRect();
  player.seek(((event.clientX - left) / width) * (player.duration || 0));
}

wave.addEventListener("pointerdown", (event) => {
  wave.setPointerCapture(event.pointerId);
  point(event);
});
wave.addEventListener("pointermove", (event) => { if (wave.hasPointerCapture(event.pointerId)) point(event); });
wave.addEventListener("keydown", (event) => {
  const now = player.audio.currentTime;
  const to = { ArrowLeft: now - STEP_SECONDS, ArrowDown: now - STEP_SECONDS, ArrowRight: now + STEP_SECONDS, ArrowUp: now + STEP_SECONDS, Home: 0, End: player.duration, PageUp: now + 30, PageDown: now - 30 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  player.seek(to);
});
new ResizeObserver(draw).observe(wave);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
