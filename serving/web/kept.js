/** What this browser keeps for the page: nothing, where it may not, and then the page works all the same. */

const PREFIX = "soundalike.";

/** Return what is kept under a name, if it is of the kind of `otherwise`, which is returned if not. */
export function kept(name, otherwise) {
  try {
    const value = JSON.parse(localStorage.getItem(PREFIX + name));
    return kindOf(value) === kindOf(otherwise) ? value : otherwise;
  } catch {
    return otherwise; // storage is blocked, or somebody else wrote there
  }
}

const kindOf = (value) => (Array.isArray(value) ? "list" : typeof value);

/** Keep a value; false if the browser refuses: its storage is full, or blocked. */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
