/** Tracks as people see them: names, lengths, the picture of what was heard, and rows of lists. */

import { addressOfTrack, open } from "./address.js";
import { button, h, icon, iconButton, notice, svg } from "./dom.js";
import { player } from "./player/player.js";
import { state, watch } from "./store.js";
import { nearness, WORDS } from "./words.js";

const COLOURS = 11; // the twelfth is for all other words
const STRONGEST = 5;

export const nameOf = (track) => (track.artist ? `${track.title} – ${track.artist}` : track.title);

export function clock(seconds) {
  if (!Number.isFinite(seconds)) return "–:––";
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Say whose it is; where no tag says it, the folder does. */
export function about(track) {
  const known = [track.artist, track.album, track.year].filter(Boolean);
  if (known.length) return known.join(" · ");
  return track.path?.includes("/") ? track.path.slice(0, track.path.lastIndexOf("/")).replaceAll("/", " / ") : "";
}

const colourOf = (word) => `c${Math.min(state.palette.get(word) ?? COLOURS, COLOURS)}`;

/** Return the attributes of what has a word's colour, also once the palette is known. */
export const coloured = (word, more = "") => ({ class: `${more} ${colourOf(word)}`.trim(), "data-word": word });

watch(["palette"], () => {
  for (const each of document.querySelectorAll("[data-word]")) {
    each.setAttribute("class", `${each.classList.contains("dot") ? "dot " : ""}${colourOf(each.dataset.word)}`);
  }
});

/** Draw what was heard: a bar for each of the strongest words, in its colour. */
export function glyph(track, size = 36) {
  const heard = track.tags.slice(0, STRONGEST);
  const most = heard[0]?.weight || 1;
  const bars = heard.map((tag, position) => {
    const height = Math.max(3, (22 * tag.weight) / most);
    return svg("rect", { ...coloured(tag.word), x: 5.5 + position * 5.2, y: (36 - height) / 2, width: 3.4, height, rx: 1.7 });
  });
  const none = svg("circle", { class: "cx", cx: 18, cy: 18, r: 4 });
  return svg("svg", { viewBox: "0 0 36 36", width: size, height: size, class: "glyph", "aria-hidden": "true" }, bars.length ? bars : none);
}

function meter(percentile) {
  if (percentile === undefined || percentile === null) return null;
  const { text, level } = nearness(percentile);
  if (!text) return null;
  const dots = [1, 2, 3].map((each) => h("i", { class: each <= level ? "on" : null }));
  return h("span", { class: "near", title: `nearer than ${percentile.toFixed(percentile > 99 ? 2 : 0)} % of all pairs` }, h("span", { class: "dots", "aria-hidden": "true" }, dots), text);
}

/** Follow a link within the page, unless it shall open elsewhere. */
export function within(act) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    act();
  };
}

/**
 * Make a row. `context` is the list that goes on playing after it: a name and its tracks;
 * `rank`, `percentile` and `actions` (more buttons) are for lists that have them.
 */
export function row(track, context, { rank, percentile, actions = [], key = "" } = {}) {
  const name = nameOf(track);
  const start = () => player.toggle(track, context);
  const playing = player.current?.id === track.id;
  return h(
    "li",
    { class: `row${playing ? " playing" : ""}${playing && player.isPlaying ? " sounding" : ""}${state.track === track.id ? " open" : ""}`, "data-track": track.id },
    button([glyph(track), icon("play"), icon("pause")], start, { class: "cover", "aria-label": WORDS.play(name), title: WORDS.play(name), "data-key": `play${key}${track.id}` }),
    h("a", { class: "words", href: addressOfTrack(track.id), onclick: within(() => open(track.id)), "data-key": `open${key}${track.id}`, "data-open": track.id },
      h("span", { class: "title", dir: "auto" }, rank ? h("span", { class: "rank" }, `${rank} `) : null, track.title),
      h("span", { class: "about", dir: "auto" }, meter(percentile), about(track))),
    percentile === undefined && h("span", { class: "length" }, clock(track.duration)),
    h("span", { class: "acts" }, actions, iconButton("queue", WORDS.add(name), () => enqueue(track), { "data-key": `add${key}${track.id}`, class: "round queue-add" })),
  );
}

/** Make the button that plays a list from its beginning. */
export const playAll = (context, text = WORDS.playAll) => button(["▶\u2002", text], () => player.play(context.tracks[0], context), { class: "primary", "data-key": "play" });

export function enqueue(track) {
  player.enqueue(track);
  notice(WORDS.added(track.title));
}

/** Mark what plays in all lists, which need not be drawn again for it. */
export function markPlaying() {
  for (const each of document.querySelectorAll("[data-track]")) {
    const isCurrent = each.dataset.track === player.current?.id;
    each.classList.toggle("playing", isCurrent);
    each.classList.toggle("sounding", isCurrent && player.isPlaying);
    const button = each.querySelector(".cover");
    if (isCurrent && player.isPlaying) button?.setAttribute("aria-pressed", "true");
    else button?.removeAttribute("aria-pressed");
  }
}
