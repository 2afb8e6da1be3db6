// Which trailers may go on (RFC 9110 section 6.5.1): none that could change framing, routing or authentication after these
// were decided, and none that has a claim, which a recipient may merge into the head that was cleaned.
import { FieldClaim } from './field-claim.ts';
import { FieldKind, Fields } from './field.ts';

/** Compared folded. */
const dropped =
  /^(?:authorization|cache-control|content-.*|cookie|if-.*|max-forwards|pragma|range|set-cookie|te|via|www-authenticate)$/;

/** The trailers among `fields` that may go on. */
export function keepTrailers(fields: Fields): Fields {
  const kept = new Fields();
  for (let i = 0; i < fields.length; i++) {
    const name = fields.names[i];
    const value = fields.values[i];
    if (name === undefined || value === undefined || name.kind !== FieldKind.plain) continue;
    if (name.claim === FieldClaim.none && !dropped.test(name.folded)) kept.push(name, value);
  }
  return kept;
}
