// One golden case: a sentence, options, YAML files, and what must come out. The form:
//   A sentence about behaviour.
//   env: NAME=value        (any number)
//   lenient                (optional)
//   === goma.yml           the main file; further `=== extra/x.yml` are extra files
//   === problems           rendered problems, or `none`
//   === config tls.policies.0   JSON of one part of the normalised configuration, without places (any number)
import { parseConfig } from '../../src/config/parse-config.ts';
import { renderProblem } from '../../src/yaml/problem.ts';

/** Where the files of a case are said to lie. */
const folder = '/gw/';

export type GoldenCase = {
  readonly sentence: string;
  readonly env: Readonly<Record<string, string>>;
  readonly strict: boolean;
  readonly files: readonly { readonly file: string; readonly text: string }[];
  /** Paths into the configuration whose JSON is expected. */
  readonly excerpts: readonly string[];
  /** Everything before the expectations, as it stands in the file. */
  readonly input: string;
};

export function parseGoldenCase(text: string): GoldenCase {
  const sections = text.split(/^=== /m);
  const [sentence = '', ...options] = (sections[0] ?? '').trim().split('\n');
  const files: { file: string; text: string }[] = [];
  const excerpts: string[] = [];
  for (const section of sections.slice(1)) {
    const end = section.indexOf('\n');
    const name = section.slice(0, end).trim();
    if (name.startsWith('config ')) excerpts.push(name.slice('config '.length));
    else if (name !== 'problems') files.push({ file: folder + name, text: section.slice(end + 1) });
  }
  const env = options.filter((line) => line.startsWith('env: ')).map((line) => line.slice('env: '.length));
  return {
    sentence,
    env: Object.fromEntries(env.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
    strict: !options.includes('lenient'),
    files,
    excerpts,
    input: text.slice(0, text.search(/^=== problems$/m)),
  };
}

/** The whole text of the case with what really comes out. */
export function renderGoldenCase(golden: GoldenCase): string {
  const [main, ...extra] = golden.files;
  if (main === undefined) throw new Error(`no input: ${golden.sentence}`);
  const { config, problems } = parseConfig({ ...main, extra, env: golden.env, strict: golden.strict });
  const sources = new Map(golden.files.map((file) => [file.file, file.text]));
  const rendered = problems.map((problem) => renderProblem(problem, sources.get(problem.place.file)));
  let text = `${golden.input}=== problems\n${rendered.length === 0 ? 'none' : rendered.join('\n').replaceAll(folder, '')}\n`;
  for (const path of golden.excerpts) {
    const value = path
      .split('.')
      .reduce<unknown>((part, key) => (part === undefined ? undefined : Reflect.get(Object(part), key)), config);
    const json = JSON.stringify(value, (key, part: unknown) => (key === 'place' ? undefined : part), 1) ?? 'undefined';
    text += `=== config ${path}\n${compact(json)}\n`;
  }
  return text;
}

/** One line where it fits, else one line per top-level entry: readable differences. */
function compact(json: string): string {
  const flat = json.replace(/\n\s*/g, ' ');
  return flat.length <= 110 ? flat : json;
}
