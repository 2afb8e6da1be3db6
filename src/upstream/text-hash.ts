// Texts to 32 bits that are spread evenly, the same in every process and version: whose requests a backend gets must not change
// with a restart. No secret: who chooses his own key may choose his own backend.

/** FNV-1a over the UTF-16 units, then mixed, since FNV's upper bits are slow to change. */
export function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return mix(hash);
}

/** The finalizer of MurmurHash3: each bit of the input changes half of the output. In [0, 2^32). */
export function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
