/** Playing: the original as far as the browser can, else the canonical copy; the next one ahead. */

import { change, state, watch } from "../store.js";
import { Queue } from "./queue.js";
import { remedy, source } from "./source.js";

const AHEAD_SECONDS = 20;

class Player extends EventTarget {
  queue = new Queue();
  form = "original";
  isOriginalAway = false; // why the form is the copy: else the browser cannot play the original
  problem = null;
  #waiting = null; // where to go on, once the server answers again or has a key
  #cutAt = null; // where the connection was cut, and the track went on once

  constructor() {
    super();
    this.elements = [0, 1].map(() => new Audio());
    for (const element of this.elements) this.#listen(element);
    document.body.append(...this.elements);
    this.audio = this.elements[0];
    this.ahead = null;
    watch(["down", "opened"], (changed) => { if (!state.down && changed.has(this.#waiting?.until)) this.#goOn(this.#waiting.at); });
  }

  get current() { return this.queue.current; }
  get isPlaying() { return !this.audio.paused && Boolean(this.current) && this.problem === null; }
  get duration() { return Number.isFinite(this.audio.duration) && this.audio.duration > 0 ? this.audio.duration : (this.current?.duration ?? NaN); }

  /** Play a track, or stop and go on if it is the current one; what is queued stays queued. */
  toggle(track, context) {
    if (this.current?.id === track.id) this.playOrPause();
    else this.play(track, context);
  }

  play(track, context) {
    this.queue.play(track, context);
    this.#start();
  }

  playOrPause() {
    if (!this.current) return;
    if (this.problem !== null) this.#start();
    else if (this.audio.paused) this.#sound(); else this.audio.pause();
  }

  next() { if (this.queue.next()) this.#start(); }

  previous() {
    if (this.audio.currentTime > 3 || !this.queue.previous()) this.seek(0);
    else this.#start();
  }

  enqueue(...tracks) {
    this.queue.add(...tracks);
    if (!this.current) this.next();
    this.#changed();
  }

  /** Move to a second of the track. */
  seek(second) {
    if (!this.current) return;
    this.audio.currentTime = Math.min(Math.max(0, second), Math.max(0, (this.duration || 0) - 0.05));
    this.dispatchEvent(new Event("time"));
  }

  setVolume(volume) { for (const element of this.elements) element.volume = volume; this.#changed(); }
  mute() { const muted = !this.audio.muted; for (const element of this.elements) element.muted = muted; this.#changed(); }

  #start() {
    this.problem = null;
    this.#waiting = this.#cutAt = null;
    this.audio.pause();
    const ready = this.ahead?.id === this.current.id && this.ahead.isReady;
    this.form = ready ? this.ahead.form : "original";
    this.isOriginalAway = ready && this.ahead.isOriginalAway;
    const other = this.elements.find((each) => each !== this.audio);
    if (ready) {
      this.audio.removeAttribute("src");
      this.audio = other;
    } else {
      this.audio.src = source(this.current, "original");
    }
    this.ahead = null;
    this.#sound();
    this.#changed();
  }

  #sound() {
    // A refusal is told by the element's error, or is the browser's wish for a click.
    this.audio.play().catch(() => this.#changed());
  }

  #listen(element) {
    const current = (act) => () => { if (element === this.audio) act(); };
    element.preload = "auto";
    for (const name of ["play", "pause", "playing", "durationchange"]) element.addEventListener(name, current(() => this.#changed()));
    element.addEventListener("timeupdate", current(() => { this.dispatchEvent(new Event("time")); this.#loadAhead(); }));
    element.addEventListener("ended", current(() => { if (this.queue.next()) this.#start(); else this.#changed(); }));
    element.addEventListener("error", () => this.#failed(element));
  }

  #loadAhead() {
    const next = this.queue.following;
    if (!next || this.ahead?.id === next.id || !(this.duration - this.audio.currentTime < AHEAD_SECONDS)) return;
    this.ahead = { id: next.id, form: "original", isOriginalAway: false, isReady: true };
    this.elements.find((each) => each !== this.audio).src = source(next, "original");
  }

  /** Play the copy instead, wait for the server or the key, go on once after a connection that was cut, or say what is wrong. */
  async #failed(element) {
    if (!element.getAttribute("src")) return;
    const [address, failure, at] = [element.src, element.error, element.currentTime];
    const [track, form] = element === this.audio ? [this.current, this.form] : [this.queue.following, this.ahead?.form];
    if (element !== this.audio && this.ahead?.id !== track?.id) { this.ahead = null; return; } // the queue has changed
    const { copy = false, isAway = false, until, isCut, problem } = await remedy(track, form, failure);
    if (element.src !== address) return; // it plays something else by now
    if (element !== this.audio) {
      this.ahead = { id: track.id, form: "flac", isOriginalAway: isAway, isReady: copy }; // else it is asked for in its turn
      if (copy) element.src = source(track, "flac");
    } else if (copy) {
      Object.assign(this, { form: "flac", isOriginalAway: isAway });
      this.#goOn(at);
    } else if (until) {
      this.#waiting = { at, until };
      if (until === "down") change({ down: true });
    } else if (isCut && at !== this.#cutAt) {
      this.#cutAt = at;
      this.#goOn(at);
    } else {
      this.problem = problem;
    }
    this.#changed();
  }

  #goOn(at) {
    const { audio } = this;
    this.#waiting = null;
    audio.src = source(this.current, this.form);
    const { src } = audio;
    audio.addEventListener("loadedmetadata", () => { if (audio.src === src) audio.currentTime = at; }, { once: true });
    this.#sound();
  }

  #changed() { this.dispatchEvent(new Event("change")); }
}

export const player = new Player();
