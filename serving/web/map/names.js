/** Which tracks the points are: asked for in batches, each once. */

import { post } from "../api.js";
import { unitsOf } from "./camera.js";

const MOST = 200; // that the server looks up at a time
const WAIT_MS = 30;

export class Names {
  #byRow = new Map();
  #byId = new Map();
  #waiting = { rows: new Map(), ids: new Map() };
  #timer = null;

  /** Names are of the rows of one index version; another one has other rows. */
  constructor(version) { this.version = version; }

  known(row) { return this.#byRow.get(row) ?? null; }
  placeOfRow(row) { return this.place(this.#byRow.get(row)?.id); }

  /** Return where a track that is known is, in units; null if it is not on the map. */
  place(id) {
    const at = this.#byId.get(id)?.at;
    return at ? unitsOf(at) : null;
  }

  rowOf(id) { return this.#byId.get(id)?.row ?? null; }

  /** Return the track of a row; null if it left. Throws Problem `index-changed`. */
  ofRow(row) { return this.#byRow.has(row) ? Promise.resolve(this.#byRow.get(row)) : this.#wanted("rows", row); }

  ofRows(rows) { return Promise.all(rows.map((row) => this.ofRow(row))); }

  /** Learn where tracks are on the map. */
  ofIds(ids) { return Promise.all(ids.map((id) => (this.#byId.has(id) ? this.#byId.get(id) : this.#wanted("ids", id)))); }

  #wanted(kind, key) {
    const waiting = this.#waiting[kind];
    if (!waiting.has(key)) {
      let settle;
      const promise = new Promise((resolve, reject) => { settle = { resolve, reject }; });
      waiting.set(key, { ...settle, promise });
    }
    this.#timer ??= setTimeout(() => { this.#timer = null; this.#ask("rows"); this.#ask("ids"); }, WAIT_MS);
    return waiting.get(key).promise;
  }

  async #ask(kind) {
    const asked = [...this.#waiting[kind]];
    this.#waiting[kind] = new Map();
    for (let start = 0; start < asked.length; start += MOST) {
      const part = asked.slice(start, start + MOST);
      try {
        const answer = await post("v1/tracks/lookup", { index_version: this.version, [kind]: part.map(([key]) => key) });
        for (const item of answer.items) {
          this.#byRow.set(item.row, item.track);
          this.#byId.set(item.track.id, item);
        }
        for (const [key, { resolve }] of part) resolve((kind === "rows" ? this.#byRow : this.#byId).get(key) ?? null);
      } catch (error) {
        for (const [, { reject }] of part) reject(error);
      }
    }
  }
}
