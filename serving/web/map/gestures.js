/** Mouse, touch and keyboard on the map, as what they mean: `pan`, `zoom`, `point`, `pick`, `lasso`, `hop`. */

const SLOP = 5; // pixels that a click may move
export const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };

export function listen(canvas, acts) {
  const pointers = new Map();
  let start = null; // where the only pointer went down
  let lasso = null;
  let spread = 0;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const two = () => {
    const [[ax, ay], [bx, by]] = [...pointers.values()];
    return { middle: [(ax + bx) / 2, (ay + by) / 2], apart: Math.hypot(ax - bx, ay - by) };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    start = pointers.size === 1 ? at(event) : null;
    lasso = start && (acts.isLasso() || event.shiftKey) ? [start] : null;
    if (pointers.size === 2) spread = two().apart;
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = at(event);
    if (!pointers.has(event.pointerId)) { acts.point(here); return; }
    const before = pointers.get(event.pointerId);
    if (pointers.size === 2) {
      const { middle } = two();
      pointers.set(event.pointerId, here);
      const now = two();
      acts.zoom(now.apart / Math.max(spread, 1), now.middle);
      acts.pan(now.middle[0] - middle[0], now.middle[1] - middle[1]);
      spread = now.apart;
      return;
    }
    pointers.set(event.pointerId, here);
    if (lasso) {
      lasso.push(here);
      acts.lasso(lasso, false);
    } else if (!start || Math.hypot(here[0] - start[0], here[1] - start[1]) > SLOP) {
      start = null;
      canvas.classList.add("dragged");
      acts.pan(here[0] - before[0], here[1] - before[1]);
    } else {
      pointers.set(event.pointerId, before);
    }
  });

  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    canvas.classList.remove("dragged");
    if (event.type === "pointercancel") acts.lasso([], true);
    else if (lasso?.length > 2) acts.lasso(lasso, true);
    else if (start) acts.pick(at(event), event.pointerType !== "mouse");
    start = lasso = null;
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => acts.point(null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    acts.zoom(Math.exp(-Math.max(-120, Math.min(120, lines)) * (event.ctrlKey ? 0.01 : 0.0022)), at(event));
  }, { passive: false });

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key.toLowerCase()];
    if (arrow) acts.hop(...arrow);
    else if (event.key === "Enter") acts.open();
    else return;
    event.preventDefault();
  });
}
