// `exec`: a command that prints a certificate with its key, or CAs. Only the file can say it: whoever may edit an object of a store is
// not to run anything on the host.
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, durationBetween, oneOrMore, text } from './atoms.ts';
import { key } from './key.ts';
import { reportEmpty } from './reading.ts';
import type { ExecSettings } from './source-config.ts';

export const execExample = 'For example exec: {command: [/usr/local/bin/issue, edge], refresh: 1h}.';
const maxArguments = 64;

export const execShape = closedMap({
  command: key(oneOrMore(text), {
    says: 'Program, as an absolute path, and its arguments; no shell reads them. Required.',
    unset: 'required',
    page: 'Program, as an absolute path, and its arguments, as a list; no shell reads them. It prints PEM, or one JSON object: `{"certificate": PEM, "key": PEM}`, for CAs `{"ca": PEM}`, with `"renewAt"` (RFC 3339) if it likes.',
  }),
  env: key(z.record(z.string(), text, { error: () => 'expected a map of names and values' }), {
    says: 'The environment of the command; nothing else is in it.',
    unset: 'empty',
    page: '`{NAME: value}`: the whole environment of the command. Nothing of the gateway’s own is handed on; `PATH: ${PATH}` would.',
  }),
  refresh: key(durationBetween('1s', '168h'), {
    says: 'Longest time between two runs. Default: two thirds of the lifetime of the certificate; for CAs 1h.',
    unset: 'two thirds of the lifetime; CAs: 1h',
  }),
  timeout: key(durationBetween('100ms', '5m'), { says: 'Time for a run. Default {default}.', default: '30s' }),
});

export function readExec(
  shape: z.output<typeof execShape> | undefined,
  at: Cursor,
  problems: ProblemList,
): ExecSettings | undefined {
  if (shape === undefined) return undefined;
  if (at.place.stored !== undefined) {
    problems.error(
      'exec_in_store',
      at.place,
      'an object of the store runs no command on the host of the gateway',
      'Write the certificate with its exec into the configuration file; objects can refer to its id.',
    );
    return undefined;
  }
  for (const name of ['env', 'refresh']) reportEmpty(at, name, problems);
  const { command = [], env = {}, refresh, timeout } = shape;
  const [program] = command;
  if (program === undefined || program === '') {
    if (!at.isBroken('command')) problems.error('missing_key', at.place, 'exec has no `command`', execExample);
    return undefined;
  }
  const isBad = !isAbsolute(program) || command.some((one) => one.includes('\0')) || command.length > maxArguments;
  if (isBad) {
    problems.error(
      'bad_command',
      at.down('command').place,
      isAbsolute(program)
        ? `command has more than ${maxArguments} arguments, or one with a zero byte`
        : 'the program of command is not an absolute path',
      'Which program runs should not depend on PATH or a folder; arguments are items of the list.',
    );
    return undefined;
  }
  const names = Object.keys(env).filter((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  for (const name of names)
    problems.error(
      'bad_name',
      at.down('env').keyPlace(name),
      'this cannot be the name of a variable',
      'Letters, digits, _.',
    );
  return { kind: 'exec', command, env, timeoutMs: timeout, refreshMs: refresh };
}
