// Header fields that Caddy's `headers` and `reverse_proxy` set, with its placeholders in our words.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';

const placeholders: Readonly<Record<string, string>> = {
  'http.request.host': '{request.host}',
  'http.request.hostport': '{request.host}',
  'http.request.method': '{request.method}',
  'http.request.scheme': '{request.scheme}',
  'http.request.uri': '{request.path}{request.query}',
  'http.request.uri.path': '{request.path}',
  'http.request.remote.host': '{client.address}',
  'http.vars.client_ip': '{client.address}',
  'http.request.uuid': '{request.id}',
  'http.request.tls.client.subject': '{identity.subject}',
  'http.request.tls.client.issuer': '{identity.issuer}',
  'http.request.tls.client.fingerprint': '{identity.fingerprint}',
};

/** undefined where a placeholder has no counterpart. */
export function templateOf(text: string): string | undefined {
  let isKnown = true;
  const written = text.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const found = placeholders[name];
    if (found === undefined) isKnown = false;
    return found ?? '';
  });
  return isKnown && /^[\t\x20-\x7e]*$/.test(written) ? written : undefined;
}

export type FieldEdits = {
  /** Rule of requestHeaders or responseHeaders; empty where it changes nothing. */
  readonly rule: DraftMap;
  /** `Host` set to that of the backend. */
  readonly hostOfBackend: boolean;
};

export function readFieldEdits(ops: SourceMap | undefined, side: 'request' | 'response'): FieldEdits {
  const rule: DraftMap = {};
  if (ops === undefined) return { rule, hostOfBackend: false };
  const { report } = ops.reading;
  const remove = ops.items('delete').flatMap(({ text }) => text ?? []);
  let hostOfBackend = false;
  const read = (key: 'set' | 'add'): DraftMap => {
    const fields = ops.map(key);
    const found: DraftMap = {};
    for (const name of fields?.names ?? []) {
      const value = fields?.get(name);
      const text = value?.items[0]?.text ?? '';
      const template = templateOf(text);
      const lower = name.toLowerCase();
      if (value === undefined) continue;
      if (side === 'request' && lower === 'host') {
        hostOfBackend = /reverse_proxy\.upstream\.(?:hostport|host)\}$/.test(text);
        if (hostOfBackend) report.taken(value, `Host ${text}`, 'security.forwardHostHeaders: false');
        else if (!/^\{http\.request\.host(?:port)?\}$/.test(text))
          report.loses(
            'host_rewrite',
            value,
            `Host ${text}`,
            'the backend gets the Host of the client, or that of its endpoint',
          );
      } else if (
        side === 'request' &&
        /^(?:x-forwarded-(?:for|proto|host)|x-real-ip|x-request-id|connection|upgrade|forwarded)$/.test(lower)
      ) {
        report.changed(value, `${name} ${text}`, 'the gateway says this itself');
      } else if (template === undefined) {
        if (side === 'request') {
          remove.push(name);
          report.loses('header_edit', value, `${name} ${text}`, 'no such value: the field is removed');
        } else report.changed(value, `${name} ${text}`, 'left out: a placeholder in it has no counterpart');
      } else {
        found[name] = template;
        report.taken(value, name, side === 'request' ? 'requestHeaders' : 'responseHeaders');
      }
    }
    return found;
  };
  const [set, append] = [read('set'), read('add')];
  const replace = ops.get('replace');
  for (const name of replace?.map?.names ?? []) for (const one of replace?.map?.maps(name) ?? []) one.readAll();
  if (replace !== undefined) {
    if (side === 'request') report.loses('header_edit', replace, 'replace', 'a part of a field is not replaced');
    else report.changed(replace, 'replace', 'a part of a field is not replaced');
  }
  if (remove.length > 0) rule.removeHeaders = remove;
  if (Object.keys(set).length > 0) rule.setHeaders = set;
  if (Object.keys(append).length > 0) rule.append = append;
  for (const name of ['deferred', 'require']) ops.get(name)?.map?.readAll();
  return { rule, hostOfBackend };
}
