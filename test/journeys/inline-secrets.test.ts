// Wherever a gateway speaks, a key that was given in place of a file is not told: `check`, its JSON, a start that fails, a
// reload that is refused, in both forms of the log, and the commands that take files (incident 29).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../support/gateway.ts';
import { assertSilent, materialKeys, mintInlineSecrets } from '../support/inline-secrets.ts';
import { reloadBy } from '../support/mtls-world.ts';
import { runToEnd } from '../support/owned-process.ts';
import { openPki } from '../support/pki.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const secrets = mintInlineSecrets();
const forms = ['base64 of DER, cut', 'base64 of base64 of PEM', 'random bytes in base64'];
const keys = ['certificates.key', 'clientAuth.clientCA', 'sessionResumption.keys', 'route.security.tls.clientKey'];
const yaml = (body: string, log = 'json'): string => `version: 2\ngateway:\n  log: {format: ${log}}\n${body}`;

async function say(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr, code } = await runToEnd(process.execPath, [main, ...args], { env });
  return { text: `${stdout}\n${stderr}`, code };
}

describe('a key in place of a file', () => {
  for (const form of forms)
    it(`is told by nobody: ${form}`, async () => {
      using pki = await openPki();
      const secret = secrets[form] as (typeof secrets)[string];
      const env = { SECRET: secret.text };
      const bodies = keys.map((key) => materialKeys[key]?.('"${SECRET}"') ?? '');
      const [json, plain] = ['json', 'text'].map((log) => pki.dir.write(`${log}.yml`, yaml(bodies[0] ?? '', log)));
      for (const args of [
        ['check', '--config', json ?? ''],
        ['check', '--json', '--config', json ?? ''],
        ['run', '--config', json ?? ''],
        ['run', '--config', plain ?? ''],
      ]) {
        const { text, code } = await say(args, env);
        assertSilent(text, secret, args.join(' '));
        assert.equal(code, 1, text);
      }
      const good = yaml(materialKeys['certificates.key']?.('edge.key') ?? '');
      await using gateway = await startGateway({ yaml: good, dir: pki.dir, env });
      for (const body of bodies) {
        const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(yaml(body)));
        assert.equal(ok, false);
        assertSilent(JSON.stringify(lines), secret, 'reload');
      }
      for (const args of [
        ['pki', 'show', secret.text],
        ['explain', 'handshake', `localhost:${gateway.ports.webSecure}`, '--ca', secret.text],
        ['explain', 'handshake', `localhost:${gateway.ports.webSecure}`, '--cert', secret.text, '--key', secret.text],
        ['explain', 'route', 'GET', 'https://localhost/', '--config', gateway.configFile, '--cert', secret.text],
      ]) {
        const { text, code } = await say(args, env);
        assertSilent(text, secret, args.slice(0, 2).join(' '));
        assert.notEqual(code, 0, text);
      }
    });
});
