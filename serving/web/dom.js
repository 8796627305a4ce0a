/** Building elements: text is always text, and never becomes HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `on...` are listeners, `class`, `data-...` and `aria-...` attributes. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace a container's content; the focus stays on what has the same `data-key`. */
export function render(container, ...children) {
  const key = container.contains(document.activeElement) && document.activeElement.dataset?.key;
  container.replaceChildren(...children.flat(3).filter(Boolean));
  if (key) {
    const same = [...container.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
    (same ?? container.querySelector("h2"))?.focus?.({ preventScroll: true });
  }
}

const PATHS = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM14 5h4v14h-4z",
  next: "M6 5v14l9-7zM16 5h3v14h-3z",
  previous: "M18 5v14l-9-7zM5 5h3v14H5z",
  add: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  minus: "M5 11h14v2H5z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4z",
  queue: "M4 6h16v2H4zM4 11h16v2H4zM4 16h9v2H4zM16 14.5v6l5-3z",
  lists: "M4 6h11v2H4zM4 11h11v2H4zM4 16h7v2H4zM17 6h2v9.2a3 3 0 1 1-2-2.8z",
  sound: "M4 9v6h4l5 4V5L8 9zM15.5 8.5a5 5 0 0 1 0 7l1.4 1.4a7 7 0 0 0 0-9.8z",
  silent: "M4 9v6h4l5 4V5L8 9zM15 9.4l1.4-1.4 2.1 2.1L20.6 8 22 9.4 19.9 11.5 22 13.6 20.6 15l-2.1-2.1L16.4 15 15 13.6l2.1-2.1z",
  drop: "M11 4h2v8l3-3 1.4 1.4L12 15.8 6.6 10.4 8 9l3 3zM5 18h14v2H5z",
  up: "M12 6l6 6-1.4 1.4L13 9.8V19h-2V9.8l-3.6 3.6L6 12z",
  whole: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  lasso: "M12 4c5 0 9 2.5 9 5.5S17 15 12 15l-2-.1C9 17.5 7.5 19 5 20l-.7-1.9c1.7-.6 2.7-1.8 3.3-3.6C5 13.5 3 11.7 3 9.5 3 6.5 7 4 12 4zm0 2C8 6 5 7.7 5 9.5S8 13 12 13s7-1.7 7-3.5S16 6 12 6z",
};

export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, svg("path", { d: PATHS[name] }));
}

export const button = (content, onclick, properties = {}) => h("button", { type: "button", onclick, ...properties }, content);

/** Make a button that shows a picture only, named for those who hear it. */
export const iconButton = (name, label, onclick, properties = {}) => button(icon(name), onclick, { class: "round", "aria-label": label, title: label, ...properties });

/** Make the heading of a view, which may have the focus. */
export const heading = (...text) => h("h2", { tabindex: "-1", dir: "auto" }, ...text);

export function say(text) {
  document.getElementById("say").textContent = text;
}

let hiding;

/** Show a short notice, perhaps with something to do about it. */
export function notice(text, action, act) {
  document.querySelector(".notice")?.remove();
  const box = h("div", { class: "notice", role: "status" }, h("span", {}, text), action && button(action, () => { box.remove(); act(); }));
  document.body.append(box);
  clearTimeout(hiding);
  hiding = setTimeout(() => box.remove(), 6000);
}
