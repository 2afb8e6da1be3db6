// Whom one policy trusts, and what it asks of a certificate beyond being well issued. Everything but the CRLs is fixed for
// a generation; those are replaced as they are refreshed, without a new generation (decision 0010).
import { hash, X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../certs/facts.ts';
import type { OcspSettings, RevocationAnswers, RevocationList } from './revocation.ts';
import type { Requirements } from './verify-standing.ts';
import { IdentityRules, type IdentityRulesOptions } from './identity-rules.ts';
import { defaultKeyFloor, type VerificationResult, type KeyFloor } from './certificate-checks.ts';
import { escapeForLog } from '../base/log-text.ts';
import { findSigningFlaw, findSpiffeId, readSvid } from '../certs/spiffe.ts';
import { TrustBundle } from './trust-bundle.ts';
import { AnchorSet, isPartialChain } from './anchor-set.ts';
import type { PathRules } from './establish-chain.ts';
import { findPath, type PathRequest } from './path-search.ts';
import { clientAuth } from '../certs/extended-key-usage.ts';

export type ClientTrustOptions = {
  /** clientCA; empty only where every trust domain has a bundle of its own. */
  readonly caPem: readonly string[];
  /** Whether intermediates in caPem are anchors. Default: only where it holds no root. */
  readonly partialChain?: boolean | undefined;
  readonly minKeyBits?: KeyFloor;
  readonly rules?: IdentityRulesOptions;
  readonly spiffe?:
    | {
        readonly trustDomains: readonly string[];
        readonly bundles: readonly { readonly trustDomain: string; readonly caPem: readonly string[] }[];
      }
    | undefined;
  /** `settings`: everything that decides besides what the lists hold. */
  readonly crl?: { readonly settings: object; readonly list: RevocationList } | undefined;
  readonly ocsp?: OcspSettings | undefined;
};

const noRules: IdentityRulesOptions = {
  allowedSANs: undefined,
  allowedFingerprints: undefined,
  allowedSPKI: undefined,
};

export class ClientTrust implements PathRules {
  /** All CAs of the policy, those of all trust domains included: what OpenSSL may build chains from and to. */
  readonly all: AnchorSet;
  readonly keyFloor: KeyFloor;
  readonly rules: IdentityRules;
  readonly ocsp: OcspSettings | undefined;
  /** Hexadecimal, over everything but the contents of CRLs: those are looked up anew for every session. */
  readonly digest: string;
  readonly #own: AnchorSet | undefined;
  readonly #domains: ReadonlyMap<string, AnchorSet> | undefined;
  readonly #others = new Map<AnchorSet, AnchorSet | undefined>();
  #revocations: RevocationList | undefined;

  /** Throws RangeError where a bundle is not wholly good, or nobody would be trusted. `name`: the policy's, for messages. */
  constructor(options: ClientTrustOptions, name: string) {
    const { caPem, spiffe } = options;
    const own = caPem.length === 0 && spiffe !== undefined ? undefined : parseBundle(caPem, `policy ${name}`);
    const domains = spiffe?.bundles.map(({ trustDomain, caPem: pems }) => {
      return { trustDomain, bundle: parseBundle(pems, `trust domain ${trustDomain} of policy ${name}`) };
    });
    const [first, ...more] = [own, ...(domains ?? []).map(({ bundle }) => bundle)].filter((one) => one !== undefined);
    if (first === undefined) throw new RangeError(`policy ${name} trusts nobody`);
    const bundle = TrustBundle.join(first, ...more);
    this.all = new AnchorSet(bundle, isPartialChain(options.partialChain, [bundle]));
    for (const bundle of [own, ...(domains ?? []).map((domain) => domain.bundle)]) {
      if (bundle !== undefined && new AnchorSet(bundle, this.partialChain).anchors.length === 0) {
        throw new RangeError(`policy ${name}: a CA bundle without a root, and intermediates are no anchors`);
      }
    }
    this.keyFloor = options.minKeyBits ?? defaultKeyFloor;
    this.rules = new IdentityRules(options.rules ?? noRules);
    this.ocsp = options.ocsp;
    this.#own = own && new AnchorSet(own, this.partialChain);
    this.#domains =
      spiffe &&
      new Map(
        spiffe.trustDomains.map((domain) => {
          const bundle = domains?.find(({ trustDomain }) => trustDomain === domain)?.bundle ?? own;
          if (bundle === undefined) throw new RangeError(`policy ${name}: no anchors for trust domain ${domain}`);
          return [domain, new AnchorSet(bundle, this.partialChain)];
        }),
      );
    this.#revocations = options.crl?.list;
    const parts = [
      this.bundle.digest,
      this.partialChain,
      this.keyFloor,
      this.rules.digest,
      [...(this.#domains ?? [])].map(([domain, { bundle }]) => [domain, bundle.digest]),
      options.crl?.settings ?? null,
      options.ocsp ?? null,
    ];
    this.digest = hash('sha256', JSON.stringify(parts));
  }

  get bundle(): TrustBundle {
    return this.all.bundle;
  }

  /** Whether intermediates of the bundle are anchors. */
  get partialChain(): boolean {
    return this.all.partialChain;
  }

  /** What is known to be revoked; undefined where the policy does not ask. */
  get revocations(): RevocationList | undefined {
    return this.#revocations;
  }

  /** Activates refreshed CRLs, for every verification from now on; nothing where the policy asks for none. */
  replaceRevocations(list: RevocationList): void {
    if (this.#revocations !== undefined) this.#revocations = list;
  }

  /** What a client must be. `answers`: of OCSP so far, for connections that are open. */
  requirements(maxDepth: number, answers: RevocationAnswers | undefined): Requirements {
    return {
      purpose: clientAuth,
      keyFloor: this.keyFloor,
      maxDepth,
      needsChain: this.needsChain,
      revocations: this.#revocations,
      ocsp: answers && this.ocsp && { answers, settings: this.ocsp },
      rules: this.rules,
      host: undefined,
    };
  }

  /** The anchors that this certificate must chain to; a refusal where it belongs to no trust domain of ours. */
  anchorsFor(leaf: CertificateFacts): AnchorSet | VerificationResult {
    if (this.#domains === undefined) return this.#own as AnchorSet;
    const id = readSvid(leaf);
    if ('detail' in id) return { code: 'name_mismatch', detail: `it names no trust domain: ${id.detail}` };
    return (
      this.#domains.get(id.trustDomain) ?? {
        code: 'name_mismatch',
        detail: `its trust domain ${id.trustDomain} is none of ${listDomains([...this.#domains.keys()])}`,
      }
    );
  }

  /** What trust domains ask of the CAs of a path. */
  verifyIssuers(chain: readonly CertificateFacts[]): VerificationResult | undefined {
    for (const ca of this.#domains === undefined ? [] : chain.slice(1)) {
      const wrong = findSigningFlaw(ca);
      if (wrong !== undefined)
        return { code: 'untrusted_issuer', detail: `its CA "${escapeForLog(ca.subject, 120)}" ${wrong}` };
    }
    return undefined;
  }

  /** OpenSSL knows no trust domains: it may have gone by a way to the CAs of another one. */
  mayLeadElsewhere({ leaf, certificate, sent }: PathRequest, chain: readonly CertificateFacts[]): boolean {
    const own = this.#domains?.get(findSpiffeId(leaf)?.trustDomain ?? '');
    if (own === undefined) return false;
    const intermediates = chain.slice(1).map(({ der }) => new X509Certificate(der));
    return this.#othersOf(own)?.mayLead(certificate, [...sent, ...intermediates, ...own.certificates]) === true;
  }

  /** The CAs of the policy that are none of this domain. */
  #othersOf(own: AnchorSet): AnchorSet | undefined {
    let others = this.#others.get(own);
    if (others === undefined && !this.#others.has(own)) {
      const bundle = this.bundle.without(own.bundle);
      others = bundle && new AnchorSet(bundle, this.partialChain);
      this.#others.set(own, others);
    }
    return others;
  }

  /** The refusal of a certificate for which `anchorsFor` has anchors and no path leads to any of them. */
  explainNoPath(request: PathRequest): VerificationResult {
    const own = this.#domains && findSpiffeId(request.leaf)?.trustDomain;
    if (own === undefined) {
      return { code: 'untrusted_issuer', detail: 'its chain leads to no CA of the policy' };
    }
    const foreign = [...(this.#domains ?? [])].find(([, anchors]) => findPath({ ...request, anchors }) !== undefined);
    const where = foreign === undefined ? 'to none of them' : `to one of ${foreign[0]}`;
    return {
      code: 'untrusted_issuer',
      detail: `only the CAs of its trust domain ${own} may issue it; its chain leads ${where}`,
    };
  }

  /** Trust hangs on who issued it, so a chain that is not known proves nothing. */
  get needsChain(): boolean {
    return this.#domains !== undefined;
  }
}

const maxDomainsShown = 5;

function listDomains(domains: readonly string[]): string {
  const more = domains.length > maxDomainsShown ? `, and ${domains.length - maxDomainsShown} more` : '';
  return domains.slice(0, maxDomainsShown).join(', ') + more;
}

function parseBundle(caPem: readonly string[], what: string): TrustBundle {
  const { bundle, problems } = TrustBundle.parse(caPem.join('\n'), { name: `the CA bundle of ${what}` });
  if (bundle === undefined) throw new RangeError(problems[0]?.message ?? `${what} trusts nobody`);
  return bundle;
}
