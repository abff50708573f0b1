// What the page asks of the server, and an outbox that keeps every change in the browser until the server has it.

const RETRY_MS = 1500;

/** Ask the server; throws an Error with `status` (0: no answer) and the server's sentence. */
export async function ask(path, said) {
  const options = said === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(said),
  };
  let answer;
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(15000) });
  } catch {
    throw Object.assign(new Error("no answer"), { status: 0 });
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(found.error ?? answer.statusText), { status: answer.status });
  return found;
}

/** Sends batches in order, each until the server has answered; a batch that arrives twice counts once there. */
export class Outbox {
  constructor(key, { saved, refused, changed }) {
    Object.assign(this, { key, saved, refused, changed, isSending: false, isCut: false, why: "" });
    this.waiting = JSON.parse(localStorage.getItem(key) ?? "[]");
  }

  /** Whether changes of an episode, or any, are not on the server yet. */
  holds(episode) { return this.waiting.some((entry) => episode === undefined || entry.episode === episode); }

  push(entry) {
    this.waiting.push(entry);
    this.keep();
    this.send();
  }

  /** Resolves once all is sent; false if the server does not answer. */
  async flush() {
    await this.send();
    return !this.waiting.length;
  }

  send() {
    this.sending ??= this.sendAll().finally(() => { this.sending = undefined; });
    return this.sending;
  }

  async sendAll() {
    clearTimeout(this.timer);
    while (this.waiting.length) {
      const entry = this.waiting[0];
      this.changed();
      try {
        const answer = await ask(`/api/episodes/${entry.episode}/edits`, entry);
        this.isCut = false;
        this.why = "";
        this.drop(entry);
        this.saved(entry, answer.items);
      } catch (error) {
        if (error.status === 0 || error.status >= 500 || error.status === 401) {
          this.isCut = true;
          this.why = error.status ? error.message : "";
          this.timer = setTimeout(() => this.send(), RETRY_MS);
          break;
        }
        this.drop(entry);
        this.refused(entry, error.message);
      }
    }
    this.changed();
  }

  drop(entry) {
    this.waiting = this.waiting.filter((other) => other !== entry);
    this.keep();
  }

  keep() { localStorage.setItem(this.key, JSON.stringify(this.waiting)); }
}
