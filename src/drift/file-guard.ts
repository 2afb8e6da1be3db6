// Compares the files of a configuration with the approved ones at each load, by the rules that held before it: whoever can edit the file
// can also take the rule out of it. What holds: what the command line requires, what the configuration that was approved last
// says (at a start: what is remembered of it), and what the new one says itself. All of them have to be content.
import { dirname } from 'node:path';
import type { DriftConfig } from '../config/gateway-config.ts';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import type { FileDigest } from '../config/load-config.ts';
import type { DriftFinding, DriftReport } from '../gateway/drift.ts';
import type { LoadedResult } from '../loading/load.ts';
import type { Problem } from '../yaml/problem.ts';
import {
  type ApprovalList,
  compareFiles,
  describeDifference,
  isExcepted,
  isSame,
  maxListBytes,
  NoApproval,
} from './approval-list.ts';
import { type Anchor, parsePublicKey, readTrustedList, type StoredList } from './trusted-list.ts';

export type FileGuardOptions = {
  /** Absolute. */
  readonly mainFile: string;
  /** What the command line requires, whatever files say. */
  readonly required: Anchor | undefined;
  /** Undefined: there is no store. */
  readonly stored: StoredList | undefined;
  /** Gets the approved files that are in force, to keep them; must not throw. */
  readonly keep?: ((digests: readonly FileDigest[]) => void) | undefined;
};

type Rule = { readonly mode: 'alert' | 'refuse'; readonly anchor: Anchor | NoApproval };

/** `off`: nobody compares. `taken`: it is not approved, and an alarm is all that was asked for. */
export type Judgement = {
  readonly outcome: 'off' | 'approved' | 'taken' | 'refused';
  /** Undefined where all is well. */
  readonly why: NoApproval | undefined;
};

type Judged = {
  readonly digests: readonly FileDigest[];
  /** Of these, what others renew. */
  readonly except: readonly string[];
  /** What it says itself. */
  readonly own: readonly Rule[];
  /** What held before it. */
  readonly before: readonly Rule[];
  readonly outcome: Judgement['outcome'];
};

export class FileGuard {
  readonly #options: FileGuardOptions;
  /** Of the configuration that was approved last; undefined: nothing is in force yet. */
  #held: readonly Rule[] | undefined;
  /** What was loaded last, whatever came of it. */
  #last: Judged | undefined;
  /** It is in force. */
  #isLastInForce = false;
  /** Newest approval of each kind that was believed: an older one that comes back is none. */
  readonly #newest = new Map<Anchor['kind'], string>();
  #findings: readonly DriftFinding[] = [];
  #report: (report: DriftReport) => void = () => {};

  constructor(options: FileGuardOptions) {
    this.#options = options;
  }

  /** From now on what is found is told there, and what was found before. */
  reportTo(report: (report: DriftReport) => void): void {
    this.#report = report;
    this.#tell();
  }

  /** The same, or without its configuration and with the reason. */
  async guard(result: LoadedResult): Promise<LoadedResult> {
    const { why, outcome } = await this.judge(result);
    const watch = [...result.watch, ...this.#lists()];
    if (outcome !== 'refused' || why === undefined) return { ...result, watch };
    const place = { file: this.#options.mainFile, line: 1, col: 1 };
    const problem: Problem = { severity: 'error', code: 'not_approved', place, message: why.message, hint: why.help };
    return { ...result, watch, loaded: undefined, problems: [problem, ...result.problems] };
  }

  async judge({ digests, loaded }: Pick<LoadedResult, 'digests' | 'loaded'>): Promise<Judgement> {
    const own = loaded === undefined ? [] : this.#rulesOf(loaded.config.drift);
    const before = this.#held ?? (await this.#remembered());
    const judgement = await this.#compare(digests, [...before, ...own]);
    const except = loaded?.config.drift.except ?? [];
    this.#last = { digests, except, own, before, outcome: judgement.outcome };
    this.#isLastInForce = false;
    this.#note(judgement);
    return judgement;
  }

  /** What was judged last is in force: from now on its own rule holds, where it was approved. */
  committed(): void {
    const last = this.#last;
    // Something stands in for what was refused.
    if (last === undefined || last.outcome === 'refused') return;
    this.#isLastInForce = true;
    if (last.outcome === 'approved')
      this.#options.keep?.(
        last.digests.filter(({ path, isText }) => isText === true || !isExcepted(path, last.except)),
      );
    if (last.outcome === 'approved' || last.outcome === 'off') this.#held = last.own;
    // What was taken with an alarm ends neither the alarm nor the rule.
    else this.#held ??= [...last.before, ...last.own];
  }

  /**
   * In place of what was refused last, which goes on being told: a copy of what was approved before. The same, or without its
   * configuration where that is not approved any more.
   */
  async standIn(copy: LoadedResult): Promise<LoadedResult> {
    const own = copy.loaded === undefined ? [] : this.#rulesOf(copy.loaded.config.drift);
    const { outcome } = await this.#compare(copy.digests, [...(this.#last?.before ?? []), ...own]);
    if (outcome !== 'approved') return { ...copy, loaded: undefined };
    this.#held = own;
    const watch = [...copy.watch, ...copy.digests.map(({ path }) => path), ...this.#lists()];
    return { ...copy, watch };
  }

  /** What was loaded last was refused for want of an approval. */
  get isRefusing(): boolean {
    return this.#last?.outcome === 'refused';
  }

  /** Looks at the approvals anew. True where what was refused would be taken now. */
  async recheck(): Promise<boolean> {
    const last = this.#last;
    if (last === undefined) return false;
    const judgement = await this.#compare(last.digests, [...last.before, ...last.own]);
    // A load came between.
    if (this.#last !== last) return false;
    this.#note(judgement);
    this.#last = { ...last, outcome: judgement.outcome };
    if (this.#isLastInForce) this.committed();
    return last.outcome === 'refused' && judgement.outcome !== 'refused';
  }

  /** Files that approve. */
  #lists(): readonly string[] {
    const lists = [`${this.#options.mainFile}.approved`];
    for (const { anchor } of [...(this.#held ?? []), ...(this.#last?.own ?? []), ...this.#required()])
      if (!(anchor instanceof NoApproval) && anchor.kind !== 'store') lists.push(anchor.list);
    return [...new Set(lists)].flatMap((list) => [list, `${list}.sig`]);
  }

  #required(): readonly Rule[] {
    const { required } = this.#options;
    return required === undefined ? [] : [{ mode: 'refuse', anchor: required }];
  }

  #rulesOf({ onChange, publicKey, list }: DriftConfig): readonly Rule[] {
    return onChange === undefined ? [] : [{ mode: onChange, anchor: this.#anchorOf(publicKey, list) }];
  }

  #anchorOf(publicKey: DriftConfig['publicKey'], list: string): Rule['anchor'] {
    if (publicKey === undefined) return this.#options.stored === undefined ? { kind: 'root', list } : { kind: 'store' };
    try {
      return { kind: 'key', key: readPublicKey(publicKey), list };
    } catch (error) {
      return error instanceof NoApproval
        ? error
        : new NoApproval(String(error), 'See gateway.drift.approval.publicKey.');
    }
  }

  async #compare(digests: readonly FileDigest[], asked: readonly Rule[]): Promise<Judgement> {
    const rules = [...this.#required(), ...asked];
    let taken: NoApproval | undefined;
    for (const { mode, anchor } of rules) {
      const why = anchor instanceof NoApproval ? anchor : await this.#whyNot(anchor, digests);
      if (why === undefined) continue;
      if (mode === 'refuse') return { outcome: 'refused', why };
      taken ??= why;
    }
    if (taken !== undefined) return { outcome: 'taken', why: taken };
    return { outcome: rules.length === 0 ? 'off' : 'approved', why: undefined };
  }

  /** What approvals that are there say of the configuration that they approved: a start knows no more of it. */
  async #remembered(): Promise<Rule[]> {
    const anchors: Anchor[] = [{ kind: 'root', list: `${this.#options.mainFile}.approved` }];
    if (this.#options.stored !== undefined) anchors.push({ kind: 'store' });
    const rules: Rule[] = [];
    for (const anchor of anchors) {
      // One that is not believed remembers nothing: whoever put it there would keep the gateway from starting.
      const list = await this.#read(anchor).catch((error: unknown) => {
        if (anchor.kind === 'store' && error instanceof NoApproval) rules.push({ mode: 'refuse', anchor: error });
        return undefined;
      });
      if (list !== undefined && list.onChange !== 'none') rules.push({ mode: list.onChange, anchor });
    }
    return rules;
  }

  async #whyNot(anchor: Anchor, digests: readonly FileDigest[]): Promise<NoApproval | undefined> {
    try {
      const list = await this.#read(anchor);
      if (list === undefined) return new NoApproval('the files on the disk were never approved', this.#help());
      const difference = compareFiles(list, digests, dirname(this.#options.mainFile));
      if (isSame(difference)) return undefined;
      const when = `approved ${list.approvedAt} by ${list.by}`;
      return new NoApproval(
        `the files are not those that were ${when}: ${describeDifference(difference)}`,
        this.#help(),
      );
    } catch (error) {
      if (error instanceof NoApproval) return error;
      return new NoApproval(`the approval cannot be read: ${String(error)}`, this.#help());
    }
  }

  async #read(anchor: Anchor): Promise<ApprovalList | undefined> {
    const list = await readTrustedList(anchor, async () => this.#options.stored?.());
    const newest = this.#newest.get(anchor.kind);
    if (list === undefined) return undefined;
    if (newest !== undefined && list.approvedAt < newest)
      throw new NoApproval(
        `the approval is of ${list.approvedAt}, and there was one of ${newest}: somebody put an old one back`,
        'Run `countersign approve` for the files as they are meant to be.',
      );
    this.#newest.set(anchor.kind, list.approvedAt);
    return list;
  }

  #help(): string {
    return `See what was changed, and by whom. If it is meant: countersign approve -c ${showPath(this.#options.mainFile)}; else put the approved files back.`;
  }

  #note({ outcome, why }: Judgement): void {
    this.#findings =
      why === undefined
        ? []
        : [
            {
              key: 'files',
              code: outcome === 'refused' ? 'file_refused' : 'file_changed',
              sentence: why.message,
              help: why.help,
            },
          ];
    this.#tell();
  }

  #tell(): void {
    this.#report({ of: 'unauthorised', source: 'files', findings: this.#findings });
  }
}

function readPublicKey(ref: NonNullable<DriftConfig['publicKey']>): ReturnType<typeof parsePublicKey> {
  if ('pem' in ref) return parsePublicKey(ref.pem, 'gateway.drift.approval.publicKey');
  const name = ref.label ?? showPath(ref.path);
  try {
    return parsePublicKey(readRegularFileSync(ref.path, maxListBytes).toString('utf8'), name);
  } catch (error) {
    if (error instanceof NoApproval) throw error;
    throw new NoApproval(
      `${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      'Check path and permissions.',
    );
  }
}
