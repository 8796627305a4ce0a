/** What the page shows, in one place; views are told when it changes. */

const listeners = new Set();

/** @type {Record<string, any>} */
export const state = {
  // the address: what is chosen
  q: "", track: null, like: [], not: [], genres: [], tags: [], root: null, folder: null, years: [null, null],
  allOfArtist: false, editions: false, from: null, to: null, steps: 10, list: null, show: null, pane: null, colour: null, at: null, layout: null,
  // the map: what is shown of it, or why none is; categories that are lit, tracks drawn around, those of the sheet
  map: null, noMap: "", lit: [], area: null, near: [], way: [],
  // what the server told
  caller: null, opened: 0, stats: null, pipeline: null, index: null, newest: null, down: false, palette: new Map(),
};

export function change(changes) {
  Object.assign(state, changes);
  const names = new Set(Object.keys(changes));
  for (const listener of [...listeners]) listener(names);
}

/** Call `listener` when one of these names changes. */
export function watch(names, listener) {
  listeners.add((changed) => { if (names.some((name) => changed.has(name))) listener(changed); });
}
