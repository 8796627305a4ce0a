/** A track, and what sounds like it. */

import { get, latest, trackPath } from "../api.js";
import { button, h, heading, icon, render } from "../dom.js";
import { change, state } from "../store.js";
import { about, coloured, enqueue, glyph, markPlaying, nameOf } from "../tracks.js";
import { player } from "../player/player.js";
import { WORDS } from "../words.js";
import { journeyButton } from "./journey.js";
import { known, showSimilar } from "./similar.js";

const HEARD = 5; // the filter looks at a track's five strongest

const ask = latest((signal, id) => get(trackPath(id), {}, signal));
let similar = null; // the list of what is like the track `of`, which goes on after it

export async function showTrack(view, isNew) {
  const id = state.track;
  // An error may have taken the place of both.
  if (isNew || !view.querySelector("#similar")) render(view, h("div", { id: "about-track" }), h("div", { id: "similar", "aria-busy": "true" }));
  const box = view.querySelector("#about-track");
  list(view.querySelector("#similar"), id);
  if (!isNew && known.has(id)) { showAbout(box, known.get(id)); return; }
  const track = await ask(id);
  if (!track || state.track !== id) return;
  known.set(id, track);
  showAbout(box, track, isNew);
}

async function list(box, id) {
  const shown = await showSimilar(box, { positive: [id] }, () => WORDS.like_(known.get(id)?.title ?? ""));
  if (!shown) return;
  similar = { of: id, shown };
  if (player.current?.id === id && player.queue.rest.length === 0) player.queue.goOnWith(shown);
}

function showAbout(box, track, isNew) {
  const heard = track.tags.slice(0, HEARD).map((tag) => {
    const on = state.tags.includes(tag.word);
    const flip = () => change({ tags: on ? state.tags.filter((each) => each !== tag.word) : [...state.tags, tag.word] });
    return button([h("i", coloured(tag.word, "dot")), tag.word], flip, { class: "chip", "aria-pressed": String(on), "data-key": `heard${tag.word}` });
  });
  const play = () => player.toggle(track, { name: WORDS.like_(track.title), tracks: similar?.of === track.id ? similar.shown.tracks : [] });
  render(box, h("div", { class: "title-block", "data-track": track.id },
    button([glyph(track, 72), icon("play"), icon("pause")], play, { class: "cover big", "aria-label": WORDS.play(nameOf(track)), "data-key": "play" }),
    h("div", {}, heading(track.title), h("p", { class: "about", dir: "auto" }, about(track)))),
  heard.length > 0 && h("p", { class: "chips", "aria-label": WORDS.heard }, heard),
  h("p", { class: "buttons" },
    button("▶\u2002Play", play, { class: "primary", "data-key": "play-text" }),
    button([WORDS.queue, " +"], () => enqueue(track), { "data-key": "queue" }),
    journeyButton(track)));
  markPlaying();
  if (isNew && document.activeElement === document.body) box.querySelector("h2").focus({ preventScroll: true });
}
