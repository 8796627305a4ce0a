/** The player at the bottom, and the keys and pictures of the system's own player. */

import { addressOfTrack, open, openView } from "../address.js";
import { button, h, icon, iconButton, render } from "../dom.js";
import { state } from "../store.js";
import { about, clock, glyph, markPlaying, within } from "../tracks.js";
import { WORDS } from "../words.js";
import { player } from "./player.js";
import { update, wave } from "./wave.js";

const bar = document.getElementById("player");
const toggle = iconButton("play", WORDS.resume, () => player.playOrPause(), { class: "round main" });
const title = h("a", { class: "words", href: "?" });
const now = h("span", { class: "time" });
const mute = iconButton("sound", WORDS.mute, () => player.mute(), { class: "round wide" });
const volume = h("input", { type: "range", min: "0", max: "1", step: "0.01", value: "1", "aria-label": WORDS.volume, class: "wide", oninput: () => player.setVolume(Number(volume.value)) });
const queued = h("span", { class: "count" });
const problem = h("p", { class: "problem", role: "alert", hidden: true });
const showQueue = button([icon("queue"), queued], () => openView(state.show === "queue" ? {} : { track: state.track, like: state.like, not: state.not, show: "queue" }), { class: "round" });

export function showPlayer() {
  render(bar, problem,
    h("div", { class: "buttons" }, iconButton("previous", WORDS.previous, () => player.previous(), { class: "round wide" }), toggle, iconButton("next", WORDS.next, () => player.next())),
    h("div", { class: "now" }, h("div", { id: "cover" }), title), wave, now, mute, volume, showQueue);
  player.addEventListener("change", changed);
  player.addEventListener("time", timed);
  for (const [action, act] of Object.entries(SYSTEM)) navigator.mediaSession?.setActionHandler(action, act);
}

const SYSTEM = {
  play: () => player.playOrPause(), pause: () => player.playOrPause(),
  nexttrack: () => player.next(), previoustrack: () => player.previous(),
  seekbackward: () => player.seek(player.audio.currentTime - 10), seekforward: () => player.seek(player.audio.currentTime + 10),
  seekto: (wish) => player.seek(wish.seekTime),
};

let shown = null;

function changed() {
  const track = player.current;
  markPlaying();
  showQueue.setAttribute("aria-label", WORDS.queueOf(player.queue.upcoming.length));
  showQueue.title = WORDS.queue;
  queued.textContent = player.queue.upcoming.length || "";
  if (!track) return;
  bar.hidden = false;
  document.body.classList.add("has-player");
  toggle.replaceChildren(icon(player.isPlaying ? "pause" : "play"));
  toggle.setAttribute("aria-label", player.isPlaying ? WORDS.pause : WORDS.resume);
  mute.replaceChildren(icon(player.audio.muted ? "silent" : "sound"));
  mute.setAttribute("aria-label", player.audio.muted ? WORDS.unmute : WORDS.mute);
  const copied = player.form !== "flac" ? "" : player.isOriginalAway ? WORDS.monoCopyAway : WORDS.monoCopy(track.path?.split(".").pop());
  problem.hidden = player.problem === null && !copied;
  problem.classList.toggle("mild", player.problem === null);
  problem.textContent = player.problem ?? copied;
  if (shown !== track.id) tell(track);
  timed();
}

function tell(track) {
  shown = track.id;
  title.replaceChildren(h("span", { class: "title", dir: "auto" }, track.title), h("span", { class: "about", dir: "auto" }, about(track)));
  title.href = addressOfTrack(track.id);
  title.onclick = within(() => open(track.id));
  document.getElementById("cover").replaceChildren(glyph(track));
  document.title = `${track.title} · soundalike`;
  if (navigator.mediaSession) {
    navigator.mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.artist ?? "", album: track.album ?? "" });
  }
}

function timed() {
  const [at, whole] = [player.audio.currentTime, player.duration];
  now.textContent = `${clock(at)} / ${clock(whole)}`;
  update();
  if (navigator.mediaSession && Number.isFinite(whole) && whole >= at) {
    navigator.mediaSession.playbackState = player.isPlaying ? "playing" : "paused";
    navigator.mediaSession.setPositionState?.({ duration: whole, position: at });
  }
}
