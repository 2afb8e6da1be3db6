// What a piece of DER is, by its outermost structure alone: enough to give it the PEM label under which it is read and verified
// like any other. Whether it is a good key or certificate is not said here.

/** The bytes as PEM text; undefined where they are not, from the first to the last, one certificate, CRL or private key. */
export function wrapDer(der: Buffer): string | undefined {
  const outer = readElement(der, 0);
  if (outer?.tag !== 0x30 || outer.end !== der.length) return undefined;
  const parts: number[] = [];
  const starts: number[] = [];
  for (let at = outer.content; at < outer.end && parts.length < maxParts; ) {
    const part = readElement(der, at);
    if (part === undefined || part.end > outer.end) return undefined;
    parts.push(part.tag);
    starts.push(part.content);
    at = part.end;
  }
  const label = labelOf(parts, () => der[starts[0] as number]);
  if (label === undefined) return undefined;
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

const maxParts = 16;
const [integer, bits, octets, sequence] = [0x02, 0x03, 0x04, 0x30];

/** `inner`: the tag of the first element within the first part. */
function labelOf(parts: readonly number[], inner: () => number | undefined): string | undefined {
  const [first, second, third] = parts;
  // Certificate and CertificateList look alike; a certificate of version 3 begins with [0], a CRL of version 2 with its version.
  if (first === sequence && second === sequence && third === bits && parts.length === 3)
    return inner() === 0xa0 ? 'CERTIFICATE' : 'X509 CRL';
  if (first === integer && second === sequence && third === octets) return 'PRIVATE KEY';
  if (first === integer && second === octets) return 'EC PRIVATE KEY';
  if (first === integer && parts.length === 9 && parts.every((tag) => tag === integer)) return 'RSA PRIVATE KEY';
  return first === sequence && second === octets && parts.length === 2 ? 'ENCRYPTED PRIVATE KEY' : undefined;
}

function readElement(der: Buffer, at: number): { tag: number; content: number; end: number } | undefined {
  const [tag, short] = [der[at], der[at + 1]];
  if (tag === undefined || short === undefined) return undefined;
  if (short < 0x80) return { tag, content: at + 2, end: at + 2 + short };
  const count = short & 0x7f;
  if (count === 0 || count > 4 || at + 2 + count > der.length) return undefined;
  const content = at + 2 + count;
  return { tag, content, end: content + der.readUIntBE(at + 2, count) };
}
