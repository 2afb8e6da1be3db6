// Wherever a gateway speaks, a key that was given in place of a file is not told: `check`, its JSON, a start that fails, a
// reload that is refused, in both forms of the log, and the commands that take files (incident 29).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkCommand } from '../../src/cli/check.ts';
import { explainRouteCommand } from '../../src/cli/explain-route.ts';
import { runHere } from '../support/cli.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { assertSilent, materialKeys, mintInlineSecrets } from '../support/inline-secrets.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { runToEnd } from '../support/owned-process.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { program } from '../support/program.ts';

const secrets = mintInlineSecrets();
const forms = ['base64 of DER, cut', 'base64 of base64 of PEM', 'random bytes in base64'];
const keys = ['certificates.key', 'clientAuth.clientCA', 'sessionResumption.keys', 'route.security.tls.clientKey'];
const yaml = (body: string, log = 'json'): string => `version: 2\ngateway:\n  log: {format: ${log}}\n${body}`;

async function say(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr, code } = await runToEnd(process.execPath, [program, ...args], { env });
  return { text: `${stdout}\n${stderr}`, code };
}

/** The same without a process of its own. */
async function sayHere(
  command: typeof checkCommand,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const { stdout, stderr, code } = await runHere(command, args, env);
  return { text: `${stdout}\n${stderr}`, code };
}

describe('a key in place of a file', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let gateway: Gateway;

  before(async () => {
    pki = stack.use(await openPki());
    const good = yaml(materialKeys['certificates.key']?.('edge.key') ?? '');
    const env = Object.fromEntries(forms.map((form, at) => [`SECRET_${at}`, secrets[form]?.text ?? '']));
    gateway = stack.use(await startGateway({ yaml: good, dir: pki.dir, env }));
  });

  for (const [at, form] of forms.entries())
    it(`is told by nobody: ${form}`, async () => {
      const secret = secrets[form] as (typeof secrets)[string];
      const env = { [`SECRET_${at}`]: secret.text };
      // The first form as a user types it.
      const checkForm = (...args: string[]) =>
        at === 0 ? say(['check', ...args], env) : sayHere(checkCommand, args, env);
      const bodies = keys.map((key) => materialKeys[key]?.(`"\${SECRET_${at}}"`) ?? '');
      const [json, plain] = ['json', 'text'].map((log) => pki.dir.write(`${log}.yml`, yaml(bodies[0] ?? '', log)));
      for (const { text, code } of [
        await checkForm('--config', json ?? ''),
        await sayHere(checkCommand, ['--json', '--config', json ?? ''], env),
        await say(['run', '--config', json ?? ''], env),
        await say(['run', '--config', plain ?? ''], env),
      ]) {
        assertSilent(text, secret, 'check and run');
        assert.equal(code, 1, text);
      }
      for (const body of bodies) {
        const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(yaml(body)));
        assert.equal(ok, false);
        assertSilent(JSON.stringify(lines), secret, 'reload');
      }
      for (const args of [
        ['pki', 'show', secret.text],
        ['explain', 'handshake', `localhost:${gateway.ports.webSecure}`, '--ca', secret.text],
        ['explain', 'handshake', `localhost:${gateway.ports.webSecure}`, '--cert', secret.text, '--key', secret.text],
      ]) {
        const { text, code } = await say(args, env);
        assertSilent(text, secret, args.slice(0, 2).join(' '));
        assert.notEqual(code, 0, text);
      }
      const route = ['GET', 'https://localhost/', '--config', gateway.configFile, '--cert', secret.text];
      const said = await (at === 0
        ? say(['explain', 'route', ...route], env)
        : sayHere(explainRouteCommand, route, env));
      assertSilent(said.text, secret, 'explain route');
      assert.notEqual(said.code, 0, said.text);
    });
});
