// A draft as the text of a configuration: in the order in which the importer made it, small things in one line as people write them.
import { Document, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Draft, DraftValue } from './draft.ts';

/** What fits into it stands in one line. */
const lineWidth = 108;
/** Levels within one line. */
const flowLevels = 2;
const commentWidth = 110;

export function writeYaml(draft: Draft): string {
  const document = new Document();
  document.contents = nodeOf(draft.root, draft, 0) as typeof document.contents;
  const top = draft.topComments;
  if (top.length > 0) document.commentBefore = wrapped(top, 0);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false, indentSeq: true });
}

/** `depth`: levels around it; the file and its sections are never in one line. */
function nodeOf(value: DraftValue, draft: Draft, depth: number, inFlow = false): Scalar | YAMLMap | YAMLSeq {
  if (typeof value !== 'object') return scalarOf(value, inFlow);
  const isFlow = isEmpty(value) || (depth >= 2 && fits(value, draft, depth));
  const comments = draft.commentsOf(value);
  if (Array.isArray(value)) {
    const list = new YAMLSeq();
    list.flow = isFlow;
    for (const item of value) {
      const node = nodeOf(item, draft, depth + 1, isFlow);
      const own = typeof item === 'object' ? draft.commentsOf(item) : [];
      if (own.length > 0) node.commentBefore = wrapped(own, depth * 2);
      list.add(node);
    }
    return list;
  }
  const map = new YAMLMap();
  map.flow = isFlow;
  for (const [name, below] of Object.entries(value)) {
    const key = new Scalar(name);
    const own = typeof below === 'object' ? draft.commentsOf(below) : [];
    if (own.length > 0) key.commentBefore = wrapped(own, depth * 2);
    map.add({ key, value: nodeOf(below, draft, depth + 1, isFlow) });
  }
  if (depth === 0 && comments.length > 0) map.commentBefore = wrapped(comments, 0);
  return map;
}

function isEmpty(value: DraftValue[] | { [key: string]: DraftValue }): boolean {
  return Object.keys(value).length === 0;
}

function scalarOf(value: string | number | boolean, inFlow: boolean): Scalar {
  const scalar = new Scalar(value);
  if (typeof value === 'string' && value.includes('\n')) scalar.type = Scalar.BLOCK_LITERAL;
  // A variable within { } has to stand in quotes, and a colon there is easier to read so.
  else if (typeof value === 'string' && (value.includes('${') || (inFlow && value.includes(':'))))
    scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

function fits(value: DraftValue[] | { [key: string]: DraftValue }, draft: Draft, depth: number): boolean {
  if (levelsOf(value) > flowLevels || hasComments(value, draft)) return false;
  // A list of several maps is a table: a line each.
  if (Array.isArray(value) && value.length > 1 && value.some((item) => typeof item === 'object')) return false;
  const text = JSON.stringify(value);
  return !text.includes('\\n') && text.length + depth * 2 + 12 <= lineWidth;
}

function levelsOf(value: DraftValue): number {
  if (typeof value !== 'object') return 0;
  const below = Array.isArray(value) ? value : Object.values(value);
  return 1 + Math.max(0, ...below.map(levelsOf));
}

/** Within it; its own stands in front. */
function hasComments(value: DraftValue, draft: Draft): boolean {
  if (typeof value !== 'object') return false;
  const below = Array.isArray(value) ? value : Object.values(value);
  return below.some((one) => (typeof one === 'object' && draft.commentsOf(one).length > 0) || hasComments(one, draft));
}

/** Lines of a comment, without `#`: what a source says must not end it. */
function wrapped(texts: readonly string[], indent: number): string {
  const width = Math.max(40, commentWidth - indent);
  return texts
    .flatMap((text) => {
      const lines: string[] = [''];
      for (const word of text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').split(' ')) {
        const last = lines.at(-1) ?? '';
        if (last.length + word.length + 1 > width && last !== '') lines.push(` ${word}`);
        else lines[lines.length - 1] = `${last} ${word}`;
      }
      return lines;
    })
    .join('\n');
}
