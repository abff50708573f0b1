// All cameras of an episode in step: frames forth and back, 0.25 to 2 times as fast, and a span that is played by itself.

import { say } from "./words.js";

export const RATES = [0.25, 0.5, 0.75, 1, 1.5, 2];

/** Times are seconds of the episode; the first video leads, the others follow, and without any a clock does. */
export class Player {
  constructor(place, onTime) {
    Object.assign(this, { place, onTime, videos: [], fps: 30, length: 0, time: 0, rate: 1, isPlaying: false, span: null });
    this.isLocked = true;
    const tick = (now) => { this.tick(now); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  load(videos, fps, length) {
    this.pause();
    Object.assign(this, { fps, length, time: 0, span: null });
    for (const old of this.place.querySelectorAll("video")) { old.removeAttribute("src"); old.load(); }
    this.videos = [];
    this.place.replaceChildren(...videos.map((said) => this.figure(said)));
    this.place.dataset.count = Math.min(videos.length, 4);
    this.seek(0);
  }

  figure(said) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    caption.textContent = said.camera;
    figure.append(caption);
    const fail = (text) => {
      const note = document.createElement("p");
      note.textContent = text;
      figure.append(note);
      figure.classList.add("failed");
      this.videos = this.videos.filter((other) => other.element.parentNode !== figure);
    };
    if (!said.is_there) { fail(say("missing")); return figure; }
    const element = document.createElement("video");
    Object.assign(element, { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
    element.addEventListener("error", () => {
      if (element.hasAttribute("src")) fail(`${say("no_video")} (${said.codec || "?"}): ${say("no_codec")}`);
    });
    element.addEventListener("loadeddata", () => { document.body.dataset.frame ??= String(Math.round(performance.now())); });
    element.src = said.url;
    figure.prepend(element);
    figure.addEventListener("dblclick", () => figure.classList.toggle("large"));
    this.videos.push({ element, begin: said.begin_s });
    return figure;
  }

  get frame() { return Math.floor(this.time * this.fps + 1e-3); }

  seek(time) {
    const last = Math.max(0, Math.round(this.length * this.fps) - 1);
    const frame = Math.min(last, Math.max(0, Math.round(time * this.fps)));
    this.time = frame / this.fps;
    // In the middle of a frame no browser rounds to its neighbour.
    for (const { element, begin } of this.videos) element.currentTime = begin + (frame + 0.5) / this.fps;
    this.onTime(this.time);
  }

  step(frames) { this.pause(); this.seek((this.frame + frames) / this.fps); }

  toggle() { if (this.isPlaying) this.pause(); else this.play(); }

  play() {
    const [from, to] = this.bounds;
    if (this.time < from - 1e-3 || this.time >= to - 1.5 / this.fps) this.seek(from);
    this.isPlaying = true;
    for (const { element } of this.videos) { element.playbackRate = this.rate; element.play().catch(() => {}); }
    this.onTime(this.time);
  }

  pause() {
    this.isPlaying = false;
    for (const { element } of this.videos) element.pause();
    if (this.videos.length && this.length) this.seek(this.frame / this.fps);
    this.onTime(this.time);
  }

  faster(by) {
    this.rate = RATES[Math.min(RATES.length - 1, Math.max(0, RATES.indexOf(this.rate) + by))];
    for (const { element } of this.videos) element.playbackRate = this.rate;
    this.onTime(this.time);
  }

  get bounds() { return this.isLocked && this.span ? this.span : [0, this.length]; }

  tick(now) {
    const passed = (now - (this.before ?? now)) / 1000;
    this.before = now;
    if (!this.isPlaying) return;
    const [leader, ...others] = this.videos;
    const led = leader && leader.element.readyState > 1;
    this.time = led ? Math.max(0, leader.element.currentTime - leader.begin) : this.time + passed * this.rate;
    const [from, to] = this.bounds;
    if (this.time >= to - 0.5 / this.fps || leader?.element.ended) {
      if (this.isLocked && this.span) {
        this.seek(from);
        for (const { element } of this.videos) element.play().catch(() => {});
      } else { this.pause(); this.seek(to); }
      return;
    }
    for (const { element, begin } of others) {
      if (Math.abs(element.currentTime - begin - this.time) > 0.12 && !element.seeking) element.currentTime = begin + this.time;
    }
    this.onTime(this.time);
  }
}
