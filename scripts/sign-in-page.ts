// The table of faults in docs/single-sign-on.md, from src/oidc/sign-in-fault.ts.
import { signInFaultCodes, signInFaultSpec } from '../src/oidc/sign-in-fault.ts';

const start = '<!-- faults -->\n';
const end = '<!-- end of faults -->';

/** The page with the table as it is now. */
export function withSignInFaults(page: string): string {
  const from = page.indexOf(start) + start.length;
  const to = page.indexOf(end);
  if (from < start.length || to < from) throw new Error('the page has no place for the table of faults');
  const rows = signInFaultCodes.map((code) => {
    const { title, help } = signInFaultSpec(code);
    return `| \`${code}\` | ${title} | ${help} |\n`;
  });
  return `${page.slice(0, from)}| code | what it means | what to do |\n|---|---|---|\n${rows.join('')}${page.slice(to)}`;
}
