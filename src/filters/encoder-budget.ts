// How many bodies one worker encodes at once: each takes some hundred KiB to two MiB, and a slow reader keeps them. Beyond the
// limit answers go as they are.

const maxEncoders = 128;

export class EncoderBudget {
  readonly #max: number;
  #open = 0;

  constructor(max = maxEncoders) {
    this.#max = max;
  }

  get isFree(): boolean {
    return this.#open < this.#max;
  }

  take(): void {
    this.#open++;
  }

  release(): void {
    this.#open--;
  }
}
