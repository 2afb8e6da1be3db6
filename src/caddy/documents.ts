// Caddy's configuration as JSON: the file itself, or what `caddy adapt` makes of a Caddyfile, which is the one who knows that language.
import { execFile } from 'node:child_process';
import { basename, dirname, resolve } from 'node:path';
import type { SourceText } from '../import/import-config.ts';
import { Reading, type SourceMap } from '../import/source-map.ts';
import type { ImportReport } from '../import/report.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { parseForeignTrees } from '../yaml/tree.ts';

const limitMs = 20_000;
const maxBytes = 16 << 20;

/** undefined where it cannot be read, which is reported. */
export async function readCaddy({ file, text }: SourceText, report: ImportReport): Promise<SourceMap | undefined> {
  const place = { file, line: 1, col: 1 };
  const isJson = file.endsWith('.json') || /^\s*\{\s*"/.test(text);
  const adapted = isJson ? { json: text } : await adapt(file);
  if (adapted.json === undefined) {
    const failure = adapted.failure ?? '';
    // Caddy says where: `Caddyfile:9 - Error during parsing: …`.
    const line = Number(/:(\d+) - /.exec(failure)?.[1] ?? 1);
    report.refuse('caddy_adapt', { place: { ...place, line } }, file, failure);
    return undefined;
  }
  let json = adapted.json;
  try {
    // One value a line, so that places say something; what is no JSON is told by the reader below.
    json =
      isJson && json.includes('\n') && !json.includes('\t') ? json : JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    if (!isJson) json = adapted.json;
  }
  const problems = new ProblemList();
  const name = isJson ? file : `${file}, adapted`;
  const [tree] = parseForeignTrees(name, json, problems);
  for (const { code, place: at, message } of problems.sorted([name])) report.refuse(code, { place: at }, name, message);
  if (tree?.kind === 'map') return new Reading(report).mapOf(tree, '');
  if (tree !== undefined) report.refuse('bad_value', tree, name, 'is no object');
  return undefined;
}

type Adapted = { readonly json?: string; readonly failure?: string };

/** No shell, a limit in time and size; `caddy adapt` reads, and starts nothing. */
function adapt(file: string): Promise<Adapted> {
  const path = resolve(file);
  const args = ['adapt', '--config', basename(path), '--adapter', 'caddyfile'];
  return new Promise((done) => {
    execFile('caddy', args, { cwd: dirname(path), timeout: limitMs, maxBuffer: maxBytes }, (error, stdout, stderr) => {
      if (error === null) done({ json: stdout });
      else if (error.code === 'ENOENT')
        done({
          failure:
            'a Caddyfile is read by Caddy itself, and there is no caddy on PATH: run `caddy adapt --config Caddyfile > caddy.json` and import that',
        });
      else done({ failure: `caddy adapt: ${lastLine(stderr)}` });
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
