/** Playing: the original as far as the browser can, else the canonical copy; the next one ahead. */

import { addressAt, send, trackPath, Unreachable } from "../api.js";
import { change, state, watch } from "../store.js";
import { Queue } from "./queue.js";

const AHEAD_SECONDS = 20;
const NETWORK_ERROR = 2;

/** Name a track's audio as the browser loads it. */
const source = (track, form) => addressAt(trackPath(track.id, `/audio?as=${form}`));

class Player extends EventTarget {
  queue = new Queue();
  form = "original";
  problem = null;
  #waiting = null; // where to go on, once the server answers again

  constructor() {
    super();
    this.elements = [0, 1].map(() => new Audio());
    for (const element of this.elements) this.#listen(element);
    document.body.append(...this.elements);
    this.audio = this.elements[0];
    this.ahead = null;
    watch(["down"], () => { if (!state.down && this.#waiting !== null) this.#goOn(); });
  }

  get current() { return this.queue.current; }
  get isPlaying() { return !this.audio.paused && Boolean(this.current); }
  get duration() { return Number.isFinite(this.audio.duration) && this.audio.duration > 0 ? this.audio.duration : (this.current?.duration ?? NaN); }

  /** Play a track, or stop and go on if it is the current one; what is queued stays queued. */
  toggle(track, context) {
    if (this.current?.id === track.id && !this.problem) this.playOrPause();
    else this.play(track, context);
  }

  play(track, context) {
    this.queue.play(track, context);
    this.#start();
  }

  playOrPause() {
    if (!this.current) return;
    if (this.audio.paused) this.#sound(); else this.audio.pause();
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
    this.#waiting = null;
    this.audio.pause();
    const ready = this.ahead?.id === this.current.id;
    this.form = ready ? this.ahead.form : "original";
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
    this.ahead = { id: next.id, form: "original" };
    this.elements.find((each) => each !== this.audio).src = source(next, "original");
  }

  async #failed(element) {
    if (!element.getAttribute("src")) return;
    if (element !== this.audio) {
      const next = this.queue.following;
      if (this.ahead?.form === "original" && next?.id === this.ahead.id) {
        this.ahead.form = "flac";
        element.src = source(next, "flac");
      } else {
        this.ahead = null;
      }
      return;
    }
    const at = element.currentTime;
    if (element.error?.code !== NETWORK_ERROR && this.form === "original") {
      this.form = "flac";
      element.src = source(this.current, "flac");
      this.#sound();
      this.#changed();
      return;
    }
    const track = this.current;
    try {
      await send(trackPath(track.id, `/audio?as=${this.form}`), { headers: { Range: "bytes=0-0" } });
      this.problem = element.error?.message ?? "";
    } catch (error) {
      if (error instanceof Unreachable) {
        this.#waiting = at;
        change({ down: true });
        return;
      }
      this.problem = error.message;
    }
    if (track === this.current) this.#changed();
  }

  #goOn() {
    const at = this.#waiting;
    this.#waiting = null;
    this.audio.src = source(this.current, this.form);
    this.audio.addEventListener("loadedmetadata", () => { this.audio.currentTime = at; }, { once: true });
    this.#sound();
  }

  #changed() { this.dispatchEvent(new Event("change")); }
}

export const player = new Player();
