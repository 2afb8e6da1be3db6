// The static table of HPACK (RFC 7541 appendix A).

/** Entry 1 stands at 0. */
export const staticTable: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** The index of the first entry of the dynamic table. */
export const firstDynamicIndex = staticTable.length + 1;

/** What an entry costs beside its octets (section 4.1), and a field of a header list (RFC 9113 section 6.5.2). */
export const entryOverhead = 32;

export type StaticName = {
  /** Of its first entry; 0 where there is none. */
  readonly index: number;
  /** Of its entries, which stand one behind the other. */
  readonly values: readonly string[];
};

export const noStaticName: StaticName = { index: 0, values: [] };

/** The entries by name. */
export const staticNames: ReadonlyMap<string, StaticName> = new Map(
  staticTable.map(([name]) => [
    name,
    {
      index: staticTable.findIndex(([other]) => other === name) + 1,
      values: staticTable.filter(([other]) => other === name).map(([, value]) => value),
    },
  ]),
);
