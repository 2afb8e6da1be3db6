// What docs/alerts.md says of webhooks: its code verifies its vectors, in Node and in Python, and refuses what is not ours; its schema is that
// of the code; every kind of alert is in its table.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { alertSchemaText } from '../../scripts/alert-schema.ts';
import { signMessage } from '../../src/alerts/signature.ts';
import { alertKinds } from '../../src/config/alert-kinds.ts';
import { runToEnd } from '../support/owned-process.ts';
import { openTempDir } from '../support/temp.ts';

const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');

function codeOf(name: string): string {
  const [, code] = new RegExp(`<!-- code: ${name} -->\n\`\`\`\\w+\n([^]*?)\`\`\``).exec(page) ?? [];
  assert.ok(code !== undefined, `${name} is not on the page`);
  return code;
}

type Vector = { secret: string; id: string; timestamp: string; body: string; signature: string };

function vectors(): Vector[] {
  const table = page.slice(page.indexOf('<!-- vectors -->')).split('\n').slice(3);
  return table
    .slice(0, table.indexOf(''))
    .map((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, cell]) => cell ?? ''))
    .map(([secret = '', id = '', timestamp = '', body = '', signature = '']) => ({
      secret,
      id,
      timestamp,
      body,
      signature,
    }));
}

/** The vector, and what must not pass: each part of it changed, and the right one later. */
function cases(): { readonly vector: Vector; readonly now: number; readonly passes: boolean }[] {
  return vectors().flatMap((vector) => {
    const now = Number(vector.timestamp) + 10;
    const changed: Partial<Vector>[] = [
      { body: `${vector.body} ` },
      { id: `${vector.id}x` },
      { timestamp: String(Number(vector.timestamp) + 1) },
      { signature: `v1,${'A'.repeat(43)}=` },
      { signature: vector.signature.replace('v1,', 'v2,') },
      { signature: '' },
      { secret: 'another-secret-of-some-length' },
    ];
    return [
      { vector, now, passes: true },
      { vector: { ...vector, signature: `v1,${'A'.repeat(43)}= ${vector.signature}` }, now, passes: true },
      ...changed.map((change) => ({ vector: { ...vector, ...change }, now, passes: false })),
      { vector, now: now + 600, passes: false },
    ];
  });
}

const asked = JSON.stringify(cases());
const expected = cases().map(({ passes }) => passes);

describe('the code that docs/alerts.md gives to receivers', () => {
  it('has vectors that we would send', () => {
    assert.equal(vectors().length, 2);
    for (const { secret, id, timestamp, body, signature } of vectors())
      assert.equal(signMessage(id, body, [secret], Number(timestamp) * 1000)['webhook-signature'], signature);
  });

  it('verifies them in Node, and nothing else', async () => {
    using dir = openTempDir('webhooks');
    dir.write('verify.mjs', codeOf('verify.mjs'));
    const main = dir.write(
      'main.mjs',
      `import { verify } from './verify.mjs';
      let text = '';
      for await (const piece of process.stdin) text += piece;
      console.log(JSON.stringify(JSON.parse(text).map(({ vector: { id, timestamp, signature, body, secret }, now }) => {
        const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
        try { verify(headers, body, secret, now); return true; } catch { return false; }
      })));`,
    );
    const { stdout, stderr } = await runToEnd(process.execPath, [main], { input: asked });
    assert.deepEqual(JSON.parse(stdout || stderr), expected);
  });

  it('verifies them in Python, and nothing else', async () => {
    using dir = openTempDir('webhooks');
    dir.write('verify.py', codeOf('verify.py'));
    const main = dir.write(
      'main.py',
      `import json, sys
from verify import verify
def passes(case):
    v = case["vector"]
    headers = {"webhook-id": v["id"], "webhook-timestamp": v["timestamp"], "webhook-signature": v["signature"]}
    try:
        verify(headers, v["body"].encode(), v["secret"], case["now"])
        return True
    except ValueError:
        return False
print(json.dumps([passes(case) for case in json.load(sys.stdin)]))
`,
    );
    const { stdout, stderr } = await runToEnd('python3', [main], { input: asked });
    assert.deepEqual(JSON.parse(stdout || stderr), expected);
  });
});

it('docs/alert-message.schema.json is what messages are made by', () => {
  const written = readFileSync(new URL('../../docs/alert-message.schema.json', import.meta.url), 'utf8');
  assert.deepEqual(JSON.parse(written), JSON.parse(alertSchemaText()));
});

it('docs/alerts.md says of each kind of alert what to do', () => {
  for (const kind of alertKinds) assert.match(page, new RegExp(`^\\| \`${kind}\` \\|`, 'm'));
});
