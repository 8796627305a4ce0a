/** Drawing the points into pixels: no GPU, and the same picture in every browser. */

import { scaleOf, UNIT } from "./camera.js";

const [SMALLEST, LARGEST] = [0.75, 7]; // CSS pixels
const DENSITY = 0.3; // the radius, of the mean distance of the points that are seen
const MOVING = 125_000; // points that are drawn while the map moves
const RINGED = 2.4; // from this radius on, points stand apart by a ring of the ground's colour

export class Raster {
  #image = null;

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  /** Draw the points that a view sees; return how many. Categories that are not lit are faint. */
  draw(grid, view) {
    const { width, height, ratio, camera, isMoving } = view;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down) Object.assign(this.canvas, { width: across, height: down });
    const scale = scaleOf(camera, view);
    const window = windowOf(camera, view, 8);
    const ranges = grid.ranges(window);
    const seen = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
    const radius = radiusOf(grid.count, scale);
    const stamp = stampOf(radius * ratio, radius > RINGED);
    const pad = stamp.reach * 2;
    const pixels = this.#cleared(across + 2 * pad, down + 2 * pad, packed(view.ground));
    stamp.offsets = stamp.spots.map(([x, y]) => y * pixels.across + x);
    const place = { step: (scale * ratio) / UNIT, x: across / 2 + pad - camera.x * scale * ratio, y: down / 2 + pad - camera.y * scale * ratio, low: stamp.reach, right: across + 2 * pad - stamp.reach, bottom: down + 2 * pad - stamp.reach };
    const stride = isMoving ? Math.max(1, Math.ceil(seen / MOVING)) : 1;
    const [faint, bright] = coloursOf(view);
    if (faint.some((each) => each !== null)) stamped(pixels, grid, ranges, stride, place, stamp, faint);
    if (bright.some((each) => each !== null)) stamped(pixels, grid, ranges, stride, place, stamp, bright);
    this.context.putImageData(this.#image, -pad, -pad);
    return seen;
  }

  #cleared(across, down, ground) {
    if (this.#image?.width !== across || this.#image.height !== down) this.#image = new ImageData(across, down);
    const words = new Uint32Array(this.#image.data.buffer).fill(ground);
    return { words, across, ground };
  }
}

/** Return the window [left, top, right, bottom] that is seen, in int16, and some pixels around. */
export function windowOf(camera, size, around = 0) {
  const scale = scaleOf(camera, size) / UNIT;
  const [x, y] = [(size.width / 2 + around) / scale, (size.height / 2 + around) / scale];
  return [camera.x * UNIT - x, camera.y * UNIT - y, camera.x * UNIT + x, camera.y * UNIT + y];
}

/** Return the radius of points in CSS pixels: more space, larger points. */
export const radiusOf = (count, scale) => Math.max(SMALLEST, Math.min(LARGEST, DENSITY * 2 * scale / Math.sqrt(Math.max(count, 1))));

const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** Return the colours of two layers by category: first what is faint or has none, then the rest. */
function coloursOf({ colours, rest, faint, lit }) {
  const isLit = (code) => lit.length === 0 || lit.includes(code);
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const below = codes.map((code) => (!isLit(code) ? packed(faint) : colours[code - 1] ? null : packed(rest)));
  return [below, codes.map((code) => (isLit(code) && colours[code - 1] ? packed(colours[code - 1]) : null))];
}

/** Return the pixels of a disc: how much each is covered, in 256ths, and those of its ring. */
function stampOf(radius, isRinged) {
  const outer = isRinged ? radius + 1.5 : radius;
  const reach = Math.ceil(outer + 0.5);
  const [spots, shares, rings] = [[], [], []];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const distance = Math.hypot(x, y);
      const [whole, disc] = [outer, radius].map((each) => Math.round(256 * Math.max(0, Math.min(1, each + 0.5 - distance))));
      if (isRinged && whole > disc) { spots.push([x, y]); shares.push(whole); rings.push(true); }
      if (disc > 0) { spots.push([x, y]); shares.push(disc); rings.push(false); }
    }
  }
  return { spots, shares: Uint16Array.from(shares), rings, reach };
}

function stamped({ words, ground }, { x, y, codes }, ranges, stride, place, stamp, colours) {
  const { shares, rings } = stamp;
  const [offsets, across] = [Int32Array.from(stamp.offsets), place.right + place.low];
  const table = colours.map((each) => each ?? -1);
  const { step, low, right, bottom } = place;
  for (const [from, to] of ranges) {
    for (let at = Math.ceil(from / stride) * stride; at < to; at += stride) {
      const colour = table[codes[at]];
      if (colour === -1) continue;
      const [column, line] = [Math.round(x[at] * step + place.x), Math.round(y[at] * step + place.y)];
      if (column < low || line < low || column >= right || line >= bottom) continue;
      const middle = line * across + column;
      for (let spot = 0; spot < offsets.length; spot++) {
        const pixel = middle + offsets[spot];
        const share = shares[spot];
        const paint = rings[spot] ? ground : colour;
        words[pixel] = share === 256 ? paint : mixed(words[pixel], paint, share);
      }
    }
  }
}

/** Mix two colours, red and blue in one product. */
function mixed(under, over, share) {
  const rest = 256 - share;
  const redBlue = (((under & 0xff00ff) * rest + (over & 0xff00ff) * share) / 256) & 0xff00ff;
  const green = (((under & 0xff00) * rest + (over & 0xff00) * share) / 256) & 0xff00;
  return (0xff000000 | redBlue | green) >>> 0;
}
