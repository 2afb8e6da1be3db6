// What the SPIFFE Workload API sends (profile X.509-SVID of the standard): messages to values, certificates apart. Nothing is believed
// here. Throws RangeError for what is no such message.
import { DerCursor, derTag } from '../asn1/der.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { Fault } from '../base/fault.ts';
import { type ProtoField, readFields } from './protobuf.ts';

/** PEM throughout. */
export type ReceivedSvid = {
  readonly id: string;
  /** Leaf first. */
  readonly chain: readonly string[];
  readonly key: string;
  /** CAs of its trust domain. */
  readonly bundle: readonly string[];
  /** What the operator says it is for; '' where nothing. */
  readonly hint: string;
};

export type ReceivedBundles = {
  /** By the SPIFFE ID of the trust domain. */
  readonly bundles: ReadonlyMap<string, readonly string[]>;
  readonly hasCrls: boolean;
};

const maxSvids = 1_000;
const maxBundles = 10_000;
const maxCertificates = 1_000;

/** X509SVIDResponse. */
export function readSvids(message: Buffer): ReceivedSvid[] {
  const svids: ReceivedSvid[] = [];
  for (const { number, bytes } of readFields(message)) {
    if (number !== 1 || bytes === undefined) continue;
    if (svids.length >= maxSvids) throw new RangeError(`more than ${maxSvids} SVIDs`);
    svids.push(readOne(bytes));
  }
  return svids;
}

function readOne(message: Buffer): ReceivedSvid {
  const fields = new Map<number, Buffer>();
  for (const { number, bytes } of readFields(message)) if (bytes !== undefined) fields.set(number, bytes);
  const [id, chain, key, bundle] = [1, 2, 3, 4].map((number) => fields.get(number));
  // The standard: a message without one of these is discarded as a whole.
  if (id === undefined || chain === undefined || key === undefined || bundle === undefined)
    throw new RangeError('an SVID without its ID, chain, key or bundle');
  return {
    id: id.toString('utf8'),
    chain: splitCertificates(chain),
    key: encodePem('PRIVATE KEY', key),
    bundle: splitCertificates(bundle),
    hint: fields.get(5)?.toString('utf8') ?? '',
  };
}

/** X509BundlesResponse. */
export function readBundles(message: Buffer): ReceivedBundles {
  const bundles = new Map<string, readonly string[]>();
  let hasCrls = false;
  for (const field of readFields(message)) {
    if (field.number === 1) hasCrls = true;
    if (field.number === 2) addEntry(field, bundles);
  }
  return { bundles, hasCrls };
}

function addEntry({ bytes }: ProtoField, bundles: Map<string, readonly string[]>): void {
  if (bytes === undefined) throw new RangeError('a bundle that is a number');
  let [name, value] = [Buffer.alloc(0), Buffer.alloc(0)];
  for (const field of readFields(bytes)) {
    if (field.number === 1) name = Buffer.from(field.bytes ?? '');
    if (field.number === 2) value = Buffer.from(field.bytes ?? '');
  }
  if (bundles.size >= maxBundles) throw new RangeError(`more than ${maxBundles} bundles`);
  bundles.set(name.toString('utf8'), splitCertificates(value));
}

/** Certificates in DER, one behind the other. */
function splitCertificates(bytes: Buffer): string[] {
  const found: string[] = [];
  try {
    for (const cursor = new DerCursor(bytes); !cursor.done; ) {
      if (found.length >= maxCertificates) throw new RangeError(`more than ${maxCertificates} certificates`);
      const { start, end } = cursor.expect(derTag.sequence, 'certificates');
      found.push(encodePem('CERTIFICATE', bytes.subarray(start, end)));
    }
  } catch (error) {
    if (error instanceof Fault) throw new RangeError(error.detail ?? 'no certificates', { cause: error });
    throw error;
  }
  return found;
}
