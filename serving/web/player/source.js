/** A track's audio as the browser loads it, and why the server does not send it: an element does not tell. */

import { addressAt, send, trackPath } from "../api.js";

const path = (track, form) => trackPath(track.id, `/audio?as=${form}`);

export const source = (track, form) => addressAt(path(track, form));

/** Return what the server says against sending it, as an error; null where it sends it. */
export async function refusal(track, form) {
  try {
    await send(path(track, form), { headers: { Range: "bytes=0-0" } });
    return null;
  } catch (error) {
    return error;
  }
}
