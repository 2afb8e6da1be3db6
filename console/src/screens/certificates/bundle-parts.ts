// The certificates of a stored CA bundle one by one, so that one of them can be taken out: the texts that were written, split into
// blocks, each under the fingerprint by which it is shown.
export type BundlePart = {
  /** SHA-256 of its DER, in hex. */
  readonly sha256: string;
  readonly text: string;
};

const block = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([^-]+)-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** `ca`: as it is stored, one text or a list: PEM, or base64 of PEM or DER. */
export async function partsOf(ca: unknown): Promise<readonly BundlePart[]> {
  const texts = (Array.isArray(ca) ? ca : [ca]).filter((one) => typeof one === 'string');
  const parts = await Promise.all(texts.map(partsOfText));
  return parts.flat();
}

async function partsOfText(written: string): Promise<readonly BundlePart[]> {
  const text = written.includes('-----BEGIN') ? written : (decodeText(written) ?? written);
  if (!text.includes('-----BEGIN')) {
    const der = decode(text);
    return der === undefined ? [] : [{ sha256: await digest(der), text: written }];
  }
  const parts = [...text.matchAll(block)].map(async ([whole, body = '']): Promise<BundlePart | undefined> => {
    const der = decode(body);
    return der === undefined ? undefined : { sha256: await digest(der), text: `${whole}\n` };
  });
  return (await Promise.all(parts)).filter((one) => one !== undefined);
}

function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64.replaceAll(/\s+/g, '')), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Base64 of PEM. */
function decodeText(base64: string): string | undefined {
  const bytes = decode(base64);
  const text = bytes === undefined ? '' : new TextDecoder().decode(bytes);
  return text.includes('-----BEGIN') ? text : undefined;
}

async function digest(der: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', der));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
