// The table of losses in docs/from-envoy-and-nginx.md, from src/import/losses.ts.
import { losses } from '../src/import/losses.ts';

const start = '<!-- losses -->\n';
const end = '<!-- end of losses -->';

/** The page with the table as it is now. */
export function withLosses(page: string): string {
  const from = page.indexOf(start) + start.length;
  const to = page.indexOf(end);
  if (from < start.length || to < from) throw new Error('the page has no place for the table of losses');
  const rows = Object.entries(losses).map(([code, says]) => `| \`${code}\` | ${says} |\n`);
  return `${page.slice(0, from)}| code | what would be open |\n|---|---|\n${rows.join('')}${page.slice(to)}`;
}
