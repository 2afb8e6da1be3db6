// A value that a filter writes, made for one request (config/field-template.ts): text, what the request says, and what was
// verified of its client. A value that names what the client does not have is no value at all.
import { Fault } from '../base/fault.ts';
import { factTexts } from '../certs/fact-text.ts';
import type { FieldTemplate, TemplateVariable } from '../config/field-template.ts';
import type { Identity } from '../trust/verdict.ts';
import type { FilterRequest } from './filter.ts';

/** Longest value; half of what most servers take for a whole head. */
const maxValueLength = 8_192;

type Source = (request: FilterRequest) => string;

export class Template {
  readonly #fixed: string | undefined;
  readonly #parts: readonly (string | Source)[];

  constructor(template: FieldTemplate) {
    const [only, ...more] = template;
    this.#fixed = typeof only === 'string' && more.length === 0 ? only : undefined;
    this.#parts = template.map((part) => (typeof part === 'string' ? part : sourceOf(part.variable)));
  }

  /** What the request has not is left out. */
  renderAll(request: FilterRequest): string {
    return this.#fixed ?? this.#parts.map((part) => (typeof part === 'string' ? part : part(request))).join('');
  }

  /** Undefined where the client has not what it names. Faults: identity_too_large. */
  render(request: FilterRequest): string | undefined {
    if (this.#fixed !== undefined) return this.#fixed;
    let text = '';
    for (const part of this.#parts) {
      const piece = typeof part === 'string' ? part : part(request);
      if (piece === '' && typeof part !== 'string') return undefined;
      text += piece;
    }
    if (text.length > maxValueLength)
      throw new Fault('identity_too_large', 'client', { detail: `a field of ${text.length} characters` });
    return text;
  }
}

function sourceOf(variable: TemplateVariable): Source {
  return sources[variable]();
}

function fact(name: keyof typeof factTexts): () => Source {
  // Read once for each connection: some facts take a look into the certificate.
  return () => {
    const known = new WeakMap<Identity, string>();
    return ({ identity }) => {
      if (identity === undefined) return '';
      let text = known.get(identity);
      if (text === undefined) {
        text = factTexts[name](identity.leaf);
        known.set(identity, text);
      }
      return text;
    };
  };
}

const sources: Readonly<Record<TemplateVariable, () => Source>> = {
  'identity.spiffe': fact('spiffe'),
  'identity.subject': fact('subject'),
  'identity.issuer': fact('issuer'),
  'identity.serial': fact('serial'),
  'identity.fingerprint': fact('fingerprint'),
  'identity.sans': fact('sans'),
  'identity.dns': fact('dns'),
  'identity.uri': fact('uri'),
  'identity.email': fact('email'),
  'client.address': () => (request) => request.address,
  'request.id': () => (request) => request.requestId,
  'request.method': () => (request) => request.method,
  'request.scheme': () => (request) => request.scheme,
  'request.host': () => (request) => request.host,
  'request.path': () => (request) => request.path,
  'request.query': () => (request) => request.query,
  // Any text may name a route.
  'route.name': () => (request) => encodeURI(request.route),
};
