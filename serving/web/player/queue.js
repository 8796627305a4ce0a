/** What plays next: first what a person queued, then the list that the track was played from. */

const REMEMBERED = 100;

export class Queue {
  current = null;
  upcoming = [];
  context = null; // {name, tracks}: goes on by itself and is replaced; what is queued never is
  past = [];

  play(track, context) {
    this.#remember();
    this.current = track;
    if (context) this.context = context;
  }

  add(...tracks) { this.upcoming.push(...tracks); }
  remove(position) { this.upcoming.splice(position, 1); }
  clear() { this.upcoming = []; }

  /** Return what comes after the current track, or null. */
  get following() { return this.upcoming[0] ?? this.rest[0] ?? null; }

  /** Return what is left of the list that the current track is of. */
  get rest() {
    const tracks = this.context?.tracks ?? [];
    return tracks.slice(this.#place(tracks) + 1);
  }

  next() {
    const track = this.following;
    if (!track) return false;
    this.#remember();
    if (this.upcoming.length) this.upcoming.shift();
    else this.reached = track.id;
    this.current = track;
    return true;
  }

  previous() {
    const track = this.past.pop();
    if (!track) return false;
    this.current = track;
    return true;
  }

  #place(tracks) {
    const here = tracks.findIndex((each) => each.id === this.current?.id);
    return here >= 0 ? here : tracks.findIndex((each) => each.id === this.reached);
  }

  #remember() {
    if (this.current) this.past = [...this.past.slice(-REMEMBERED), this.current];
  }
}
