/** The part of the map that is seen: a map is two units wide, and zoom 1 fits it into the shorter side. */

export const UNIT = 32767; // an int16 for a coordinate of 1
const [FARTHEST, NEAREST] = [0.25, 400];
const MARGIN = 0.84; // of a side that the tracks take when all are seen

/** Return a point of the API in units; its y grows upwards, and pixels downwards. */
export const unitsOf = ([x, y]) => [x / UNIT, -y / UNIT];

export const scaleOf = (camera, size) => (camera.zoom * Math.min(size.width, size.height)) / 2;

/** Return the pixel of a point [x, y] in units. */
export function pixelOf(camera, size, [x, y]) {
  const scale = scaleOf(camera, size);
  return [size.width / 2 + (x - camera.x) * scale, size.height / 2 + (y - camera.y) * scale];
}

export function unitsAt(camera, size, [x, y]) {
  const scale = scaleOf(camera, size);
  return [camera.x + (x - size.width / 2) / scale, camera.y + (y - size.height / 2) / scale];
}

/** Return the camera that sees all within bounds [left, top, right, bottom] in units. */
export function fitted([left, top, right, bottom], size, nearest = NEAREST) {
  const across = (MARGIN * size.width) / Math.max(right - left, 1e-6);
  const down = (MARGIN * size.height) / Math.max(bottom - top, 1e-6);
  const zoom = (2 * Math.min(across, down)) / Math.min(size.width, size.height);
  return { x: (left + right) / 2, y: (top + bottom) / 2, zoom: Math.max(FARTHEST, Math.min(nearest, zoom)) };
}

export function boundsOf(points) {
  const [x, y] = [points.map((each) => each[0]), points.map((each) => each[1])];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

/** Zoom so that what is under a pixel stays there. */
export function zoomed(camera, size, factor, pixel) {
  const zoom = Math.max(FARTHEST, Math.min(NEAREST, camera.zoom * factor));
  const [x, y] = unitsAt(camera, size, pixel);
  const kept = camera.zoom / zoom;
  return { x: x + (camera.x - x) * kept, y: y + (camera.y - y) * kept, zoom };
}

export function moved(camera, size, dx, dy) {
  const scale = scaleOf(camera, size);
  return { ...camera, x: clamped(camera.x - dx / scale), y: clamped(camera.y - dy / scale) };
}

const clamped = (value) => Math.max(-1.2, Math.min(1.2, value));

/** Return the camera on its way from one to another: `done` is from 0 to 1. */
export function between(from, to, done) {
  const eased = 1 - (1 - done) ** 3;
  const mixed = (a, b) => a + (b - a) * eased;
  return { x: mixed(from.x, to.x), y: mixed(from.y, to.y), zoom: Math.exp(mixed(Math.log(from.zoom), Math.log(to.zoom))) };
}

/** Write a camera for the address, as x,y,zoom. */
export const written = (camera) => [camera.x.toFixed(4), camera.y.toFixed(4), camera.zoom.toPrecision(4)].map(Number).join(",");

export function read(text) {
  const [x, y, zoom] = (text ?? "").split(",").map(Number);
  if (![x, y, zoom].every(Number.isFinite) || zoom <= 0) return null;
  return { x: clamped(x), y: clamped(y), zoom: Math.max(FARTHEST, Math.min(NEAREST, zoom)) };
}
