// Memory of bytes that were read from sockets. Node reads into ArrayBuffers of 64 KiB, which V8 counts towards the old generation; it frees
// them with a collection of young objects, but an upload makes so few of those that none is due. So V8 collected everything,
// forty times a second at full load, for a third of the CPU (decision 92). Young objects are collected here instead.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8 begins to collect everything after some 12 MB: the least that it lets the old generation grow by, and room for young objects. */
const allowedBytes = 8_388_608;

type Collect = (options: { readonly type: 'minor'; readonly execution: 'sync' }) => void;

// The heap is the process's, and so is the count.
let readBytes = 0;
let isDue = false;
let collect: Collect | undefined;

/** For what a `data` event brought. Where much has come since the last collection, one follows when this turn of the event loop is over. */
export function countRead(bytes: number): void {
  readBytes += bytes;
  if (readBytes < allowedBytes || isDue) return;
  isDue = true;
  setImmediate(collectYoung);
}

/** Takes some 0.4 ms: what is alive of them is little. */
function collectYoung(): void {
  isDue = false;
  readBytes = 0;
  collect ??= findCollector();
  collect({ type: 'minor', execution: 'sync' });
}

/** V8's own `gc`, without a name in the global scope. It costs 1 ms and 0.4 MB, so who never reads much does without. */
function findCollector(): Collect {
  setFlagsFromString('--expose-gc');
  try {
    // Without it everything goes on as V8 does by itself.
    return (runInNewContext('globalThis.gc') as Collect | undefined) ?? ((): void => undefined);
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
