// A handshake that failed, in the words of the fault table, wherever it is shown.
import { z } from 'zod';
import { type FaultCode, type FaultSource, faultTable, helpOf, titleOf } from '../base/fault.ts';
import { timeOf } from './times.ts';

export const seenFailure = z.strictObject({
  at: z.iso.datetime(),
  code: z.string().describe('Of the fault table.'),
  title: z.string(),
  detail: z.string().describe('The cause, as the log says it.'),
  help: z.string().describe('What to do.'),
  who: z.string().nullable().describe('Subject of the certificate that was refused; null: none, or ours.'),
});

export function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(faultTable, code);
}

export function titleOfCode(code: string, source: FaultSource): string {
  return isFaultCode(code) ? titleOf(code, source) : code;
}

export function helpOfCode(code: string, source: FaultSource): string {
  return isFaultCode(code) ? helpOf(code, source) : '';
}

export function failureOf(
  { at, code, detail, help, who }: { at: number; code: string; detail: string; help?: string; who?: string },
  source: FaultSource,
): z.output<typeof seenFailure> {
  return {
    at: timeOf(at),
    code,
    title: titleOfCode(code, source),
    detail,
    help: help ?? helpOfCode(code, source),
    who: who ?? null,
  };
}
