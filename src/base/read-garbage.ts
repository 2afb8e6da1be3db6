// Memory of bytes that were read from sockets. Node reads into ArrayBuffers of 64 KiB, which V8 counts towards the old generation; it frees
// them with a collection of young objects, but an upload makes so few of those that none is due. So V8 collected everything,
// forty times a second at full load, for a third of the CPU (decision 92). Young objects are collected here instead.

/** V8 begins to collect everything after some 12 MB: the least that it lets the old generation grow by, and room for young objects. */
const allowedBytes = 8_388_608;

type Collect = (options: { readonly type: 'minor'; readonly execution: 'sync' }) => void;

// The heap is the process's, and so is the count.
let readBytes = 0;
let isDue = false;
let collect: Collect | undefined;

/**
 * Takes V8's `gc` out of the global scope, where `--expose-gc` put it. A process that was started without that goes on as V8 does by itself.
 * (`gc` of a context of its own, which needs no such argument, makes full handshakes a sixth dearer, resumed ones a third: decision 92.)
 */
export function takeCollector(): void {
  const scope = globalThis as { gc?: Collect | undefined };
  collect = scope.gc;
  // V8 lets nobody delete it.
  scope.gc = undefined;
}

/** For what a `data` event brought. Where much has come since the last collection, one follows when this turn of the event loop is over. */
export function countRead(bytes: number): void {
  readBytes += bytes;
  if (readBytes < allowedBytes || isDue || collect === undefined) return;
  isDue = true;
  setImmediate(collectYoung);
}

/** Takes some 0.4 ms: what is alive of them is little. */
function collectYoung(): void {
  isDue = false;
  readBytes = 0;
  collect?.({ type: 'minor', execution: 'sync' });
}
