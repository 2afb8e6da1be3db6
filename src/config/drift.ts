// `gateway.drift`: which configuration is approved, what becomes of one that is not, and how often the gateway looks at itself.
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { durationBetween, flag, list, map, oneOf, text } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { block, key } from './key.ts';
import { readRef, reportMistake } from './reading.ts';

export const driftKeys = {
  onChange: key(oneOf(['alert', 'refuse']), {
    says: 'What becomes of files that nobody approved: alert (taken, with an alarm) or refuse (not taken). Default: files are not compared.',
    unset: 'files are not compared',
    restricts: true,
    page: 'own. What becomes of files that nobody approved. `alert`: they are taken, with an alarm; `refuse`: they are not taken, neither at a reload nor at a start. [Which are approved](drift.md#unauthorised).',
  }),
  approval: block(
    {
      publicKey: key(text, {
        says: 'Public key (path or PEM; Ed25519 or ECDSA) by which the list of approved files is signed. Default: the list is in the store, else a file of root.',
        unset: 'the list is in the store, else a file of root',
        restricts: true,
        page: 'own. `S`: the public key (Ed25519 or ECDSA) by which the list of approved files is signed, beside it as `.sig`.',
      }),
      list: key(text, {
        says: 'File with the list of approved files. Default: the main file with .approved behind its name.',
        unset: 'the main file, with `.approved` behind its name',
        restricts: true,
        page: 'own. File with the list of approved files, relative to the file that names it; not used where the store has it.',
      }),
    },
    { restricts: true, example: 'For example approval: {publicKey: approve.pub}.' },
  ),
  except: key(list(text), {
    says: 'Files, and folders with all below, that others renew by themselves: they are not compared.',
    default: [],
    page: 'own. Files, and folders with all below them, that somebody else renews by himself (certbot, an agent): they are not compared.',
  }),
  every: key(durationBetween('1s', '1m'), {
    says: 'How often approvals, and the rows of the store, are looked at, {min} to {max}. Default {default}.',
    default: '20s',
    page: 'own. How often approvals, and the rows of the store, are looked at, `{min}` to `{max}`. Files are looked at when they change.',
  }),
  selfTest: block(
    {
      enabled: key(flag, {
        says: 'The gateway connects to its own listeners and compares what is let in with what is declared. Default {default}.',
        default: true,
        page: 'own. The gateway connects to its own listeners, and compares what is let in, and which certificate is served, with what is declared. [What it does](drift.md#behaviour).',
      }),
      every: key(durationBetween('1s', '24h'), {
        says: 'Pause between two rounds, {min} to {max}. Default {default}.',
        default: '1m',
        page: 'own. Pause between two rounds, `{min}` to `{max}`; one more follows each new configuration.',
      }),
    },
    { example: 'For example selfTest: {every: 5m}.' },
  ),
};

const drift = map(driftKeys);

/** `around`: `gateway`. */
export function readDrift(
  shape: z.output<typeof drift>,
  around: Cursor,
  mainFile: string,
  problems: ProblemList,
): GatewayConfig['drift'] {
  const at = around.down('drift');
  const approval = at.down('approval');
  const { onChange, selfTest } = shape;
  const publicKey = readRef(shape.approval.publicKey, approval, 'publicKey', problems);
  if (onChange === undefined && (publicKey !== undefined || shape.approval.list !== undefined))
    problems.error(
      'missing_key',
      at.keyPlace('approval'),
      'there is an approval, and nothing says what becomes of files that are not approved',
      'Write onChange: refuse, or onChange: alert.',
    );
  const pathOf = (written: string, place: Cursor): string => {
    if (written === '' || written.length > 4096 || /[\u0000-\u001f\u007f]/.test(written))
      reportMistake(problems, 'bad_path', place, written, { problem: 'is not the path of a file', hint: '' });
    return resolve(dirname(place.place.file), written.replaceAll('\0', ''));
  };
  return {
    onChange,
    publicKey,
    list:
      shape.approval.list === undefined ? `${mainFile}.approved` : pathOf(shape.approval.list, approval.down('list')),
    except: shape.except.map((one, index) => pathOf(one, at.down('except', index))),
    everyMs: shape.every,
    selfTest: { enabled: selfTest.enabled, everyMs: selfTest.every },
  };
}
