// Spans of steps and items: which one is played, edges that are moved by frames, and steps that are split.

import { say } from "./words.js";

const REST_MS = 450; // edges that are nudged by a held key become one version
const SPLIT = ["step", "primitive_action"]; // what both halves of a step have

/** Works on the page's player, tracks and claims; `page` has review, episode, change(edits), show() and toast(text). */
export class Spans {
  constructor(page, player, tracks, claims) { Object.assign(this, { page, player, tracks, claims, nudged: null }); }

  get frame() { return 1 / this.page.review.fps; }

  /** Play and mark the span of an item, unless it is the whole episode. */
  choose(item) {
    const { player, tracks, page } = this;
    const isPart = item && page.episode && item.to_s - item.from_s < page.episode.length_s - 1.5 * this.frame;
    player.span = isPart ? [item.from_s, item.to_s] : null;
    tracks.span = player.span;
    tracks.step = item?.step || undefined;
    if (isPart && !player.isPlaying && (player.time < item.from_s || player.time > item.to_s)) player.seek(item.from_s);
    tracks.draw();
  }

  /** The chosen item's step, or the item alone where it belongs to none. */
  get chosen() {
    const { item } = this.claims;
    if (!item) return undefined;
    return this.tracks.steps.find((one) => one.step === item.step) ?? { step: 0, from: item.from_s, to: item.to_s };
  }

  /** Move an edge of the chosen span by frames; `side` is "from" or "to". */
  nudge(side, frames) {
    const span = this.chosen;
    if (span) this.move(span, side, span[side] + frames * this.frame);
  }

  drag(step, side, time) {
    const span = this.tracks.steps.find((one) => one.step === step);
    if (span) this.move(span, side, time);
  }

  /** Move an edge, and with it all that has the same edge: of the step, and of the step beside it. */
  move(span, side, time) {
    const { page, claims, player, frame } = this;
    if (page.isReadOnly || !page.episode) return;
    const near = (a, b) => Math.abs(a - b) < 0.6 * frame, other = side === "from" ? "to" : "from", before = span[side];
    const beside = span.step ? this.tracks.steps.find((one) => one.step === span.step + (side === "from" ? -1 : 1)) : undefined;
    const meets = beside && near(beside[other], before);
    const least = side === "to" ? span.from + frame : meets ? beside.from + frame : 0;
    const most = side === "from" ? span.to - frame : meets ? beside.to - frame : page.episode.length_s;
    const at = Math.min(most, Math.max(least, Math.round(time / frame) * frame));
    if (Math.abs(at - before) < 0.1 * frame) return;
    this.nudged ??= new Map();
    const set = (item, name) => {
      if (!near(item[name], before)) return;
      if (!this.nudged.has(item.item)) this.nudged.set(item.item, { from_s: item.from_s, to_s: item.to_s });
      item[name] = Number(at.toFixed(6));
    };
    for (const item of claims.items) {
      if (span.step ? item.step === span.step : item === claims.item) set(item, `${side}_s`);
      else if (meets && item.step === beside.step) set(item, `${other}_s`);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), REST_MS);
    page.show();
    if (claims.item) this.choose(claims.item);
    player.pause();
    player.seek(side === "from" ? at : at - frame);
  }

  /** What was moved becomes one change. */
  rest() {
    clearTimeout(this.timer);
    if (!this.nudged) return;
    const edits = [];
    for (const [item, kept] of this.nudged) {
      const row = this.claims.items.find((one) => one.item === item);
      if (!row) continue;
      const { from_s, to_s } = row;
      Object.assign(row, kept); // so that undo knows what was
      if (from_s !== kept.from_s || to_s !== kept.to_s) edits.push({ item, changes: { from_s, to_s } });
    }
    this.nudged = null;
    this.page.change(edits);
  }

  /** Split the step under the playhead in two; later steps count one more. */
  split() {
    this.rest();
    const at = Number((Math.round(this.player.time / this.frame) * this.frame).toFixed(6)), half = this.frame / 2;
    const found = this.tracks.steps.find((one) => one.from + half < at && at < one.to - half);
    if (!found) { this.page.toast(say("no_step")); return; }
    const edits = [];
    for (const { item, status, step, dimension, slot, value, from_s, to_s } of this.claims.items) {
      if (status === "rejected" || step < found.step) continue;
      if (step > found.step || from_s >= at - half) edits.push({ item, changes: { step: step + 1 } });
      else if (to_s > at + half) {
        edits.push({ item, changes: { to_s: at } });
        if (SPLIT.includes(slot)) edits.push({ item: "", changes: { dimension, slot, value, from_s: at, to_s, step: step + 1 } });
      }
    }
    this.page.change(edits);
    this.page.toast(`${say("split")}: ${at.toFixed(2)} s`);
  }
}
