// Writes subject alternative names (RFC 5280 section 4.2.1.6) for certificates that we mint: the counterpart of san-reader.ts.
import { parseIp } from '../base/ip-name.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import type { San } from './facts.ts';

/** A GeneralName. The value's UTF-8 bytes go in as they are, control bytes included. */
export function encodeSan(san: San): Buffer {
  const bytes = Buffer.from(san.value);
  switch (san.type) {
    case 'DNS':
      return encodeDer(0x82, bytes);
    case 'URI':
      return encodeDer(0x86, bytes);
    case 'EMAIL':
      return encodeDer(0x81, bytes);
    case 'IP':
      return encodeDer(0x87, parseIp(san.value) ?? bytes);
    default:
      return encodeDer(
        0xa0,
        encodeObjectId(san.oid ?? '1.3.6.1.4.1.311.20.2.3'),
        encodeDer(0xa0, encodeDer(derTag.utf8String, bytes)),
      );
  }
}
