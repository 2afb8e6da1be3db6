// The name of a query parameter as far as any backend simplifies it: what two of them could take for one another.
import { decodings, type OpenedSegment, openSegment, withoutInvisible } from './open-segment.ts';

/** Could a backend take a parameter of this name for the one that folds so? */
export function mayBeParameter(name: string, folded: string): boolean {
  const opened = openName(name);
  return opened === undefined || decodings.some((decoding) => fold(opened[decoding]) === folded);
}

/**
 * The name as far as any backend simplifies it: decoded, without case, blanks around it, an index (`[]`), and with one character
 * for all that are neither letter nor digit, as PHP has it. Undefined where no server has an honest use for it.
 */
export function foldParameter(name: string): string | undefined {
  const opened = openName(name);
  return opened && fold(opened.lenient);
}

function openName(name: string): OpenedSegment | undefined {
  return openSegment(name.replaceAll('+', '%20'));
}

function fold(opened: string): string {
  const end = opened.search(/[[?#]/);
  const text = withoutInvisible(end > 0 ? opened.slice(0, end) : opened).normalize('NFKC');
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '_');
}
