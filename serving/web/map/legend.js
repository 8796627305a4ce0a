/** What colours mean: the categories with their counts, of which some may be lit and the rest dimmed. */

import { button, h, render } from "../dom.js";
import { change, state } from "../store.js";
import { count, WORDS } from "../words.js";

const DISTINCT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]; // colours in app.css; the eleventh is the rest's

/** Return the colour's number in app.css of each category; a heard word has that of the lists. */
export function numbersOf(colour, categories) {
  const wanted = categories.map(({ name }) => (colour === "tag" ? state.palette.get(name) : undefined));
  const free = DISTINCT.filter((each) => !wanted.includes(each));
  return wanted.map((each) => (DISTINCT.includes(each) ? each : free.shift()));
}

export function drawLegend(box, about, colour, numbers, lit) {
  const categories = about.colours[colour];
  const others = about.tracks - categories.reduce((sum, each) => sum + each.tracks, 0);
  const known = Object.entries(about.colours).filter(([name, each]) => each.length > 0 || name === colour);
  const choice = h("select", { "aria-label": WORDS.colour, "data-key": "colour", onchange: (event) => change({ colour: event.target.value, lit: [] }) },
    known.map(([name]) => h("option", { value: name, selected: name === colour }, WORDS.colours[name])));
  const flip = (id) => change({ lit: lit.includes(id) ? lit.filter((each) => each !== id) : [...lit, id] });
  const entry = (id, name, tracks, number) => h("li", {}, button([h("i", { class: `dot c${number}` }), h("span", { dir: "auto" }, name), h("small", {}, count(tracks))], () => flip(id), { class: "chip", "aria-pressed": String(lit.includes(id)), "data-key": `lit${id}` }));
  render(box, h("label", {}, WORDS.colour, choice),
    h("ul", { class: `chips${lit.length ? " dims" : ""}` },
      categories.map(({ id, name, tracks }, place) => entry(id, name, tracks, numbers[place])),
      others > 0 && entry(0, WORDS.others, others, 11)));
}
