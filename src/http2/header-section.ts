// Walks over a header list (RFC 9113 section 8.2 and 8.3): sorts out what the codec acts on by itself, joins the crumbs of
// cookies, refuses what no message may have. Knows nothing of requests or responses but which pseudo-header fields they have.
import { Fields } from '../http/field.ts';
import type { DecodedHeaders } from './decoded-headers.ts';
import { type HeaderField, HeaderRole } from './header-field.ts';
import { Malformed } from './message-head.ts';

/** The pseudo-header fields that a message may have, a bit for each role. */
export const requestPseudo =
  (1 << HeaderRole.method) |
  (1 << HeaderRole.scheme) |
  (1 << HeaderRole.authority) |
  (1 << HeaderRole.path) |
  (1 << HeaderRole.protocol);
export const responsePseudo = 1 << HeaderRole.status;
export const noPseudo = 0;

/** What a header list says. */
export class HeaderSection {
  /** Bits of the pseudo-header fields that were there. */
  pseudo = 0;
  method = '';
  scheme = '';
  authority = '';
  path = '';
  status = '';
  protocol = '';
  host: string | undefined;
  /** -1 where there is none. */
  contentLength = -1;
  acceptsTrailers = false;
  expect: string | undefined;
  /** End-to-end fields, in order. */
  readonly fields = new Fields();
  /** A pseudo-header field whose value cannot be, where somebody may be told so: which rule. */
  illegalValue = '';
  #hasRegular = false;
  #cookieAt = -1;

  /** Takes the next field of the list; gives the rule that it breaks. */
  add(field: HeaderField, allowed: number): string {
    const { role } = field;
    if (role === HeaderRole.plain && field.flaw === '' && field.known !== undefined) {
      this.#hasRegular = true;
      this.fields.push(field.known, field.value);
      return '';
    }
    return role >= HeaderRole.method && role <= HeaderRole.protocol
      ? this.#addPseudo(field, allowed)
      : this.#addRegular(field);
  }

  #addPseudo(field: HeaderField, allowed: number): string {
    const { role, value } = field;
    const bit = 1 << role;
    if (this.#hasRegular) return `${field.name} behind other fields`;
    if ((allowed & bit) === 0) return `${field.name} where it does not belong`;
    if ((this.pseudo & bit) !== 0) return `${field.name} stands there more than once`;
    this.pseudo |= bit;
    if (field.flaw !== '') this.illegalValue = field.flaw;
    if (role === HeaderRole.method) this.method = value;
    else if (role === HeaderRole.path) this.path = value;
    else if (role === HeaderRole.authority) this.authority = value;
    else if (role === HeaderRole.scheme) this.scheme = value;
    else if (role === HeaderRole.status) this.status = value;
    else this.protocol = value;
    return '';
  }

  #addRegular(field: HeaderField): string {
    this.#hasRegular = true;
    if (field.flaw !== '') return field.flaw;
    switch (field.role) {
      case HeaderRole.cookie:
        return this.#addCookie(field);
      case HeaderRole.host:
        if (this.host !== undefined) return 'host stands there more than once';
        this.host = field.value;
        return '';
      case HeaderRole.contentLength:
        if (this.contentLength !== -1) return 'content-length stands there more than once';
        this.contentLength = Number(field.value);
        return '';
      case HeaderRole.te:
        this.acceptsTrailers = true;
        return '';
      case HeaderRole.expect:
        this.expect = this.expect === undefined ? field.value : `${this.expect},${field.value}`;
        return '';
      default:
        return '';
    }
  }

  /** Section 8.2.3: whoever reads HTTP/1.1 must find one Cookie field. */
  #addCookie({ known, value }: HeaderField): string {
    if (known === undefined) return 'a name that is not a token';
    if (this.#cookieAt === -1) {
      this.#cookieAt = this.fields.length;
      this.fields.push(known, value);
    } else this.fields.values[this.#cookieAt] += `; ${value}`;
    return '';
  }
}

/** Reads a list whose message may have the `allowed` pseudo-header fields. */
export function readSection(headers: DecodedHeaders, allowed: number): HeaderSection | Malformed {
  const section = new HeaderSection();
  const { fields } = headers;
  for (let i = 0; i < fields.length; i++) {
    const flaw = section.add(fields[i] as HeaderField, allowed);
    if (flaw !== '') return new Malformed(flaw);
  }
  return section;
}
