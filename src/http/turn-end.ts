// What is to be done once when a turn of the event loop has brought all it had: first whoever collected bytes hands them on, then
// connections write. One pass through TLS and the kernel for each connection and turn, whichever sockets its bytes came from.

/** Called once for each time it was put in. Must not throw. */
export interface TurnTask {
  onTurnEnd(): void;
}

export class TurnEnd {
  #deliveries: TurnTask[] = [];
  #writes: TurnTask[] = [];
  #isDue = false;

  /** `task` hands on what it collected; it may ask for `write`, which still comes in this turn. */
  deliver(task: TurnTask): void {
    this.#deliveries.push(task);
    this.#arm();
  }

  /** `task` writes to its socket, after all deliveries. */
  write(task: TurnTask): void {
    this.#writes.push(task);
    this.#arm();
  }

  #arm(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#isDue = false;
    const deliveries = this.#deliveries;
    if (deliveries.length > 0) {
      this.#deliveries = [];
      for (const task of deliveries) task.onTurnEnd();
    }
    const writes = this.#writes;
    this.#writes = [];
    for (const task of writes) task.onTurnEnd();
  };
}
