/** What draws the map and finds points, by messages to the worker: `draw`, `nearest`, `inside`. */

const WORKER = new URL("worker.js", import.meta.url).href;
// The page's one policy of Trusted Types: it knows one script, and ignores what it is given.
const policy = globalThis.trustedTypes?.createPolicy("soundalike", { createScriptURL: () => WORKER });

export const canDraw = () => typeof OffscreenCanvas === "function" && "transferControlToOffscreen" in HTMLCanvasElement.prototype;

export class Engine {
  #asked = new Map();
  #last = 0;
  #broken = null; // why the worker answers no more

  constructor(canvas) {
    this.worker = new Worker(policy ? policy.createScriptURL("") : WORKER, { type: "module" });
    this.worker.addEventListener("message", ({ data: { id, value, problem } }) => {
      const { resolve, reject } = this.#asked.get(id);
      this.#asked.delete(id);
      if (problem === undefined) resolve(value); else reject(new Error(problem));
    });
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#broken = new Error(event.message || "its script does not load");
      for (const { reject } of this.#asked.values()) reject(this.#broken);
      this.#asked.clear();
    });
    const drawn = canvas.transferControlToOffscreen();
    this.#ask("start", { canvas: drawn }, [drawn]).catch(() => {}); // the points are asked for next, and their error is told
  }

  points(buffer) { return this.#ask("points", { buffer }, [buffer]); }
  draw(view) { return this.#ask("draw", view); }
  nearest(x, y, reach) { return this.#ask("nearest", { x, y, reach }); }
  hop(row, dx, dy) { return this.#ask("hop", { row, dx, dy }); }
  inside(polygon) { return this.#ask("inside", { polygon }); }
  seen(camera, size, most) { return this.#ask("seen", { camera, size, most }); }

  #ask(act, given, transfer = []) {
    if (this.#broken) return Promise.reject(this.#broken);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.worker.postMessage({ id, act, given }, transfer);
    });
  }
}
