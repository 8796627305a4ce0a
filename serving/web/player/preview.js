/** Preview on hover: a part of the track under the mouse on the map, while what plays waits. Off at first. */

import { tell } from "../views/messages.js";
import { player } from "./player.js";
import { refusal, source } from "./source.js";

const DELAY_MS = 300; // a mouse on its way elsewhere is at many tracks
const FADE_MS = 80;
const STEP_MS = 16;
const START = 0.3; // of the track, as its beginning is often not like it

class Preview {
  isOn = false;
  #audio = new Audio();
  #heard = null; // the track that sounds, or is about to
  #isHushing = false; // what played waits until the preview ends
  #waiting;
  #fading;

  constructor() {
    this.#audio.className = "preview";
    document.body.append(this.#audio);
    this.#audio.addEventListener("error", async () => {
      const [track, failure] = [this.#heard, this.#audio.error];
      if (!track || !this.#audio.getAttribute("src")) return;
      tell(await refusal(track, "flac") ?? failure);
    });
    player.addEventListener("change", () => { if (player.isPlaying) this.#isHushing = false; if (player.isPlaying && this.#heard) this.hear(null); });
  }

  turn(on) {
    this.isOn = on;
    if (!on) this.hear(null);
  }

  /** Hear a track in a moment, instead of the one before; null is for silence. */
  hear(track) {
    if (!this.isOn && !this.#heard) return;
    if (track?.id === this.#heard?.id) return;
    clearTimeout(this.#waiting);
    this.#heard = track;
    this.#fade(0, () => this.#audio.pause());
    if (track) this.#waiting = setTimeout(() => this.#start(track), DELAY_MS);
    else if (this.#isHushing) { this.#isHushing = false; player.playOrPause(); }
  }

  #start(track) {
    if (player.isPlaying) { this.#isHushing = true; player.playOrPause(); }
    const { volume, muted } = player.audio;
    Object.assign(this.#audio, { src: `${source(track, "flac")}#t=${(START * (track.duration ?? 0)).toFixed(1)}`, volume: 0, muted });
    this.#audio.play().catch(() => {}); // its error is told above
    this.#fade(volume);
  }

  #fade(to, then) {
    clearInterval(this.#fading);
    const [from, started] = [this.#audio.volume, performance.now()];
    this.#fading = setInterval(() => {
      const done = Math.min(1, (performance.now() - started) / FADE_MS);
      this.#audio.volume = from + (to - from) * done;
      if (done < 1) return;
      clearInterval(this.#fading);
      then?.();
    }, STEP_MS);
  }
}

export const preview = new Preview();
