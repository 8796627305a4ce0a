/** What plays next: first what a person queued, then the list that the track was played from. */

const REMEMBERED = 100;

export class Queue {
  current = null;
  upcoming = [];
  context = null; // {name, tracks}: goes on by itself and is replaced; what is queued never is
  reached = null; // the track of the context after which it goes on
  past = [];

  play(track, context) {
    this.#remember();
    this.current = track;
    if (context) this.goOnWith(context);
    this.#reach(track);
  }

  /** Have a list go on after the current track. */
  goOnWith(context) {
    this.context = context;
    this.reached = null;
  }

  add(...tracks) { this.upcoming.push(...tracks); }
  remove(position) { this.upcoming.splice(position, 1); }
  clear() { this.upcoming = []; }

  /** Return what comes after the current track, or null. */
  get following() { return this.upcoming[0] ?? this.rest[0] ?? null; }

  /** Return what is left of the list. */
  get rest() {
    const tracks = this.context?.tracks ?? [];
    return tracks.slice(tracks.findIndex((each) => each.id === this.reached) + 1);
  }

  next() {
    const track = this.following;
    if (!track) return false;
    this.#remember();
    if (this.upcoming.length) this.upcoming.shift();
    else this.#reach(track);
    this.current = track;
    return true;
  }

  previous() {
    const track = this.past.pop();
    if (!track) return false;
    this.current = track;
    this.#reach(track);
    return true;
  }

  #reach(track) {
    if (this.context?.tracks.some((each) => each.id === track.id)) this.reached = track.id;
  }

  #remember() {
    if (this.current) this.past = [...this.past.slice(-REMEMBERED), this.current];
  }
}
