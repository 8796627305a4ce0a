/** The points and their pixels, in a thread of their own. */

import { Grid } from "./grid.js";
import { Raster, windowOf } from "./raster.js";

let grid = null;
let raster = null;

const ACTS = {
  start: ({ canvas }) => { raster = new Raster(canvas); },
  points: ({ buffer }) => { grid = new Grid(buffer); return { bounds: grid.bounds, count: grid.count }; },
  draw: (view) => {
    const started = performance.now();
    const seen = raster.draw(grid, view);
    return { seen, milliseconds: performance.now() - started };
  },
  nearest: ({ x, y, reach }) => grid.nearest(x, y, reach),
  hop: ({ row, dx, dy }) => grid.hop(row, dx, dy),
  inside: ({ polygon }) => grid.inside(polygon),
  seen: ({ camera, size, most }) => grid.seen(windowOf(camera, size), most),
};

onmessage = ({ data: { id, act, given } }) => {
  try {
    postMessage({ id, value: ACTS[act](given) });
  } catch (error) {
    postMessage({ id, problem: error.message });
  }
};
