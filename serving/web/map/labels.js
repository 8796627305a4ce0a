/** Names on the map: as many as there is room for, none over another. */

import { h } from "../dom.js";
import { unitsOf } from "./camera.js";

const MOST = 40;
const GAP = 4;
const HEIGHTS = { place: 20, track: 18 };
const FONTS = { place: "650 14px system-ui, sans-serif", track: "12px system-ui, sans-serif" };
const WIDEST = 190;

const AROUND = [[0, 0], ...[1, 2, 3, 4].flatMap((down) => [[0, -down], [0, down], [-1, -down], [1, -down], [-1, down], [1, down]])]; // half widths and heights

const measuring = document.createElement("canvas").getContext("2d");
const widths = new Map();

function widthOf({ text, kind }) {
  const key = `${kind} ${text}`;
  if (!widths.has(key)) {
    measuring.font = FONTS[kind];
    widths.set(key, Math.min(WIDEST, Math.ceil(measuring.measureText(text).width) + 4));
  }
  return widths.get(key);
}

/**
 * Choose greedily the labels that fit, first ones first, and return them with their boxes.
 * A place is named on its spot or near it; a track beside its point, `away` pixels off. Nothing is
 * named over the boxes that are taken.
 */
export function fitting(labels, size, away, taken = []) {
  const boxes = [...taken];
  const chosen = [];
  for (const label of labels) {
    if (chosen.length === MOST) break;
    const [width, height] = [widthOf(label), HEIGHTS[label.kind]];
    const { x, y } = label;
    const spots = label.kind === "place"
      ? AROUND.map(([across, down]) => [x - width / 2 + across * (width / 2 + away), y - height / 2 + down * height])
      : [[x + away, y - height / 2], [x - away - width, y - height / 2], [x - width / 2, y + away], [x - width / 2, y - height - away]];
    for (const [left, top] of spots) {
      const box = [left - GAP, top, left + width + GAP, top + height];
      if (box[0] < 0 || box[1] < 0 || box[2] > size.width || box[3] > size.height || boxes.some((each) => meets(each, box))) continue;
      boxes.push(box);
      chosen.push({ ...label, left, top, width });
      break;
    }
  }
  return chosen;
}

/** Return what may be named: categories where they lie, and tracks of these rows, if they are known. */
export function labelsOf(places, names, rows) {
  const tracks = rows.map((row) => ({ kind: "track", key: row, text: names.known(row)?.title, at: names.placeOfRow(row) }));
  return [...places.map(({ text, x, y }) => ({ kind: "place", text, at: unitsOf([x, y]) })), ...tracks.filter(({ at }) => at)];
}

const meets = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

const shown = new Map(); // elements by what they name: they are moved, and not made again

export function drawLabels(container, chosen) {
  const gone = new Set(shown.keys());
  for (const label of chosen) {
    const key = `${label.kind} ${label.key ?? label.text}`;
    gone.delete(key);
    if (!shown.has(key)) {
      shown.set(key, h("span", { class: label.kind, dir: "auto" }, label.text));
      container.append(shown.get(key));
    }
    const { style } = shown.get(key);
    style.transform = `translate(${Math.round(label.left)}px, ${Math.round(label.top)}px)`;
    style.width = `${label.width}px`;
  }
  for (const key of gone) {
    shown.get(key).remove();
    shown.delete(key);
  }
}
