// The review page: which episode, what a key does, undo, and what is not saved yet.

import { ask, Outbox } from "./api.js";
import { Claims, make } from "./claims.js";
import { Player } from "./player.js";
import { Spans } from "./spans.js";
import { stepsOf, Tracks } from "./tracks.js";
import { KEYS, language, say, speak } from "./words.js";

const PAUSE_MS = 2000; // text is saved when nobody has typed for so long
const SIGN_OF_LIFE_MS = 30_000;
const QUEUE_PART = 60;
const $ = (id) => document.getElementById(id);
const text = (id, said) => { $(id).textContent = said; };
const here = { review: null, reviewer: "", episode: null, skipped: [], past: [], filter: "open", queue: [], isReadOnly: false };
let player, tracks, claims, outbox, spans;

const keyOf = (name) => `finevla-review:${here.review.name}:${name}`;
const batchName = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;

// Episodes -------------------------------------------------------------------------------------------------------------------

async function next() {
  if (!(await settled())) return;
  const found = await tried(() => ask("/api/next", { reviewer: here.reviewer, skipped: here.skipped.slice(-5000) }));
  if (!found) return;
  if (found.episode === null && here.skipped.length) { here.skipped = []; return next(); }
  showCounts(found.counts);
  if (found.episode === null) return showDone();
  await open(found.episode, true);
}

/** Show an episode; `isMine` if it is claimed already. */
async function open(number, isMine = false) {
  if (!(await settled())) return;
  here.isReadOnly = false;
  banner("");
  if (!isMine) {
    if (here.episode && here.episode.episode !== number) ask(`/api/episodes/${here.episode.episode}/release`, { reviewer: here.reviewer }).catch(() => {});
    await ask(`/api/episodes/${number}/claim`, { reviewer: here.reviewer }).catch((error) => { here.isReadOnly = true; banner(error.message); });
  }
  const found = await tried(() => ask(`/api/episodes/${number}?reviewer=${encodeURIComponent(here.reviewer)}`));
  if (!found) return;
  here.episode = found;
  document.body.classList.remove("done");
  player.load(found.videos, here.review.fps, found.length_s);
  tracks.load(found.length_s);
  claims.editing = null;
  claims.items = found.items;
  claims.choose(claims.order.find((name) => found.items.some((item) => item.item === name)) ?? claims.order[0], true);
  spans.choose(claims.item);
  show();
  ask(`/api/episodes/${number}/tracks`).then((signals) => {
    if (here.episode?.episode !== number) return;
    tracks.signals(signals);
    text("problem", signals.problem);
  }).catch(() => {});
  document.body.dataset.episode = number;
  listQueue();
}

/** Read the episode's items again: another changed them, or a batch was refused. */
async function again() {
  const number = here.episode.episode;
  const found = await tried(() => ask(`/api/episodes/${number}?reviewer=${encodeURIComponent(here.reviewer)}`));
  if (!found || here.episode.episode !== number) return;
  here.episode = { ...here.episode, ...found };
  claims.items = found.items;
  if (!claims.order.includes(claims.chosen)) claims.chosen = claims.order[0];
  show();
}

function show() {
  const { episode, task, status } = here.episode;
  text("episode", `${say("episode")} ${episode}`);
  text("task", task ? `“${task}”` : "");
  text("status", say(status));
  $("status").className = status;
  tracks.steps = stepsOf(claims.items);
  claims.render();
  tracks.draw();
  document.body.dataset.status = status;
}

function showDone() {
  here.episode = null;
  player.load([], here.review.fps, 0);
  tracks.load(0);
  document.body.classList.add("done");
  document.body.dataset.episode = "";
  claims.items = [];
  banner(`${say("done")} ${say("done_more")}`, true);
  listQueue();
}

// Changes --------------------------------------------------------------------------------------------------------------------

/** Change items now, on the page and in the outbox; `edits` are {item, changes} with "" for a new one. */
function change(edits, isUndo = false) {
  if (here.isReadOnly || !here.episode || !edits.length) return;
  const byItem = new Map(claims.items.map((item) => [item.item, item]));
  const entry = { episode: here.episode.episode, reviewer: here.reviewer, batch: batchName(), edits: [] };
  const inverse = [];
  for (const { item, changes } of edits) {
    const row = byItem.get(item);
    entry.edits.push({ item, version: row?.version ?? 0, changes });
    if (!row) continue;
    const old = Object.fromEntries(["status", ...Object.keys(changes)].map((name) => [name, row[name]]));
    inverse.push({ item, changes: old });
    const isOther = changes.value !== undefined && changes.value !== row.value;
    Object.assign(row, { status: "draft", ...changes, version: row.version + 1, reviewer: here.reviewer });
    if (isOther) Object.assign(row, { source: "human", confidence: 1 });
  }
  if (!isUndo) here.past.push({ episode: entry.episode, inverse, batch: entry.batch });
  if (here.episode.status !== "disputed") here.episode.status = "draft";
  outbox.push(entry);
  show();
}

function saved(entry, items) {
  spans.rest();
  if (here.episode?.episode !== entry.episode || outbox.holds(entry.episode)) return;
  const known = new Map(claims.items.map((item) => [item.item, item]));
  const fresh = items.filter((item) => !known.has(item.item));
  const done = here.past.find((one) => one.batch === entry.batch);
  if (done) done.inverse.push(...fresh.map((item) => ({ item: item.item, changes: { status: "rejected" } })));
  claims.items = items.map((item) => ({ ...item, draft: known.get(item.item)?.draft ?? null, alternatives: known.get(item.item)?.alternatives ?? [] }));
  if (fresh.length && !known.has(claims.chosen)) claims.chosen = fresh[0].item;
  show();
}

/** The server did not take a batch, since another was first: show what there is now, and keep the words that were typed. */
function refused(entry, why) {
  for (const { item, changes } of entry.edits) if (changes.value !== undefined) claims.conflicts.set(item, changes.value);
  here.past = here.past.filter((one) => one.batch !== entry.batch);
  toast(why);
  if (here.episode?.episode === entry.episode) again();
}

async function judge(verdict, number = here.episode?.episode) {
  if (here.isReadOnly || number === undefined || !(await settled())) return false;
  const versions = Object.fromEntries(claims.items.map((item) => [item.item, item.version]));
  const said = { reviewer: here.reviewer, batch: batchName(), verdict, versions };
  const state = await tried(() => ask(`/api/episodes/${number}/verdict`, said), again);
  if (!state) return false;
  if (verdict === "draft") { here.episode.status = state.status; await again(); return true; }
  here.past.push({ episode: number, verdict });
  toast(`${say("episode")} ${number}: ${say(verdict)}`);
  await next();
  return true;
}

async function undo() {
  const last = here.past.pop();
  if (!last) return toast(say("nothing"));
  if (here.episode?.episode !== last.episode) await open(last.episode);
  if (last.verdict) await judge("draft");
  else {
    await settled();
    change(last.inverse, true);
  }
  toast(say("undone"));
}

/** Everything typed and nudged goes to the server; false, and says so, where it does not answer. */
async function settled() {
  claims?.finish(true);
  spans?.rest();
  if (await outbox.flush()) return true;
  toast(say("unsaved"));
  return false;
}

function committed({ item, dimension, slot, text: value }) {
  if (item) return change([{ item, changes: { value } }]);
  const [from_s, to_s] = slot === "raw" || !player.span ? [0, here.episode.length_s] : player.span;
  change([{ item: "", changes: { dimension, slot, value, from_s, to_s, step: tracks.step ?? 0 } }]);
}

function typing(said) {
  const key = keyOf("typing");
  clearTimeout(here.pause);
  if (!said) return localStorage.removeItem(key);
  localStorage.setItem(key, JSON.stringify({ ...said, episode: here.episode.episode, reviewer: here.reviewer }));
  here.pause = setTimeout(() => claims.keep(), PAUSE_MS);
}

/** Text that was being typed when the browser was closed is in its field again. */
async function resume() {
  const kept = JSON.parse(localStorage.getItem(keyOf("typing")) ?? "null");
  if (!kept || kept.reviewer !== here.reviewer) return false;
  await open(kept.episode);
  if (here.episode?.episode !== kept.episode || here.isReadOnly) return false;
  claims.choose(kept.item || kept.dimension);
  if (kept.item) claims.edit(kept.text);
  else claims.add(kept.text, kept.slot);
  toast(say("resumed"));
  return true;
}

// Queue and words ------------------------------------------------------------------------------------------------------------

async function listQueue(offset = 0) {
  const found = await ask(`/api/queue?status=${here.filter}&offset=${offset}&limit=${QUEUE_PART}`).catch(() => null);
  if (!found) return;
  here.queue = offset ? [...here.queue, ...found.episodes] : found.episodes;
  showCounts(found.counts);
  $("queue").replaceChildren(...here.queue.map((row) => {
    const marks = row.contradictions ? make("span", "against", `${say("contradictions")}: ${row.contradictions}`) : null;
    const who = row.claimed_by && row.claimed_by !== here.reviewer ? make("span", "who", `${say("kept")} ${row.claimed_by}`) : null;
    const line = make("button", "", make("b", "", String(row.episode)), make("span", "task", row.task), marks, who);
    line.type = "button";
    const entry = make("li", `${row.status}${row.episode === here.episode?.episode ? " here" : ""}`, line);
    line.addEventListener("click", () => open(row.episode));
    return entry;
  }));
}

function showCounts(counts) {
  const total = Object.values(counts).reduce((a, b) => a + b, 0), left = counts.draft + counts.disputed;
  $("progress").querySelector("span").style.width = `${total ? (100 * (total - left)) / total : 0}%`;
  $("progress").querySelector("small").textContent = `${counts.approved} ${say("judged")} · ${left} ${say("to_go")}`;
}

function translate() {
  for (const place of document.querySelectorAll("[data-word]")) place.textContent = say(place.dataset.word);
  for (const place of document.querySelectorAll("[data-title]")) place.title = say(place.dataset.title);
  text("language", language === "en" ? "中文" : "English");
  showSaved();
  $("filter").replaceChildren(...["open", "all", "approved", "rejected"].map((name) => new Option(say(name), name, false, name === here.filter)));
  const rows = KEYS.map(([keys, en, zh]) => make("div", "", make("span", "keys", ...keys.map((key) => make("kbd", "", key))), language === "en" ? en : zh));
  $("help").replaceChildren(make("h2", "", say("help").replace(" (?)", "")), make("div", "all", ...rows), make("div", "agreement"));
}

async function help() {
  if ($("help").open) return $("help").close();
  $("help").showModal();
  if (here.review.reviewers !== 2) return;
  const { pairs } = await ask("/api/agreement").catch(() => ({ pairs: [] }));
  $("help").querySelector(".agreement").replaceChildren(...pairs.map((pair) => make("p", "",
    `${say("kappa")} ${pair.first}, ${pair.second}: ${Math.round(100 * pair.share)} % ${say("of")} ${pair.items}, κ ${pair.kappa === null ? "–" : pair.kappa.toFixed(2)}`)));
}

async function showHistory() {
  if (claims.history || !claims.item) { claims.history = null; return claims.render(); }
  await settled();
  const { item } = claims.item;
  const found = await tried(() => ask(`/api/episodes/${here.episode.episode}/history?reviewer=${encodeURIComponent(here.reviewer)}`));
  claims.history = found?.revisions.filter((row) => row.item === item) ?? null;
  claims.render();
}

function toast(said) {
  text("toast", said);
  $("toast").classList.add("seen");
  clearTimeout(here.toasting);
  here.toasting = setTimeout(() => $("toast").classList.remove("seen"), 4000);
}

function banner(said, isGood = false) {
  $("banner").hidden = !said;
  $("banner").className = isGood ? "good" : "";
  text("banner", said);
}

async function tried(asked, otherwise) {
  try { return await asked(); } catch (error) {
    toast(error.status === 0 ? say("unsaved") : error.message);
    if (error.status === 409) await otherwise?.();
    return null;
  }
}

function showTime(time) {
  text("time", `${time.toFixed(2)} / ${player.length.toFixed(2)} s · ${player.frame}`);
  text("rate", `${player.rate}×`);
  text("play", player.isPlaying ? "❚❚" : "▶");
  $("lock").classList.toggle("on", player.isLocked);
  tracks.time = time;
  tracks.draw();
}

function showSaved() {
  const isCut = outbox.isCut, isBusy = outbox.holds();
  text("saved", isCut ? outbox.why || say("unsaved") : say(isBusy ? "saving" : "saved"));
  $("saved").className = isCut ? "bad" : "";
  document.body.dataset.saved = isCut ? "cut" : isBusy ? "busy" : "yes";
}

// Keys -----------------------------------------------------------------------------------------------------------------------

const lock = () => { player.isLocked = !player.isLocked; showTime(player.time); };
const drop = () => claims.item && change([{ item: claims.item.item, changes: { status: claims.item.status === "rejected" ? "draft" : "rejected" } }]);
const skip = () => { if (here.episode) here.skipped.push(here.episode.episode); next(); };
const add = () => { if (here.episode && !here.isReadOnly) claims.add(); };
const edit = () => { if (here.episode && !here.isReadOnly) claims.edit(); };
const turn = () => { speak(language === "en" ? "zh" : "en"); localStorage.setItem("finevla-review:language", language); translate(); if (here.episode) show(); listQueue(); };
const jump = (number) => {
  const dimension = Object.keys(claims.dimensions)[number];
  claims.choose(claims.of(dimension)[0]?.item ?? dimension);
};
const ACTIONS = {
  a: () => judge("approved"), x: () => judge("rejected"), o: () => judge("draft"), n: skip, u: undo, i: add, d: drop, h: showHistory,
  Enter: edit, " ": () => player.toggle(), ",": () => player.step(-1), ".": () => player.step(1), ArrowLeft: () => player.step(-1),
  ArrowRight: () => player.step(1), j: () => player.seek(player.time - 1), l: () => player.seek(player.time + 1), k: () => player.pause(),
  "-": () => player.faster(-1), "=": () => player.faster(1), "+": () => player.faster(1), p: lock, s: () => spans.split(), t: turn, "?": help,
  "[": () => spans.nudge("from", -1), "]": () => spans.nudge("from", 1), "{": () => spans.nudge("to", -1), "}": () => spans.nudge("to", 1),
  ArrowUp: () => claims.move(-1), ArrowDown: () => claims.move(1), "`": () => jump(0), q: () => $("queue").querySelector(".here button, button")?.focus(),
};

function onKey(event) {
  const inField = event.target.closest("input, select, textarea");
  if (inField) return onFieldKey(event);
  if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); return undo(); }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if ($("help").open && event.key !== "?") return;
  if (event.target.closest("button") && [" ", "Enter"].includes(event.key)) return;
  if (event.target.closest("#queue") && ["ArrowUp", "ArrowDown"].includes(event.key)) {
    event.preventDefault();
    const beside = event.target.parentNode[event.key === "ArrowUp" ? "previousSibling" : "nextSibling"];
    return beside?.firstChild.focus();
  }
  const action = /^[0-9]$/.test(event.key) ? () => jump(Number(event.key) || 10) : ACTIONS[event.key] ?? ACTIONS[event.key.toLowerCase()];
  if (!action || (!here.episode && !"ut?q".includes(event.key.toLowerCase()))) return;
  event.preventDefault();
  if (document.activeElement?.closest("button")) document.activeElement.blur();
  action();
}

function onFieldKey(event) {
  if (event.isComposing) return; // Enter of an input method
  if (event.target.id === "reviewer") { if (event.key === "Enter") event.target.blur(); return; }
  if (!claims.editing) return;
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); claims.finish(true); }
  else if (event.key === "Escape") { event.preventDefault(); claims.finish(false); }
}

async function rename() {
  const name = $("reviewer").value.trim();
  if (!name || name === here.reviewer) { $("reviewer").value = here.reviewer; return; }
  if (here.reviewer && !(await settled())) return;
  if (here.episode) await ask(`/api/episodes/${here.episode.episode}/release`, { reviewer: here.reviewer }).catch(() => {});
  here.reviewer = name;
  sessionStorage.setItem("finevla-review:reviewer", name);
  localStorage.setItem("finevla-review:reviewer", name);
  here.past = [];
  await next();
}

function wire() {
  addEventListener("keydown", onKey);
  $("reviewer").addEventListener("change", rename);
  $("filter").addEventListener("change", () => { here.filter = $("filter").value; $("filter").blur(); listQueue(); });
  $("queue").addEventListener("scroll", () => {
    const list = $("queue");
    if (list.scrollTop + list.clientHeight > list.scrollHeight - 200 && here.queue.length % QUEUE_PART === 0) listQueue(here.queue.length);
  });
  $("help").addEventListener("click", () => $("help").close());
  $("theme").addEventListener("click", () => {
    const isDark = getComputedStyle(document.documentElement).colorScheme === "dark" || (document.documentElement.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem("finevla-review:theme", document.documentElement.dataset.theme);
    tracks.draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => tracks.draw());
  const buttons = { accept: "a", reject: "x", reopen: "o", skip: "n", undo: "u", play: " ", back: ",", forward: ".", lock: "p", slower: "-", faster: "=", language: "t", "help-button": "?" };
  for (const [id, key] of Object.entries(buttons)) $(id).addEventListener("click", () => { ACTIONS[key](); $(id).blur(); });
  setInterval(() => {
    if (!here.episode || here.isReadOnly) return;
    ask(`/api/episodes/${here.episode.episode}/claim`, { reviewer: here.reviewer })
      .catch((error) => { if (error.status === 409) { here.isReadOnly = true; banner(error.message); } });
    listQueue();
  }, SIGN_OF_LIFE_MS);
}

async function start() {
  speak(localStorage.getItem("finevla-review:language") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
  const theme = localStorage.getItem("finevla-review:theme");
  if (theme) document.documentElement.dataset.theme = theme;
  here.review = await ask("/api/review");
  document.title = `${here.review.name} · review`;
  text("dataset", here.review.name);
  here.reviewer = sessionStorage.getItem("finevla-review:reviewer") ?? localStorage.getItem("finevla-review:reviewer") ?? here.review.reviewer;
  $("reviewer").value = here.reviewer;
  outbox = new Outbox(keyOf("outbox"), { saved, refused, changed: showSaved });
  tracks = new Tracks($("tracks"), {
    onSeek: (time) => player.seek(time),
    onEdge: (step, side, time, isOver) => { spans.drag(step, side, time); if (isOver) spans.rest(); },
    onStep: (step) => { const item = claims.items.find((one) => one.step === step && one.status !== "rejected"); if (item) claims.choose(item.item); },
  });
  player = new Player($("videos"), showTime);
  claims = new Claims($("claims"), here.review.dimensions, { onChoose: (item) => spans.choose(item), onCommit: committed, onTyping: typing, onAdd: add });
  spans = new Spans(Object.assign(here, { change, show, toast }), player, tracks, claims);
  translate();
  wire();
  showCounts(here.review.counts);
  if (!here.reviewer) { banner(say("name_first")); $("reviewer").focus(); return; }
  await outbox.flush();
  showSaved();
  if (!(await resume())) await next();
}

start().catch((error) => banner(error.message));
