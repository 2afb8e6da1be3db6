// Nothing of a key that was given where a file, PEM text or base64 is due is ever in a message: every such key of the
// configuration, by every form of a key, from a variable and written in the file (incident 29).
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { assertSilent, materialKeys, mintInlineSecrets } from '../../test/support/inline-secrets.ts';
import { openPki } from '../../test/support/pki.ts';
import { systemClock } from '../base/clock.ts';
import { problemsToJson, renderProblem } from '../yaml/problem.ts';
import { loadConfig } from '../config/load-config.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import { readConfig } from '../config/read-config.ts';
import { type LoadOptions, loadGateway } from '../loading/load.ts';
import { FileSource } from '../loading/file-source.ts';

const pki = await openPki();
after(() => pki.remove());
// One for all loads: each of its own would start a thread for every CRL that it is to read.
const crls = new CrlPublisher({ clock: systemClock });
after(() => crls.close());
const secrets = Object.entries(mintInlineSecrets());

/** Reads in this process: a process for each of the hundreds of cases would be most of what they cost. */
async function load(body: string, env: Readonly<Record<string, string>>, read: LoadOptions['read'] = loadConfig) {
  const yaml = `version: 2\ngateway:\n${body}`;
  const file = pki.dir.write('gateway.yml', yaml);
  const { loaded, problems } = await loadGateway(new FileSource(file), {
    env,
    strict: false,
    clock: systemClock,
    crls,
    read,
  });
  const said = [problemsToJson(problems), ...problems.map((one) => renderProblem(one, yaml)), inspect(problems)];
  return { loaded, problems, said: said.join('\n') };
}

/** Put together from a variable and more: the other forms take the same way. */
const inParts: ReadonlySet<string> = new Set(['base64 of DER (SEC 1)', 'random bytes in base64']);

for (const [key, place] of Object.entries(materialKeys))
  describe(`a secret under ${key}`, () => {
    for (const [form, secret] of secrets)
      it(`is not shown: ${form}`, async () => {
        const { loaded, problems, said } = await load(place('"${SECRET}"'), { SECRET: secret.text });
        assertSilent(said, secret, 'from a variable');
        if (!(key === 'sessionResumption.keys' && loaded !== undefined))
          assert.ok(
            problems.some(({ severity }) => severity === 'error'),
            said,
          );
        const written = await load(place(JSON.stringify(secret.text)), {});
        assertSilent(written.said, secret, 'written in the file');
        if (!inParts.has(form)) return;
        const half = await load(place('"x${SECRET}"'), { SECRET: secret.text.slice(1) });
        assertSilent(half.said, secret, 'from a variable, in part');
        const byDefault = await load(place(`"\${NOT_SET:-${secret.text.replaceAll('\n', '\\n')}}"`), {});
        assertSilent(byDefault.said, secret, 'as the default of a variable');
      });
  });

/** As the process that reads configurations hands over what it has read, without the process. */
const handedOver: typeof loadConfig = async (...args) => deserialize(serialize(await loadConfig(...args)));

describe('a secret that went through the process that reads configurations', () => {
  const form = 'base64 of DER, cut';
  const secret = mintInlineSecrets()[form];
  for (const [key, place] of Object.entries(materialKeys))
    it(`is not shown under ${key}`, async () => {
      assert.ok(secret !== undefined);
      const read = key === 'certificates.key' ? readConfig : handedOver;
      const { problems, said } = await load(place('"${SECRET}"'), { SECRET: secret.text }, read);
      assertSilent(said, secret, 'from a variable');
      assert.ok(
        problems.some(({ severity }) => severity === 'error'),
        said,
      );
    });
});

describe('a secret that is made of words', () => {
  const words = { text: 'correcthorsebatterystaple', forms: ['correcthorsebatterystaple'] };
  for (const [key, place] of Object.entries(materialKeys))
    it(`is not shown either under ${key}: from a variable, or where a private key is due`, async () => {
      assertSilent((await load(place('"${SECRET}"'), { SECRET: words.text })).said, words, 'from a variable');
      if (!/[kK]eys?$/.test(key)) return;
      assertSilent((await load(place(words.text), {})).said, words, 'written in the file');
    });
});

describe('a key that fits', () => {
  for (const [form, text] of [
    ['base64 of its DER', (der: Buffer) => der.toString('base64')],
    ['base64 of its DER in lines', (der: Buffer) => (der.toString('base64').match(/.{1,76}/g) ?? []).join('\n')],
  ] as const)
    it(`is read from ${form}, as its certificate is`, async () => {
      const { key: der } = { key: Buffer.from(pki.downstream.keyPem.replace(/-----[^-]+-----|\s/g, ''), 'base64') };
      const env = { KEY: text(der), CERT: text(pki.downstream.der) };
      const { loaded, said } = await load(
        (materialKeys['certificates.key'] as (s: string) => string)('"${KEY}"').replace('edge.crt', '"${CERT}"'),
        env,
      );
      assert.equal(loaded?.policies[0]?.certificates[0]?.sha256.length, 64, said);
    });
});

it('a file that a variable names is told by the variable, one that is named here by its path', async () => {
  const place = materialKeys['certificates.key'] as (s: string) => string;
  const named = await load(place('"${DIR}/edge-${NAME:-x}.key"'), { DIR: '/nowhere' });
  assert.match(named.said, /\$\{DIR\}\/edge-\$\{NAME\}\.key does not exist/);
  const plain = await load(place('nowhere/server-2026.key'), {});
  assert.match(plain.said, /nowhere\/server-2026\.key does not exist/);
});
