// Who a client certificate at the admin entry point is: judged like any client's (src/trust), for each request anew, so that a CRL
// or a reload that takes a role away is felt by connections that are open. The control process is told the outcome only.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { FactsCache } from '../certs/facts-cache.ts';
import type { MappedCertificate, ShownCertificate } from '../control/messages.ts';
import type { CrlPublisher } from '../crl/publisher.ts';
import { CrlSet } from '../crl/crl-set.ts';
import { readProof } from '../downstream/client-proof.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { type Role, roles } from '../store/accounts.ts';
import { ChainCache } from '../trust/chain-cache.ts';
import { ClientTrust } from '../trust/client-trust.ts';
import { IdentityRules } from '../trust/identity-rules.ts';
import { Intermediates } from '../trust/intermediates.ts';
import { opensslCas } from '../trust/openssl-cas.ts';
import { verifyClient } from '../trust/verify-client.ts';
import type { ActiveConfig } from './active-config.ts';

/** CAs between a person's certificate and its anchor; as of a policy. */
const maxDepth = 4;
const maxSubject = 100;
const maxWhy = 500;

export type AdminLoginOptions = {
  readonly active: Pick<ActiveConfig, 'loaded'>;
  readonly crls: Pick<CrlPublisher, 'groups'>;
  readonly clock: Pick<Clock, 'now'>;
};

type Compiled = {
  readonly from: LoadedConfig;
  readonly trust: ClientTrust;
  /** The highest role first. */
  readonly rules: readonly { readonly role: Role; readonly names: IdentityRules }[];
};

export class AdminLogin {
  readonly #options: AdminLoginOptions;
  readonly #facts = new FactsCache({ maxEntries: 256 });
  readonly #chains = new ChainCache({ maxEntries: 256 });
  readonly #intermediates = new Intermediates();
  #compiled: Compiled | undefined;
  #cas: { readonly of: Compiled; readonly pem: readonly string[]; readonly until: number } | undefined;

  /** The configuration in force asks for certificates. */
  constructor(options: AdminLoginOptions) {
    this.#options = options;
    this.cas();
  }

  /** What OpenSSL gets. Where the configuration asks for none any more, those before: nobody gets a role by them. */
  cas(): readonly string[] {
    const now = this.#options.clock.now();
    const compiled = this.#compile();
    const known = this.#cas;
    if (known !== undefined && (compiled === undefined || known.of === compiled) && now <= known.until)
      return known.pem;
    const from = compiled ?? known?.of;
    if (from === undefined) throw new RangeError('no certificate logs in here');
    const { pem, until } = opensslCas(from.trust, 'clients', now);
    this.#cas = { of: from, pem, until };
    return pem;
  }

  /** undefined where none was shown. Never throws: what cannot be verified has no role. */
  judge(socket: Socket): ShownCertificate | undefined {
    if (!(socket instanceof TLSSocket)) return undefined;
    try {
      return this.#judge(socket);
    } catch {
      return { role: null, why: 'The certificate cannot be verified here.' };
    }
  }

  #judge(socket: TLSSocket): ShownCertificate | undefined {
    const proof = readProof(socket, true);
    if (proof.leaf === undefined) return undefined;
    const compiled = this.#compile();
    if (compiled === undefined) return refusal('No certificate logs in here any more.');
    const { trust, rules } = compiled;
    this.#refreshCrls(compiled);
    const { code, detail, leaf } = verifyClient(proof, {
      policy: { digest: trust.digest, clientAuth: { required: false, maxDepth }, trust },
      facts: this.#facts,
      chains: this.#chains,
      intermediates: this.#intermediates,
      now: this.#options.clock.now(),
    });
    const name = leaf === undefined ? 'The certificate' : `The certificate "${escapeForLog(leaf.subject, maxSubject)}"`;
    if (code !== 'ok' || leaf === undefined) return refusal(`${name} is not trusted here: ${detail} (${code}).`);
    const role = rules.find(({ names }) => names.verify(leaf) === undefined)?.role;
    if (role === undefined) return refusal(`${name} is trusted, and no rule gives it a role.`);
    return { role, ...show(leaf) };
  }

  #compile(): Compiled | undefined {
    const { loaded } = this.#options.active;
    if (this.#compiled?.from === loaded) return this.#compiled;
    const { clientLogin } = loaded.config.entryPoints.admin;
    if (clientLogin === undefined || loaded.adminLogin === undefined) return undefined;
    const { crl } = clientLogin;
    const settings = crl && { onMissing: crl.onMissing, onStale: crl.onStale, scope: crl.scope };
    // Before the lists are looked up nothing counts as read.
    const trust = new ClientTrust(
      { caPem: loaded.adminLogin.caPem, crl: settings && { settings, list: new CrlSet([], settings) } },
      'entryPoints.admin.clientLogin',
    );
    const rules = clientLogin.roles
      .toSorted((a, b) => roles.indexOf(b.role) - roles.indexOf(a.role))
      .map(({ role, allow }) => {
        const rule = { allowedSANs: allow, allowedFingerprints: undefined, allowedSPKI: undefined };
        return { role, names: new IdentityRules(rule) };
      });
    return (this.#compiled = { from: loaded, trust, rules });
  }

  #refreshCrls({ from, trust }: Compiled): void {
    const { crl } = from.config.entryPoints.admin.clientLogin ?? {};
    if (crl === undefined) return;
    const { onMissing, onStale, scope } = crl;
    const lists = this.#options.crls.groups().find(({ key }) => key === from.adminLogin?.crlKey)?.crls ?? [];
    trust.replaceRevocations(new CrlSet(lists, { onMissing, onStale, scope }));
  }
}

function show({ sha256, subject, serial, notAfter }: CertificateFacts): Omit<MappedCertificate, 'role'> {
  // As part of the name of an actor: bounded, whatever it is escaped to.
  const shown = escapeForLog(subject, maxSubject).slice(0, 120).toWellFormed();
  return { sha256, subject: shown, serial: serial.slice(0, 60), notAfter };
}

function refusal(why: string): ShownCertificate {
  return { role: null, why: escapeForLog(why, maxWhy) };
}
