// A DataSource: a file, text, bytes or a variable, as `S` of our configuration has them.
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { Context } from './context.ts';

/** As `S`. `became`: what the report says that it became. Undefined where nothing could be read: then that is refused. */
export function readDataSource(context: Context, value: SourceValue | undefined, became: string): string | undefined {
  if (value === undefined) return undefined;
  const { map } = value;
  const { report } = context;
  if (map === undefined) {
    report.refuse('bad_value', value, value.shown, 'has to name a file, or hold a text');
    return undefined;
  }
  skipWatch(map);
  const found = ['filename', 'inline_string', 'inline_bytes', 'environment_variable'].filter((name) => map.has(name));
  const [name] = found;
  const text = name === undefined ? undefined : map.text(name);
  if (name === undefined || text === undefined || text === '' || found.length > 1) {
    report.refuse('bad_value', value, value.shown, 'has to have one of filename, inline_string, inline_bytes');
    return undefined;
  }
  const inner = map.get(name) ?? value;
  if (/^(?:\[redacted\]|W3JlZGFjdGVkXQ==)$/.test(text)) {
    report.refuse('redacted', inner, name, 'a dump keeps keys to itself: put a file name in its place');
    return undefined;
  }
  report.taken(inner, name === 'filename' ? inner.shown : name, became);
  if (name === 'environment_variable') return `\${${text}}`;
  return text;
}

/** Files are watched always. */
function skipWatch(map: SourceMap): void {
  const watched = map.get('watched_directory');
  if (watched === undefined) return;
  watched.map?.readAll();
  map.reading.report.left(watched, 'watched_directory', 'every file is watched');
}
