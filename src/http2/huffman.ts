// The Huffman code of HPACK (RFC 7541 section 5.2, appendix B): a table over the bits that are left of the byte before
// and the next byte, which gives up to two characters a step. An entry is made when it is needed first, because most never are.

/** Bits of the code of each octet, then of EOS. The code is canonical, so the lengths are all there is to say. */
const codeLengths: readonly number[] = `
  13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
  6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
  13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
  15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
  20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
  22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
  26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
  20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
  30`
  .trim()
  .split(/\s+/)
  .map(Number);
const eos = 256;

/** What a step says: bits 0 to 7 the next state, then how many characters, whether padding may end here, whether it is an error. */
const countShift = 8;
const acceptBit = 1 << 10;
const failBit = 1 << 11;
const firstShift = 16;
const secondShift = 24;

/** A node of the code's tree: for either bit another node, or a symbol as its complement. */
type Node = { readonly next: [number, number]; readonly depth: number; readonly isOnes: boolean };

/** One for all connections of a worker. */
export class HuffmanDecoder {
  readonly #nodes = buildTree();
  /** By state and byte; 0 is an entry that was not made yet. */
  readonly #steps = new Uint32Array(this.#nodes.length * 256);
  #out = Buffer.allocUnsafeSlow(1024);

  /** The string that stands in `bytes` from `start` to `end`, latin1; undefined where it is not one (padding, EOS). */
  decode(bytes: Buffer, start: number, end: number): string | undefined {
    // The shortest code has five bits; two characters are written at each step, wanted or not.
    const most = (end - start) * 2 + 2;
    if (this.#out.length < most) this.#out = Buffer.allocUnsafeSlow(most * 2);
    const out = this.#out;
    const steps = this.#steps;
    let step = acceptBit;
    let length = 0;
    let all = 0;
    for (let at = start; at < end; at++) {
      const index = ((step & 255) << 8) | (bytes[at] as number);
      step = steps[index] as number;
      if (step === 0) step = this.#makeStep(index);
      out[length] = step >>> firstShift;
      out[length + 1] = step >>> secondShift;
      length += (step >>> countShift) & 3;
      all |= step;
    }
    return (all & failBit) === 0 && (step & acceptBit) !== 0 ? out.toString('latin1', 0, length) : undefined;
  }

  #makeStep(index: number): number {
    const step = stepOf(this.#nodes, index >>> 8, index & 255);
    this.#steps[index] = step;
    return step;
  }
}

/** The tree of the code, its root first. There are 256 inner nodes, so that one fits into a byte. */
function buildTree(): readonly Node[] {
  const nodes: Node[] = [{ next: [0, 0], depth: 0, isOnes: true }];
  const symbols = codeLengths.map((length, symbol) => ({ length, symbol }));
  symbols.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  let code = 0;
  let codeLength = 0;
  for (const { length, symbol } of symbols) {
    code *= 2 ** (length - codeLength);
    codeLength = length;
    let node = nodes[0] as Node;
    for (let bit = length - 1; bit > 0; bit--) {
      const way = (code >>> bit) & 1;
      if (node.next[way] === 0) {
        node.next[way] = nodes.length;
        nodes.push({ next: [0, 0], depth: node.depth + 1, isOnes: node.isOnes && way === 1 });
      }
      node = nodes[node.next[way] as number] as Node;
    }
    node.next[code & 1] = ~symbol;
    code++;
  }
  return nodes;
}

/** What eight bits do in a state. */
function stepOf(nodes: readonly Node[], state: number, byte: number): number {
  let at = state;
  let symbols = 0;
  let count = 0;
  for (let bit = 7; bit >= 0; bit--) {
    const next = (nodes[at] as Node).next[(byte >>> bit) & 1] as number;
    if (next === ~eos) return failBit;
    if (next >= 0) at = next;
    else {
      symbols |= ~next << (count === 0 ? firstShift : secondShift);
      count++;
      at = 0;
    }
  }
  // What is left over at the end has to be less than a byte of ones, which is how EOS begins.
  const node = nodes[at] as Node;
  const accept = node.isOnes && node.depth < 8 ? acceptBit : 0;
  return (at | (count << countShift) | accept | symbols) >>> 0;
}
