// How much of a peer's traffic may be of no use before it counts as an attack: resets (its own, and those that it makes us send:
// Rapid Reset, CVE-2023-44487; MadeYouReset, CVE-2025-8671), SETTINGS, PING, PRIORITY, empty DATA, unknown frames. Measured
// against requests that were answered, never against those that came, since an attacker makes the latter for nothing.

/** Glitches that every connection may have. */
const baseGlitches = 200;
/** And as many more for each second of its life. */
const glitchesPerSecond = 20;
/** That every connection has without them counting against its client: SETTINGS, priorities, a page that was left while it loaded. */
const freeGlitches = 20;
/**
 * WINDOW_UPDATE and PING frames that every connection may send, and for each DATA frame that it got. Go gives both windows back for
 * every 4 KiB that it reads, and gRPC measures the way with a PING for each round trip that brings DATA.
 */
const baseUpdates = 100;
const updatesPerFrame = 20;

export class AbuseBudget {
  /** Messages that went out whole, and streams that we opened. */
  answered = 0;
  /** DATA frames sent. */
  dataFrames = 0;
  #glitches = 0;
  #updates = 0;
  readonly #startedAt: number;

  /** `now`: monotonic milliseconds. */
  constructor(now: number) {
    this.#startedAt = now;
  }

  /** Something of no use came. False: too much of it has. */
  glitch(now: number): boolean {
    this.#glitches += 1;
    if (this.#glitches <= baseGlitches) return true;
    const grown = (Math.max(0, now - this.#startedAt) * glitchesPerSecond) / 1000;
    return this.#glitches <= baseGlitches + this.answered + grown;
  }

  /** The last one is not made up for by what this connection was answered. */
  get isUnearned(): boolean {
    return this.#glitches > freeGlitches + this.answered;
  }

  /** A WINDOW_UPDATE or PING came, which is useful only beside what was sent. False: it is of no use. */
  accompany(): boolean {
    this.#updates += 1;
    return this.#updates <= baseUpdates + updatesPerFrame * (this.dataFrames + this.answered);
  }
}
