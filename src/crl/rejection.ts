// Why a CRL is not taken: thrown while one is read, a problem with code and remedy for who configured it.
import { Fault } from '../base/fault.ts';
import { materialError, type MaterialProblem } from '../base/material-problem.ts';

export type CrlRejectionCode =
  | 'crl_unreadable'
  | 'crl_unreachable'
  | 'crl_broken'
  | 'crl_unsupported'
  | 'crl_too_large'
  | 'crl_issuer_unknown'
  | 'crl_signature'
  | 'crl_not_built';

export class CrlRejection extends Error {
  override readonly name = 'CrlRefusal';
  readonly code: CrlRejectionCode;
  readonly hint: string;

  /** `message`: a whole sentence without the name of the CRL. */
  constructor(code: CrlRejectionCode, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** The refusal behind whatever reading a CRL threw. */
export function refusalOf(error: unknown): CrlRejection {
  if (error instanceof CrlRejection) return error;
  const why = error instanceof Fault ? (error.detail ?? error.code) : 'it cannot be read';
  return new CrlRejection('crl_broken', `it is not a valid CRL: ${why}`, 'Get it again from the CA that issued it.');
}

/** `name`: how messages call the CRL. */
export function refusalProblem({ code, message, hint }: CrlRejection, name: string): MaterialProblem {
  return materialError(code, `${name}: ${message}`, hint);
}
