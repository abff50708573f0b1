// The annotations of an episode as a list by dimension: value beside evidence, what a person changed, and the field to edit.

import { language, nameOf, say } from "./words.js";

/** An element with a class, text and children. */
export function make(tag, name, ...inside) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inside.filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

/** Words, spaces and single Chinese signs of a text. */
export const wordsOf = (text) => text.match(/[\u3400-\u9fff]|\s+|[^\s\u3400-\u9fff]+/g) ?? [];

/** Longest common subsequence of words: [["same" | "del" | "ins", text], ...]. */
export function wordDiff(before, after) {
  const a = wordsOf(before), b = wordsOf(after);
  if (a.length * b.length > 400_000) return [["del", before], ["ins", after]];
  const size = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      size[i][j] = a[i] === b[j] ? size[i + 1][j + 1] + 1 : Math.max(size[i + 1][j], size[i][j + 1]);
  const parts = [];
  const add = (kind, word) => {
    if (parts.at(-1)?.[0] === kind) parts.at(-1)[1] += word;
    else parts.push([kind, word]);
  };
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) { add("same", a[i++]); j++; }
    else if (j >= b.length || (i < a.length && size[i + 1][j] >= size[i][j + 1])) add("del", a[i++]);
    else add("ins", b[j++]);
  }
  return parts;
}

/** Items that another source contradicts: another value of the same slot and step at the same time. */
export function contradicted(items) {
  const found = new Set();
  const live = items.filter((item) => item.status !== "rejected" && item.dimension !== "text");
  for (const one of live)
    for (const other of live)
      if (one.slot === other.slot && one.step === other.step && one.source !== other.source && one.from_s <= other.to_s
        && other.from_s <= one.to_s && one.value.trim().toLowerCase() !== other.value.trim().toLowerCase()) found.add(one.item);
  return found;
}

/** The list; `chosen` is an item, or a dimension's name where it has none. */
export class Claims {
  constructor(place, dimensions, { onChoose, onCommit, onTyping, onAdd }) {
    Object.assign(this, { place, onChoose, onCommit, onTyping, onAdd, items: [], chosen: null, editing: null, history: null });
    this.dimensions = { text: dimensions.text, ...dimensions };
    this.conflicts = new Map();
  }

  /** What can be chosen, from top to bottom. */
  get order() {
    return Object.keys(this.dimensions).flatMap((dimension) => {
      const own = this.of(dimension).map((item) => item.item);
      return own.length ? own : [dimension];
    });
  }

  of(dimension) {
    const slots = this.dimensions[dimension];
    return this.items.filter((item) => item.dimension === dimension)
      .sort((a, b) => slots.indexOf(a.slot) - slots.indexOf(b.slot) || a.step - b.step || a.from_s - b.from_s);
  }

  get item() { return this.items.find((item) => item.item === this.chosen); }

  get dimension() { return this.item?.dimension ?? (this.dimensions[this.chosen] ? this.chosen : "text"); }

  choose(chosen, isQuiet = false) {
    this.chosen = chosen;
    this.history = null;
    this.render();
    this.place.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
    if (!isQuiet) this.onChoose(this.item);
  }

  move(by) {
    const order = this.order, at = order.indexOf(this.chosen);
    this.choose(order[Math.min(order.length - 1, Math.max(0, at + by))]);
  }

  render() {
    if (this.editing) return;
    const against = contradicted(this.items), top = this.place.scrollTop;
    this.place.replaceChildren(...Object.keys(this.dimensions).map((dimension, k) => {
      const own = this.of(dimension);
      const head = make("h2", "", make("kbd", "", k ? String(k % 10) : "`"), make("span", "", nameOf(dimension)));
      const rows = own.map((item) => this.row(item, against.has(item.item)));
      if (!own.length) {
        const empty = make("div", `empty${this.chosen === dimension ? " chosen" : ""}`, say("none"), make("small", "", say("add")));
        empty.addEventListener("click", () => this.choose(dimension));
        empty.addEventListener("dblclick", () => this.onAdd());
        rows.push(empty);
      }
      return make("section", own.length ? "" : "bare", head, ...rows);
    }));
    this.place.scrollTop = top;
  }

  row(item, isContradicted) {
    const isChosen = item.item === this.chosen;
    const sure = Math.round(item.confidence * 100);
    const source = make("span", `source ${item.source}`, say(`source_${item.source}`));
    const meter = make("span", "meter", make("i"));
    meter.firstChild.style.width = `${sure}%`;
    const evidence = make("span", `evidence${item.confidence < 0.6 ? " unsure" : ""}`, source, meter, `${sure} %`);
    const when = item.step ? `${say("step")} ${item.step} · ` : "";
    const head = make("div", "head", make("span", "slot", nameOf(item.slot)),
      make("span", "when", `${when}${item.from_s.toFixed(2)}–${item.to_s.toFixed(2)} s`), evidence);
    const value = make("div", "value", item.value);
    if (item.draft !== null && item.draft !== undefined && item.draft !== item.value) {
      value.replaceChildren(...wordDiff(item.draft, item.value).map(([kind, text]) => (kind === "same" ? text : make(kind, "", text))));
    }
    const row = make("div", ["claim", item.status, isChosen && "chosen", isContradicted && "contradicted"].filter(Boolean).join(" "), head, value);
    row.dataset.item = item.item;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(isChosen));
    if (isContradicted) row.append(make("div", "mark", say("contradiction")));
    if (item.alternatives?.length > 1) row.append(make("div", "mark", item.alternatives.join("  ·  ")));
    if (this.conflicts.has(item.item)) row.append(make("div", "mark", `${say("yours")} “${this.conflicts.get(item.item)}” (${say("take")})`));
    if (isChosen && this.history) row.append(this.past());
    row.addEventListener("click", () => { if (this.editing?.item !== item.item) { this.finish(true); this.choose(item.item); } });
    row.addEventListener("dblclick", () => this.edit());
    return row;
  }

  past() {
    const rows = this.history.map((row) => make("li", row.status, make("time", "", new Date(row.at_s * 1000).toLocaleString(language)),
      ` ${row.reviewer || say(`source_${row.source}`)} · ${say(row.action)} · ${say(row.status)}: `, make("b", "", row.value)));
    return make("ol", "past", ...rows);
  }

  /** Open the chosen item's field; `typed` is text that was not finished before. */
  edit(typed, slot) {
    const item = this.item;
    if (!item && !slot) { this.onAdd(); return; }
    const text = typed ?? (item && this.conflicts.get(item.item)) ?? item?.value ?? "";
    this.editing = { item: item?.item ?? "", dimension: this.dimension, slot: item?.slot ?? slot, before: item?.value ?? "" };
    this.editing.first = this.editing.before;
    const area = make("textarea");
    Object.assign(area, { value: text, rows: Math.max(1, Math.ceil(text.length / 46)), spellcheck: true, maxLength: 4000 });
    if (item) this.place.querySelector(".chosen .value").replaceWith(area);
    else this.place.querySelector(".adding").append(area);
    area.addEventListener("input", () => this.onTyping({ ...this.editing, text: area.value }));
    area.addEventListener("blur", () => setTimeout(() => { if (!this.place.contains(document.activeElement)) this.finish(true); }));
    area.focus();
    if (item && typed === undefined) area.select();
    else area.setSelectionRange(text.length, text.length);
    this.area = area;
  }

  /** A new item of the chosen dimension: first its slot, which is chosen already where only one is left. */
  add(typed, wanted) {
    const dimension = this.dimension, used = new Set(this.of(dimension).map((item) => item.slot));
    const slots = this.dimensions[dimension];
    const first = wanted ?? slots.find((slot) => !used.has(slot)) ?? slots[0];
    const select = make("select", "", ...slots.map((slot) => {
      const option = make("option", "", nameOf(slot));
      option.value = slot;
      option.selected = slot === first;
      return option;
    }));
    select.addEventListener("change", () => { this.editing.slot = select.value; this.area.focus(); });
    const row = make("div", "claim chosen adding", select);
    const section = this.place.children[Object.keys(this.dimensions).indexOf(dimension)];
    section.querySelector(".empty")?.remove();
    for (const other of this.place.querySelectorAll(".chosen")) other.classList.remove("chosen");
    section.append(row);
    this.chosen = dimension;
    this.edit(typed ?? "", first);
    row.scrollIntoView({ block: "nearest" });
  }

  /** Save what was typed so far, and stay in the field; a new item waits until it is left. */
  keep() {
    const text = this.area.value.trim();
    if (!this.editing?.item || !text || text === this.editing.before) return;
    this.editing.before = text;
    this.onCommit({ ...this.editing, text });
  }

  /** Leave the field, and save what is in it unless told not to. */
  finish(isKept) {
    if (!this.editing) return;
    const { editing, area } = this, text = area.value.trim();
    this.editing = null;
    this.conflicts.delete(editing.item);
    this.onTyping(null);
    const wanted = isKept ? text || editing.before : editing.first;
    if (wanted !== editing.before) this.onCommit({ ...editing, text: wanted });
    else this.render();
  }
}
