// How backends read X-Forwarded-Client-Cert: the ways that readers in Envoy, Go, Java, Rust and Python go, which differ in what a
// backslash means. Each is written from its behaviour, as small as it can be; none is a copy.

/** The values of each key of one element, in order. */
export type Read = ReadonlyMap<string, readonly string[]>;

type Split = (text: string, at: string) => string[];

/** Splits where no quotation is open; `escapes`: a backslash takes the next character with it. */
function splitter(escapes: 'always' | 'never' | 'quoted'): Split {
  return (text, separator) => {
    const parts = [''];
    let quoted = false;
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (char === separator && !quoted) {
        parts.push('');
        continue;
      }
      parts.push(`${parts.pop()}${char}`);
      if (char === '"') quoted = !quoted;
      else if (char === '\\' && (escapes === 'always' || (escapes === 'quoted' && quoted)))
        parts.push(`${parts.pop()}${text.charAt(++at)}`);
    }
    if (quoted) throw new Error(`open quotation: ${text}`);
    return parts;
  };
}

function reader(split: Split, unquote: (inside: string) => string) {
  return (header: string): Read[] =>
    split(header, ',').map((element) => {
      const found = new Map<string, string[]>();
      for (const pair of split(element, ';')) {
        const at = pair.indexOf('=');
        if (at < 0) throw new Error(`no pair: ${pair}`);
        const written = pair.slice(at + 1);
        const isQuoted = written.length > 1 && written.startsWith('"') && written.endsWith('"');
        const key = pair.slice(0, at).toLowerCase();
        found.set(key, [...(found.get(key) ?? []), isQuoted ? unquote(written.slice(1, -1)) : written]);
      }
      return found;
    });
}

/** Readers whose subject is RFC 4514 text. */
export const exactReaders = {
  /** Envoy's XFCC_VALUE: `\\"` and `\\\\` are undone. */
  envoy: reader(splitter('quoted'), (text) => text.replace(/\\(["\\])/g, '$1')),
  /** Go: a state machine that knows `\\"` alone. */
  go: reader(goSplit, (text) => text.replaceAll('\\"', '"')),
  /** Java: splits with escapes outside quotations too, then replaces. */
  java: reader(splitter('always'), (text) => text.replaceAll('\\"', '"')),
  /** Those who cut the quotes off and look no further. */
  plain: reader(splitter('never'), (text) => text),
};

/** A backslash before anything but a quote is a character like any other, another backslash too. */
function goSplit(text: string, separator: string): string[] {
  const hidden = text.replaceAll('\\"', '\u0000');
  return splitter('never')(hidden, separator).map((part) => part.replaceAll('\u0000', '\\"'));
}

/** Rust, Go and Python readers that drop every backslash inside a quotation: the escapes of the name go with it. */
export const droppingReader = reader(splitter('quoted'), (text) => text.replace(/\\(.)/g, '$1'));

/** The attributes that somebody finds who splits a subject at every `,` and `+`; what has no `=` is none. */
export function naiveAttributes(subject: string): string[] {
  return subject.split(/[,+]/).filter((part) => part.includes('='));
}
