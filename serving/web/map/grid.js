/** The points sorted by cells of a grid, so that only those that matter are looked at; y is turned to grow downwards, as pixels do. */

const SIDE = 128; // cells
const SHIFT = 9; // 2 ** 9 of int16 a cell
const NOWHERE = -32768;
const cellOf = (value) => Math.max(0, Math.min(SIDE - 1, (value + 32768) >> SHIFT));

export class Grid {
  /** Sort the points of /v1/map/…/points: int16 x of all rows, int16 y, uint8 category. */
  constructor(buffer) {
    const all = buffer.byteLength / 5;
    const [x, y, codes] = [new Int16Array(buffer, 0, all), new Int16Array(buffer, 2 * all, all), new Uint8Array(buffer, 4 * all, all)];
    const cells = new Int32Array(all).fill(-1);
    const starts = new Uint32Array(SIDE * SIDE + 1);
    for (let row = 0; row < all; row++) {
      if (x[row] === NOWHERE) continue;
      cells[row] = cellOf(-y[row]) * SIDE + cellOf(x[row]);
      starts[cells[row] + 1]++;
    }
    for (let cell = 0; cell < SIDE * SIDE; cell++) starts[cell + 1] += starts[cell];
    const count = starts[SIDE * SIDE];
    Object.assign(this, { starts, count, x: new Int16Array(count), y: new Int16Array(count), codes: new Uint8Array(count), rows: new Uint32Array(count) });
    this.places = new Int32Array(all).fill(-1);
    const next = starts.slice();
    for (let row = 0; row < all; row++) {
      if (cells[row] < 0) continue;
      const place = next[cells[row]]++;
      [this.x[place], this.y[place], this.codes[place], this.rows[place]] = [x[row], -y[row], codes[row], row];
      this.places[row] = place;
    }
  }

  get bounds() {
    let [left, top, right, bottom] = [32767, 32767, NOWHERE, NOWHERE];
    for (let place = 0; place < this.count; place++) {
      left = Math.min(left, this.x[place]); right = Math.max(right, this.x[place]);
      top = Math.min(top, this.y[place]); bottom = Math.max(bottom, this.y[place]);
    }
    return this.count ? [left, top, right, bottom] : [-1, -1, 1, 1];
  }

  /** Return the ranges [from, to) of places whose cells meet a window: one for each line of cells. */
  ranges([left, top, right, bottom]) {
    const found = [];
    const [first, last] = [cellOf(left), cellOf(right)];
    for (let line = cellOf(top); line <= cellOf(bottom); line++) {
      const [from, to] = [this.starts[line * SIDE + first], this.starts[line * SIDE + last + 1]];
      if (from < to) found.push([from, to]);
    }
    return found;
  }

  /** Return the row nearest to a point, at most `reach` away, or null. */
  nearest(x, y, reach) {
    let [row, least] = [null, reach * reach];
    for (const [from, to] of this.ranges([x - reach, y - reach, x + reach, y + reach])) {
      for (let place = from; place < to; place++) {
        const distance = (this.x[place] - x) ** 2 + (this.y[place] - y) ** 2;
        if (distance <= least) [row, least] = [this.rows[place], distance];
      }
    }
    return row;
  }

  /** Return up to `most` rows in a window, and how many there are. */
  seen([left, top, right, bottom], most) {
    const rows = [];
    let total = 0;
    for (const [from, to] of this.ranges([left, top, right, bottom])) {
      for (let place = from; place < to; place++) {
        const [x, y] = [this.x[place], this.y[place]];
        if (x < left || x > right || y < top || y > bottom) continue;
        if (++total <= most) rows.push(this.rows[place]);
      }
    }
    return { rows, total };
  }

  /** Return the row that is next from a row in a direction: rather ahead than near and aside. */
  hop(row, dx, dy) {
    const start = this.places[row];
    let [best, least] = [null, Infinity];
    for (let place = 0; place < this.count; place++) {
      const [x, y] = [this.x[place] - this.x[start], this.y[place] - this.y[start]];
      const [ahead, aside] = [x * dx + y * dy, Math.abs(x * dy - y * dx)];
      if (ahead <= 0 || aside > ahead * 1.2) continue;
      const far = ahead * ahead + 2 * aside * aside;
      if (far < least) [best, least] = [this.rows[place], far];
    }
    return best;
  }

  /** Return the rows within a polygon [[x, y], …]; cells that no edge crosses are tested once. */
  inside(polygon) {
    const [xs, ys] = [polygon.map((each) => each[0]), polygon.map((each) => each[1])];
    const rows = [];
    const half = 2 ** (SHIFT - 1);
    const [first, last] = [cellOf(Math.min(...xs)), cellOf(Math.max(...xs))];
    for (let line = cellOf(Math.min(...ys)); line <= cellOf(Math.max(...ys)); line++) {
      for (let column = first; column <= last; column++) {
        const [from, to] = [this.starts[line * SIDE + column], this.starts[line * SIDE + column + 1]];
        if (from === to) continue;
        const [x, y] = [(column << SHIFT) - 32768 + half, (line << SHIFT) - 32768 + half];
        const isCut = crosses(polygon, x, y, half);
        if (!isCut && !contains(polygon, x, y)) continue;
        for (let place = from; place < to; place++) {
          if (!isCut || contains(polygon, this.x[place], this.y[place])) rows.push(this.rows[place]);
        }
      }
    }
    return rows;
  }
}

/** Tell by the number of edges to the right whether a point lies in a polygon. */
function contains(polygon, x, y) {
  let within = false;
  for (let here = 0, before = polygon.length - 1; here < polygon.length; before = here++) {
    const [[ax, ay], [bx, by]] = [polygon[here], polygon[before]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** Tell whether an edge may meet a square around a point: none that does is missed. */
function crosses(polygon, x, y, half) {
  return polygon.some(([ax, ay], here) => {
    const [bx, by] = polygon[(here + 1) % polygon.length];
    if (Math.max(ax, bx) < x - half || Math.min(ax, bx) > x + half || Math.max(ay, by) < y - half || Math.min(ay, by) > y + half) return false;
    const [dx, dy] = [bx - ax, by - ay];
    return Math.abs(dx * (y - ay) - dy * (x - ax)) <= half * (Math.abs(dx) + Math.abs(dy));
  });
}
