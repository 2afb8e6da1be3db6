// `gateway.entryPoints`: where the gateway listens.
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, integer, map, oneOf, text } from './atoms.ts';
import { clientLoginKey, readClientLogin } from './client-login.ts';
import type { CertificatePair, EntryPoint, GatewayConfig, NamedEntryPoint } from './gateway-config.ts';
import { listEntryPoints } from './list-entry-points.ts';
import { block, key, type KeySays } from './key.ts';
import { isLoopback, parseListenAddress } from './listen-address.ts';
import { loginProviderKey, readLoginProvider } from './login-provider.ts';
import { passThroughBlock, readPassThrough } from './pass-through.ts';
import { proxyProtocolKey, readProxyProtocol } from './proxy-protocol.ts';
import type { NamedMaterial } from './named-material.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import { quote } from '../yaml/tree.ts';

const entryPoint = <T extends z.ZodRawShape>(
  address: string,
  what: string,
  page: string,
  more: T,
  says: KeySays = {},
) =>
  block(
    {
      address: key(text, { says: ':port for every address, or IP:port.', default: address, restricts: true, page }),
      enabled: key(flag, { says: 'Default {default}.', default: true, restricts: true, page: 'own.' }),
      ...more,
    },
    { says: `${what} Default ${address}.`, restricts: true, ...says },
  );

export const entryPointsKeys = {
  web: entryPoint(
    ':8080',
    'Plain HTTP.',
    'Goma. Plain HTTP. Routes whose policy requires a client certificate answer 308 or 403 here.',
    {
      proxyProtocol: proxyProtocolKey,
      redirectPort: key(integer(1, 65_535), {
        says: 'Port of https as clients reach it, for redirects. Default: found from the request.',
        unset: 'found from the request',
        page: "own. Port that a 308 to https names, as clients reach it (443 is left out). Unset: where clients call this entry point's port by its number (`Host` or the lack of a port says), that of `webSecure`; where they call port 80 and something maps it, 443.",
      }),
    },
  ),
  webSecure: entryPoint(
    ':8443',
    'HTTPS.',
    'Goma. HTTPS. Without any certificate: a self-signed one for this run, with a warning.',
    { proxyProtocol: proxyProtocolKey },
    { oursAlone: true },
  ),
  admin: entryPoint(
    '127.0.0.1:9901',
    'Health and metrics.',
    'own. Health and metrics. Any other than a loopback address is a warning.',
    {
      certificateId: key(text, {
        says: 'Id of gateway.certificates: the admin entry point speaks TLS with it. Default: plain HTTP.',
        unset: 'plain HTTP',
        restricts: true,
        page: 'own. Id of `gateway.certificates`: TLS with that certificate, for health and metrics too.',
      }),
      clientLogin: clientLoginKey,
      oidc: loginProviderKey,
    },
  ),
  more: key(
    z.record(
      z.string(),
      map({
        address: key(text, {
          says: ':port for every address, or IP:port; required.',
          restricts: true,
          unset: 'required',
          page: 'own. `:port` or `IP:port`.',
        }),
        protocol: key(oneOf(['https', 'http']), {
          says: 'https: TLS with the policies of the gateway; http: plain. Default {default}.',
          default: 'https',
          restricts: true,
          page: 'own. `https`: TLS, under the same policies as on `webSecure`. `http`: plain, with the same limits as on `web`.',
        }),
        enabled: key(flag, { says: 'Default {default}.', default: true, restricts: true, page: 'own.' }),
        proxyProtocol: proxyProtocolKey,
      }),
      { error: () => 'expected a map of names and entry points' },
    ),
    {
      says: 'Further entry points by name, for traffic.',
      restricts: true,
      unset: 'none',
      page: 'own. `{name: {address, protocol: https|http, enabled, proxyProtocol}}`. See [Entry points](#entry-points).',
      example: 'For example more: {internal: {address: "10.0.0.1:9443"}}.',
    },
  ),
  passThrough: passThroughBlock,
};
const entryPoints = map(entryPointsKeys);
type EntryPointsShape = z.output<typeof entryPoints>;
type EntryPoints = GatewayConfig['entryPoints'];

/** `around`: `gateway`. */
export function readEntryPoints(
  shape: EntryPointsShape,
  around: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): EntryPoints {
  const at = around.down('entryPoints');
  const certificate = readAdminCertificate(shape.admin.certificateId, at.down('admin'), named, problems);
  const result = {
    web: {
      ...readEntryPoint(shape.web, at.down('web'), entryPointsKeys.web, problems),
      proxyProtocol: readProxyProtocol(shape.web.proxyProtocol, at.down('web'), problems),
      redirectPort: shape.web.redirectPort,
    },
    webSecure: {
      ...readEntryPoint(shape.webSecure, at.down('webSecure'), entryPointsKeys.webSecure, problems),
      proxyProtocol: readProxyProtocol(shape.webSecure.proxyProtocol, at.down('webSecure'), problems),
    },
    admin: {
      ...readEntryPoint(shape.admin, at.down('admin'), entryPointsKeys.admin, problems),
      certificate,
      clientLogin: readClientLogin(
        shape.admin.clientLogin,
        at.down('admin'),
        certificate !== undefined,
        named,
        problems,
      ),
      oidc: readLoginProvider(shape.admin.oidc, at.down('admin'), named, problems),
    },
    passThrough: readPassThrough(shape.passThrough, at, problems),
    more: readMore(shape.more ?? {}, at.down('more'), problems),
  };
  checkClashes(result, problems);
  if (listEntryPoints(result).length === 0 && result.passThrough.listeners.length === 0)
    problems.error(
      'nothing_to_listen_on',
      at.place,
      'every entry point for traffic is switched off: the gateway would serve nothing',
    );
  if (result.admin.enabled && !isLoopback(result.admin.host))
    problems.warn(
      'admin_exposed',
      result.admin.place,
      'the admin entry point is reachable from other machines, without authentication',
      'Write 127.0.0.1:PORT unless the network keeps strangers out.',
    );
  return result;
}

/** What is written without a value would leave the entry point without TLS. */
function readAdminCertificate(
  id: string | undefined,
  at: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): CertificatePair | undefined {
  if (id === undefined) reportEmpty(at, 'certificateId', problems);
  return id === undefined ? undefined : named.findCertificate(id, at.down('certificateId'), problems);
}

const maxMore = 32;
const taken: ReadonlySet<string> = new Set(['web', 'webSecure', 'admin', 'passThrough', 'more', 'none']);

function readMore(shapes: NonNullable<EntryPointsShape['more']>, at: Cursor, problems: ProblemList): NamedEntryPoint[] {
  const names = Object.keys(shapes);
  if (names.length > maxMore) problems.error('too_many', at.place, `more than ${maxMore} further entry points`);
  const points = Object.entries(shapes).map(
    ([name, { address, protocol, enabled, proxyProtocol }]): NamedEntryPoint => {
      const here = at.down(name);
      if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name) || taken.has(name))
        problems.error(
          'bad_name',
          at.keyPlace(name),
          `${quote(name)} cannot be the name of an entry point`,
          `Letters, digits, - and _, beginning with a letter; none of ${[...taken].join(', ')}.`,
        );
      const parsed = parseListenAddress(address ?? '');
      if (address === undefined && !here.isBroken('address'))
        problems.error('missing_key', at.keyPlace(name), 'the entry point has no `address`', 'Write address: ":9443".');
      else if (parsed === undefined) reportBadAddress(here.down('address'), address ?? '', problems);
      return {
        name,
        tls: protocol === 'https',
        enabled,
        ...(parsed ?? { host: '127.0.0.1', port: 0 }),
        proxyProtocol: readProxyProtocol(proxyProtocol, here, problems),
        place: here.down('address').place,
      };
    },
  );
  return points.filter(({ enabled }) => enabled);
}

function reportBadAddress(at: Cursor, address: string, problems: ProblemList): void {
  reportMistake(problems, 'bad_address', at, address, {
    problem: 'is not an address to listen on',
    hint: 'Write :PORT for every address of the machine, or IP:PORT; host names are not resolved here.',
  });
}

/** An address that is empty counts as not written, as in Goma. */
function readEntryPoint(
  shape: Pick<EntryPointsShape['admin'], 'address' | 'enabled'>,
  at: Cursor,
  declaration: (typeof entryPointsKeys)['web' | 'webSecure' | 'admin'],
  problems: ProblemList,
): EntryPoint {
  const here = at.down('address');
  const byDefault = parseListenAddress(declaration.parse({}).address) ?? { host: '127.0.0.1', port: 0 };
  const address = shape.address === '' ? byDefault : parseListenAddress(shape.address);
  if (address === undefined) reportBadAddress(here, shape.address, problems);
  return { enabled: shape.enabled, ...(address ?? byDefault), proxyProtocol: undefined, place: here.place };
}

function checkClashes(points: EntryPoints, problems: ProblemList): void {
  const seen: [string, EntryPoint][] = [];
  const { more, passThrough, ...fixed } = points;
  const all: [string, EntryPoint][] = [
    ...Object.entries(fixed),
    ...more.map((one): [string, EntryPoint] => [one.name, one]),
    ...passThrough.listeners.map((one): [string, EntryPoint] => ['passThrough', one]),
  ];
  for (const [name, point] of all) {
    if (!point.enabled) continue;
    const clash = seen.find(
      ([, other]) => other.port === point.port && point.port !== 0 && overlaps(other.host, point.host),
    );
    if (clash === undefined) seen.push([name, point]);
    else
      problems.error(
        'address_taken',
        point.place,
        `${name} listens on the same address as ${clash[0]}`,
        'Give each entry point its own port.',
      );
  }
}

function overlaps(a: string, b: string): boolean {
  const every = ['', '::', '0.0.0.0'];
  return a === b || every.includes(a) || every.includes(b);
}
