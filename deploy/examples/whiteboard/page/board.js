// What is on the board, and how its ink is drawn. Coordinates are tenths of a unit of a board of 1600 x 1000;
// limits.h has the same numbers.
export const kWidth = 16000;
export const kHeight = 10000;
export const kColours = [
  "#0a7cff", "#e5484d", "#2f9e6b", "#f76b15", "#7c4dde", "#e0408f", "#f5b400", "#2b2d42",
];

const kSettleMs = 250;

// Puts an element of the board at a point of it.
export function place(element, [x, y]) {
  element.style.left = `${(100 * x) / kWidth}%`;
  element.style.top = `${(100 * y) / kHeight}%`;
}

export class Board {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.items = new Map();  // "author:number" -> {by, n, c, w, p, text?}
    this.scale = 1;  // device pixels per tenth of a unit
    this.grown = new Set();
    this.redraws = true;
    this.frame = 0;
    this.settling = 0;
  }

  static key(item) {
    return `${item.by}:${item.n}`;
  }

  get strokes() {
    return [...this.items.values()].filter((item) => item.text === undefined);
  }

  get notes() {
    return [...this.items.values()].filter((item) => item.text !== undefined);
  }

  put(item) {
    this.items.set(Board.key(item), item);
    if (item.text === undefined) this.draw(item);
  }

  extend(id, points) {
    const stroke = this.items.get(Board.key(id));
    if (stroke === undefined) return;
    stroke.p.push(...points);
    this.draw(stroke);
  }

  remove(id) {
    this.items.delete(Board.key(id));
    this.redraw();
  }

  reset(items) {
    this.items = new Map(items.map((item) => [Board.key(item), item]));
    this.redraw();
  }

  resize(cssWidth) {
    const pixels = Math.round(cssWidth * Math.min(devicePixelRatio || 1, 3));
    this.canvas.width = pixels;
    this.canvas.height = Math.round((pixels * kHeight) / kWidth);
    this.scale = pixels / kWidth;
    this.redraw();
  }

  draw(stroke) {
    this.grown.add(stroke);
    this.schedule();
  }

  redraw() {
    this.redraws = true;
    this.schedule();
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = 0;
    if (this.redraws) {
      this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
      this.strokes.forEach((stroke) => this.paintStroke(stroke));
    } else {
      // Drawn over its shorter self: ink is opaque. Edges get rough by that, until all is drawn anew.
      this.grown.forEach((stroke) => this.paintStroke(stroke));
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.redraw(), kSettleMs);
    }
    this.redraws = false;
    this.grown.clear();
  }

  paintStroke({p, c, w}) {
    const context = this.context;
    const at = (i) => p[i] * this.scale;
    context.strokeStyle = context.fillStyle = kColours[c];
    context.lineWidth = w * this.scale;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    if (p.length === 2) {
      context.arc(at(0), at(1), context.lineWidth / 2, 0, 7);
      context.fill();
      return;
    }
    // Curves through the middles between points: round where the hand was.
    context.moveTo(at(0), at(1));
    for (let i = 2; i < p.length - 2; i += 2) {
      context.quadraticCurveTo(at(i), at(i + 1), (at(i) + at(i + 2)) / 2, (at(i + 1) + at(i + 3)) / 2);
    }
    context.lineTo(at(p.length - 2), at(p.length - 1));
    context.stroke();
  }
}
