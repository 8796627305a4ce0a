/** What stands out over the points: what plays, what is chosen, its neighbours, a journey, the lasso. */

const TURN = 2 * Math.PI;

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Draw marks at pixels: { near, way, playing, chosen, pointed, lasso }, of which any may be missing. */
  draw({ width, height, ratio, radius, ink, accent, ground }, { near = [], way = [], playing, chosen, pointed, lasso }) {
    const { canvas, context } = this;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    context.scale(ratio, ratio);
    Object.assign(context, { lineJoin: "round", lineCap: "round" });
    const ring = (at, more, colour, line) => {
      circle(context, at, radius + more);
      Object.assign(context, { strokeStyle: ground, lineWidth: line + 2.5 });
      context.stroke();
      Object.assign(context, { strokeStyle: colour, lineWidth: line });
      context.stroke();
    };
    for (const at of near) ring(at, 2, ink, 1);
    if (way.length > 1) this.#way(way, radius, accent, ground);
    if (playing) {
      circle(context, playing, radius + 9);
      Object.assign(context, { fillStyle: accent, globalAlpha: 0.2 });
      context.fill();
      context.globalAlpha = 1;
      ring(playing, 4, accent, 2.5);
    }
    if (chosen) ring(chosen, 3.5, accent, 2.5);
    if (pointed) ring(pointed, 4, ink, 2);
    if (lasso?.length > 1) this.#lasso(lasso, accent);
  }

  #way(points, radius, accent, ground) {
    const { context } = this;
    line(context, points);
    Object.assign(context, { strokeStyle: ground, lineWidth: 6 });
    context.stroke();
    Object.assign(context, { strokeStyle: accent, lineWidth: 2.5 });
    context.stroke();
    points.forEach((at, step) => {
      circle(context, at, Math.max(8, radius + 1.5));
      Object.assign(context, { fillStyle: ground, lineWidth: 2 });
      context.fill();
      context.stroke();
      Object.assign(context, { fillStyle: accent, font: "650 10px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
      context.fillText(String(step + 1), at[0], at[1] + 0.5);
    });
  }

  #lasso(points, accent) {
    const { context } = this;
    line(context, points);
    context.closePath();
    Object.assign(context, { fillStyle: accent, globalAlpha: 0.12 });
    context.fill();
    Object.assign(context, { globalAlpha: 1, strokeStyle: accent, lineWidth: 2 });
    context.setLineDash([6, 4]);
    context.stroke();
    context.setLineDash([]);
  }
}

function circle(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
}

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], place) => context[place ? "lineTo" : "moveTo"](x, y));
}
