// Why a message was refused, as a value: the parsers return it instead of throwing, so hostile input costs no stack trace.
import type { FaultCode } from '../base/fault.ts';

export class ParseError {
  readonly code: FaultCode;
  /** One sentence for the log, never for a client. */
  readonly detail: string;

  constructor(code: FaultCode, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}
