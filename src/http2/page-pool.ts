// Memory that frames are written into, shared by all connections of a worker: a page goes to one connection at a time, is
// filled a little at each turn of the event loop, and begins anew once the sockets have taken all of it. So an idle
// connection holds no memory for its output, and a busy one costs the collector nothing.

/** What a turn of the event loop brings for one connection fits into one, mostly. */
const pageBytes = 65_536;
/** Less room than this is not worth lending. */
const leastRoom = 4096;
/** Pages kept for the next borrower; more are left to the collector. */
const keptPages = 64;

export class Page {
  readonly bytes = Buffer.allocUnsafeSlow(pageBytes);
  /** Bytes in use; the borrower writes behind them. */
  fill = 0;
  /** Parts that a socket has not taken yet. */
  underWay = 0;
  /** Lent to nobody and without room: it comes back when no part is under way. */
  isSpent = false;
}

export class PagePool {
  readonly #free: Page[] = [];

  /** A page with room for at least 4096 bytes, the caller's until `give`. */
  take(): Page {
    const page = this.#free.pop();
    if (page === undefined) return new Page();
    if (page.underWay === 0) page.fill = 0;
    return page;
  }

  give(page: Page): void {
    if (page.underWay === 0) page.fill = 0;
    if (pageBytes - page.fill < leastRoom) page.isSpent = true;
    else this.#keep(page);
  }

  /** A socket has taken one of the parts that are under way. */
  settle(page: Page): void {
    page.underWay--;
    if (page.underWay > 0 || !page.isSpent) return;
    page.isSpent = false;
    page.fill = 0;
    this.#keep(page);
  }

  #keep(page: Page): void {
    if (this.#free.length < keptPages) this.#free.push(page);
  }
}
