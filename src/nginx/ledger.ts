// Which directives somebody has answered for. What is left at the end is looked up in known-directives.ts, so that no line of the
// source is passed over in silence.
import type { LossCode } from '../import/losses.ts';
import type { ImportReport } from '../import/report.ts';
import { type Directive, showDirective } from './directive.ts';
import { describeKnown } from './known-directives.ts';

export class Ledger {
  readonly #report: ImportReport;
  readonly #seen = new Set<Directive>();

  constructor(report: ImportReport) {
    this.#report = report;
  }

  taken(directive: Directive, became: string): void {
    this.#seen.add(directive);
    this.#report.taken(directive, showDirective(directive), became);
  }

  changed(directive: Directive, says: string): void {
    this.#seen.add(directive);
    this.#report.changed(directive, showDirective(directive), says);
  }

  left(directive: Directive, says: string): void {
    this.#seen.add(directive);
    this.#report.left(directive, showDirective(directive), says);
  }

  loses(code: LossCode, directive: Directive, says: string, at?: object): boolean {
    this.seen(directive);
    return this.#report.loses(code, directive, showDirective(directive), says, at);
  }

  refuse(code: string, directive: Directive, says: string): void {
    this.seen(directive);
    this.#report.refuse(code, directive, showDirective(directive), says);
  }

  /** Somebody answers for it, and for everything in it. */
  seen(directive: Directive): void {
    this.#seen.add(directive);
    for (const below of directive.block ?? []) this.seen(below);
  }

  /** Those that nobody answered for. */
  finish(directives: readonly Directive[], within = ''): void {
    for (const directive of directives) {
      if (!this.#seen.has(directive)) this.#describe(directive, within);
      this.finish(directive.block ?? [], directive.name);
    }
  }

  #describe(directive: Directive, within: string): void {
    const known = describeKnown(directive, within);
    if (known.kind === 'lost') this.loses(known.code, directive, known.says);
    else if (known.kind === 'changed') this.changed(directive, known.says);
    else {
      this.seen(directive);
      this.left(directive, known.says);
    }
  }
}
