/** What draws the map and finds points, by messages to the worker: `draw`, `nearest`, `inside`. */

const WORKER = new URL("worker.js", import.meta.url).href;
// The page's one policy of Trusted Types: it knows one script, and ignores what it is given.
const policy = globalThis.trustedTypes?.createPolicy("soundalike", { createScriptURL: () => WORKER });

export const canDraw = () => typeof OffscreenCanvas === "function" && "transferControlToOffscreen" in HTMLCanvasElement.prototype;

export class Engine {
  #asked = new Map();
  #last = 0;

  constructor(canvas) {
    this.worker = new Worker(policy ? policy.createScriptURL("") : WORKER, { type: "module" });
    this.worker.addEventListener("message", ({ data: { id, value } }) => {
      this.#asked.get(id)(value);
      this.#asked.delete(id);
    });
    const drawn = canvas.transferControlToOffscreen();
    this.#ask("start", { canvas: drawn }, [drawn]);
  }

  points(buffer) { return this.#ask("points", { buffer }, [buffer]); }
  draw(view) { return this.#ask("draw", view); }
  nearest(x, y, reach) { return this.#ask("nearest", { x, y, reach }); }
  hop(row, dx, dy) { return this.#ask("hop", { row, dx, dy }); }
  inside(polygon) { return this.#ask("inside", { polygon }); }
  seen(camera, size, most) { return this.#ask("seen", { camera, size, most }); }

  #ask(act, given, transfer = []) {
    const id = ++this.#last;
    return new Promise((answer) => {
      this.#asked.set(id, answer);
      this.worker.postMessage({ id, act, given }, transfer);
    });
  }
}
