/** Every sentence of the page. */

const number = new Intl.NumberFormat("en");

export const count = (n) => number.format(n).replaceAll(",", "\u202f");
const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
const listed = (parts) => new Intl.ListFormat("en", { type: "conjunction" }).format(parts);

export const tracks = (n) => many(n, "track");

export const hours = (h) => (h >= 1 ? many(Math.round(h), "hour") : many(Math.round(h * 60), "minute"));

/** Say how near a result is: `percentile` of the collection's pairs are less similar. */
export function nearness(percentile) {
  if (percentile === null) return { text: "", level: 0 };
  if (percentile >= 99) return { text: "very close", level: 3 };
  if (percentile >= 95) return { text: "close", level: 2 };
  if (percentile >= 80) return { text: "related", level: 1 };
  return { text: "far", level: 0 };
}

/** Name a rule of `removed`: what it hid, and the button that loosens it. */
export const RULES = {
  filter: { hid: (n) => `${tracks(n)} outside your filter`, loosen: "Clear the filter" },
  per_artist: { hid: (n) => `${count(n)} more by the same artists`, loosen: "Show all of an artist" },
  duplicate_threshold: { hid: (n) => many(n, "other edition"), loosen: "Show other editions" },
  no_file: { hid: (n) => `${many(n, "file")} that left the collection`, loosen: null },
};

export const shortList = (removed, isEmpty) =>
  `${isEmpty ? "Nothing passes: hidden are " : "Hidden are "}${listed(removed)}.`;

export const WORDS = {
  search: (n) => (n === null ? "Search" : `Search ${tracks(n)}`),
  empty: "No music yet. Run",
  emptyCommand: "soundalike ingest ~/Music",
  emptyThen: "and it appears here by itself.",
  nothingFound: (q) => `Nothing has the words “${q}”.`,
  nothingFiltered: "No track meets the filter.",
  didYouMean: "Did you mean",
  whole: "Whole collection",
  found: (n) => `${tracks(n)} found`,
  more: "Show more",
  welcome: "Find music by its sound",
  welcomeText: "Choose a track and play it. Beside it stands what sounds alike; from there you walk on, by ear.",
  surprise: "Surprise me",
  start: "Or start with one of these",
  similar: "Sounds like this",
  similarTo: (n) => `Sounds like ${n === 1 ? "this" : `these ${n}`}`,
  only: "This is the only track so far: there is nothing to compare it with.",
  notIndexed: "It is not compared yet.",
  like: "more like",
  not: "less like",
  heard: "Heard in it",
  moreLike: (name) => `More like ${name}`,
  lessLike: (name) => `Less like ${name}`,
  remove: (name) => `Take ${name} out`,
  play: (name) => `Play ${name}`,
  pause: "Pause",
  resume: "Play",
  next: "Next track",
  previous: "Previous track",
  mute: "Mute",
  unmute: "Sound on",
  volume: "Volume",
  position: "Position in the track",
  at: (now, whole) => `${now} of ${whole}`,
  add: (name) => `Add ${name} to the queue`,
  added: (name) => `${name} is in the queue`,
  playAll: "Play all",
  queue: "Queue",
  queueOf: (n) => (n ? `Queue, ${tracks(n)}` : "Queue"),
  queueEmpty: "The queue is empty. What you add to it plays after the current track.",
  then: (name) => `Then from “${name}”`,
  nowPlaying: "Playing",
  nextUp: "Next",
  clear: "Clear",
  artistRule: "One track an artist",
  editionRule: "Hide other editions",
  filter: "Filter",
  filtered: (n) => `Filter (${n})`,
  heardWords: "Heard words",
  genres: "Genres",
  folders: "Folders",
  years: "Years",
  from: "from",
  to: "to",
  clearFilter: "Clear the filter",
  journey: "Journey",
  journeyFrom: (name) => `Journey from ${name}`,
  journeyChoose: "Choose where it should lead: open any track and press",
  journeyHere: "Lead the journey here",
  journeyTitle: (from, to) => `From ${from} to ${to}`,
  journeySteps: (n) => many(n, "step"),
  journeyShort: "The collection has too few tracks for that many steps.",
  journeySwap: "The other way round",
  playInOrder: "Play in order",
  save: "Save as playlist",
  saved: (name) => `Saved as “${name}”`,
  playlists: "Playlists",
  playlistsEmpty: "No playlist yet. “Save as playlist” makes one of any list; they stay in this browser.",
  like_: (name) => `Like ${name}`,
  rename: "Name of the playlist",
  deleteList: (name) => `Delete “${name}”`,
  deleted: "Deleted.",
  undo: "Undo",
  removeFrom: (name) => `Take ${name} out of the playlist`,
  up: (name) => `Move ${name} up`,
  base: "Folder or URL of your music, which paths in the file begin with",
  base_: "relative to the music folder",
  gone: (n) => `${tracks(n)} of it left the collection.`,
  drop: "Compare a file",
  dropHere: "Drop a song to hear what sounds like it",
  listening: (name) => `Listening to ${name}…`,
  dropped: (name, near) => `${name} lies near “${near}”. It was only listened to, and is not added.`,
  droppedKnown: (name) => `${name} is in the collection.`,
  droppedTwo: "One file at a time, please.",
  state: "Collection",
  upToDate: "Up to date",
  working: "Listening to your music",
  waiting: (n) => `${many(n, "batch", "batches")} wait for the next update.`,
  stuck: "Nothing has moved for 15 minutes. The Dagster UI says why.",
  progress: (files, waiting) => `${count(files - waiting)} of ${many(files, "file")} read. What has been read can be played.`,
  embedded: (n) => `${tracks(n)} wait to be compared.`,
  newIndex: (n) => (n > 0 ? `Your collection has ${n === 1 ? "one new track" : `${count(n)} new tracks`}.` : "Your collection has changed."),
  show: "Show",
  failures: (n) => `${many(n, "file")} did not get through`,
  failuresNone: "Every file got through.",
  tryAgain: "Try again",
  tryAll: "Try all again",
  tried: (n) => (n ? `${many(n, "file")} will be tried again within a minute.` : "It has been asked for already."),
  adminOnly: "The key of this browser may read only; trying again needs one of the scope admin.",
  retryAt: (time) => `next try ${time}`,
  retryNever: "not tried again by itself",
  stats: (tracks_, hours) => `${tracks_}, ${hours}`,
  docs: "The API, for programs",
  dagster: "The pipeline, in Dagster",
  down: "soundalike does not answer. Trying again in 5 s.",
  back: "soundalike answers again.",
  key: "This collection asks for a key",
  keyText: "Whoever keeps this soundalike makes one with",
  keyCommand: "soundalike keys add NAME",
  keyLabel: "Key",
  keyOpen: "Open",
  keyWrong: "That is not a key of this collection.",
  signOut: "Forget the key in this browser",
  monoCopy: (format) => `Mono copy: your browser cannot play ${format || "the original"}.`,
  noSound: (reason) => `It cannot be played. ${reason}`,
  close: "Close",
  toList: "Back to the list",
  help: "Keys",
  keysOn: "Single keys work",
  failed: "That did not work.",
  unknownTrack: "This track is not in the collection any more.",
};

export const KEYS = [
  ["/", "search"], ["Space", "play, pause"], ["J L", "10 seconds back, on"], ["N B", "next, previous track"],
  ["M", "mute"], ["↑ ↓", "through the list"], ["Enter", "open the track"], ["E", "add it to the queue"],
  ["A", "more like it"], ["X", "less like it"], ["G", "journey from here, to here"], ["Q", "queue"],
  ["P", "playlists"], ["?", "these keys"], ["Esc", "back"],
];
