// Signals and steps below the videos, on a canvas: grippers, speeds, and the steps whose edges can be dragged.

import { nameOf, say } from "./words.js";

const GUTTER = 96, ROW = 46, STEPS = 28, AXIS = 20, GAP = 8, REACH = 6;

/** Draws; a click seeks, and an edge of a step that is dragged is told by `onEdge(step, side, time, isOver)`. */
export class Tracks {
  constructor(canvas, { onSeek, onEdge, onStep }) {
    Object.assign(this, { canvas, onSeek, onEdge, onStep, length: 1, times: [], rows: [], steps: [], span: null, time: 0 });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  load(length) { Object.assign(this, { length: length || 1, times: [], rows: [], steps: [], span: null }); this.draw(); }

  signals(found) {
    const kinds = ["gripper", "tool_speed", "joint_speed"];
    this.times = found.times_s;
    this.rows = kinds.map((kind) => ({ kind, lines: found.signals.filter((signal) => signal.kind === kind) }))
      .filter((row) => row.lines.length);
    this.draw();
  }

  get height() { return this.rows.length * (ROW + GAP) + STEPS + AXIS + GAP; }
  get top() { return this.rows.length * (ROW + GAP) + GAP / 2; }

  x(time) { return GUTTER + (time / this.length) * (this.width - GUTTER - 12); }
  at(x) { return Math.min(this.length, Math.max(0, ((x - GUTTER) / (this.width - GUTTER - 12)) * this.length)); }

  color(name) {
    this.canvas.style.color = `var(--${name})`;
    return getComputedStyle(this.canvas).color;
  }

  draw() {
    const ratio = devicePixelRatio || 1;
    this.canvas.style.height = `${this.height}px`;
    this.width = this.canvas.clientWidth;
    if (!this.width) return;
    const wide = Math.round(this.width * ratio), high = Math.round(this.height * ratio);
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    this.colors = Object.fromEntries(["ink", "soft", "rule", "left", "right", "chosen", "card", "well"].map((n) => [n, this.color(n)]));
    if (this.span) {
      pen.fillStyle = this.colors.chosen;
      pen.globalAlpha = 0.13;
      pen.fillRect(this.x(this.span[0]), 0, Math.max(2, this.x(this.span[1]) - this.x(this.span[0])), this.height - AXIS);
      pen.globalAlpha = 1;
    }
    this.rows.forEach((row, k) => this.drawRow(pen, row, k * (ROW + GAP) + GAP / 2));
    this.drawSteps(pen);
    this.drawAxis(pen);
    pen.strokeStyle = pen.fillStyle = this.colors.ink;
    pen.lineWidth = 1.5;
    const x = Math.round(this.x(this.time)) + 0.25;
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, this.height - AXIS + 3);
    pen.stroke();
    pen.beginPath();
    pen.arc(x, this.height - AXIS + 4, 3, 0, 7);
    pen.fill();
  }

  drawRow(pen, row, top) {
    pen.fillStyle = this.colors.soft;
    pen.textAlign = "right";
    pen.fillText(say(row.kind), GUTTER - 12, top + 11);
    const sides = row.lines.filter((line) => line.side);
    let end = GUTTER - 12;
    for (const line of [...sides].reverse()) {
      pen.fillStyle = this.colors[line.side];
      pen.fillText(say(line.side), end, top + 28);
      end -= pen.measureText(say(line.side)).width + 7;
    }
    pen.strokeStyle = this.colors.rule;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(GUTTER, top + ROW + 0.5);
    pen.lineTo(this.width - 12, top + ROW + 0.5);
    pen.stroke();
    const all = row.lines.flatMap((line) => line.points);
    const least = row.kind === "gripper" ? Math.min(...all) : 0, most = Math.max(...all, least + 1e-6);
    for (const line of row.lines) {
      pen.strokeStyle = this.colors[line.side || "soft"];
      pen.lineWidth = 1.6;
      pen.lineJoin = "round";
      pen.beginPath();
      line.points.forEach((value, k) => {
        pen.lineTo(this.x(this.times[k]), top + ROW - 3 - ((value - least) / (most - least)) * (ROW - 8));
      });
      pen.stroke();
    }
  }

  drawSteps(pen) {
    if (!this.steps.length) return;
    pen.fillStyle = this.colors.soft;
    pen.textAlign = "right";
    pen.fillText(say("steps"), GUTTER - 12, this.top + STEPS / 2);
    pen.textAlign = "left";
    for (const step of this.steps) {
      const from = this.x(step.from) + 1, wide = Math.max(2, this.x(step.to) - from - 1);
      const isChosen = step.step === this.step;
      pen.fillStyle = isChosen ? this.colors.chosen : this.colors.well;
      pen.beginPath();
      pen.roundRect(from, this.top, wide, STEPS, 5);
      pen.fill();
      pen.save();
      pen.clip();
      pen.fillStyle = isChosen ? this.colors.card : this.colors.ink;
      pen.fillText(`${step.step}  ${step.label}`, from + 8, this.top + STEPS / 2 + 0.5);
      pen.restore();
    }
  }

  drawAxis(pen) {
    const every = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300].find((s) => this.length / s <= 14) ?? 600;
    pen.fillStyle = this.colors.soft;
    pen.textAlign = "center";
    for (let time = 0; time <= this.length + 1e-6; time += every) pen.fillText(`${+time.toFixed(1)}`, this.x(time), this.height - AXIS / 2 + 3);
  }

  edge(event) {
    if (event.offsetY < this.top || event.offsetY > this.top + STEPS) return null;
    for (const step of this.steps) {
      if (Math.abs(this.x(step.to) - event.offsetX) < REACH) return { step: step.step, side: "to" };
      if (Math.abs(this.x(step.from) - event.offsetX) < REACH) return { step: step.step, side: "from" };
    }
    return null;
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.dragged = this.edge(event) ?? { seek: true };
    if (this.dragged.seek) {
      const time = this.at(event.offsetX);
      const isStep = event.offsetY >= this.top && event.offsetY <= this.top + STEPS;
      const step = isStep && this.steps.find((one) => one.from <= time && time <= one.to);
      if (step) this.onStep(step.step);
      this.onSeek(time);
    }
  }

  move(event) {
    this.canvas.style.cursor = this.edge(event) ? "ew-resize" : "default";
    if (this.dragged?.seek) this.onSeek(this.at(event.offsetX));
    else if (this.dragged) this.onEdge(this.dragged.step, this.dragged.side, this.at(event.offsetX), false);
  }

  up(event) {
    if (this.dragged && !this.dragged.seek) this.onEdge(this.dragged.step, this.dragged.side, this.at(event.offsetX), true);
    this.dragged = null;
  }
}

/** The steps of items: their spans, and what they are called. */
export function stepsOf(items) {
  const steps = new Map();
  for (const item of items.filter((one) => one.step > 0 && one.status !== "rejected")) {
    const step = steps.get(item.step) ?? { step: item.step, from: Infinity, to: -Infinity, rank: 9, label: "" };
    const rank = { primitive_action: 0, step: 1 }[item.slot] ?? 5;
    if (rank < step.rank) Object.assign(step, { rank, from: item.from_s, to: item.to_s, label: rank < 5 ? item.value : nameOf(item.slot) });
    else if (rank === step.rank && rank === 5) { step.from = Math.min(step.from, item.from_s); step.to = Math.max(step.to, item.to_s); }
    steps.set(item.step, step);
  }
  return [...steps.values()].sort((a, b) => a.step - b.step);
}
