// Sessions of those who logged in with a client certificate. Nobody of them is a user of the store: who he is and what he may comes
// with each request, from the certificate of its connection as the primary judges it at that moment. So they are kept in memory:
// after a restart of this process a login costs no password.
import type { Clock } from '../base/clock.ts';
import type { Session } from '../store/accounts.ts';
import type { AuditLog } from '../store/audit.ts';
import type { Digest } from '../store/digest.ts';
import { maxSessionsPerUser } from '../store/limits.ts';
import { ApiProblem } from './api-problem.ts';
import type { MappedCertificate, ShownCertificate } from './messages.ts';

/** Of all certificates together. */
const maxSessions = 2_000;

export type CertificateSession = Session & { readonly certificate: MappedCertificate };

export class CertificateSessions {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #audit: Pick<AuditLog, 'note'>;
  /** The one that was not used for longest first. */
  readonly #held = new Map<Digest, CertificateSession>();

  constructor(clock: Pick<Clock, 'now'>, audit: Pick<AuditLog, 'note'>) {
    this.#clock = clock;
    this.#audit = audit;
  }

  /** `lastsMs`: at most; never beyond the certificate. */
  async begin(digest: Digest, certificate: MappedCertificate, lastsMs: number): Promise<CertificateSession> {
    const now = this.#clock.now();
    const userId = certificateUserId(certificate);
    const expiresAt = Math.min(now + lastsMs, certificate.notAfter);
    const session = { digest, userId, createdAt: now, expiresAt, usedAt: now, certificate };
    await this.#note('session.create', certificate, { role: certificate.role });
    const own = this.list(userId);
    if (own.length >= maxSessionsPerUser) this.#held.delete((own.at(-1) as Session).digest);
    else if (this.#held.size >= maxSessions)
      for (const [oldest] of [...this.#held].slice(0, 1)) this.#held.delete(oldest);
    this.#held.set(digest, session);
    return session;
  }

  /**
   * Undefined where there is none of this digest. Throws `not_logged_in` where its certificate is not that of the connection, is
   * not good any more or has another role: the latter two end it.
   */
  async find(digest: Digest, shown: ShownCertificate | undefined): Promise<CertificateSession | undefined> {
    const held = this.#held.get(digest);
    if (held === undefined) return undefined;
    const { certificate, expiresAt } = held;
    if (shown === undefined || (shown.role !== null && shown.sha256 !== certificate.sha256))
      throw refused('This session belongs to a certificate that the connection does not show: log in again.');
    const why =
      shown.role === null
        ? shown.why
        : shown.role !== certificate.role
          ? `The certificate has the role ${shown.role} now: log in again.`
          : expiresAt <= this.#clock.now()
            ? 'The session has ended: log in again.'
            : undefined;
    if (why === undefined) return held;
    await this.remove(digest, why);
    throw refused(why);
  }

  touch(digest: Digest): void {
    const held = this.#held.get(digest);
    if (held === undefined) return;
    this.#held.delete(digest);
    this.#held.set(digest, { ...held, usedAt: this.#clock.now() });
  }

  /** Those that have not expired, the one that was used last first. */
  list(userId: string): CertificateSession[] {
    const now = this.#clock.now();
    return [...this.#held.values()]
      .filter((session) => session.userId === userId && session.expiresAt > now)
      .toReversed();
  }

  /** `why`: for the audit log. */
  async remove(digest: Digest, why: string): Promise<void> {
    const held = this.#held.get(digest);
    if (held === undefined) return;
    this.#held.delete(digest);
    await this.#note('session.remove', held.certificate, { why });
  }

  async #note(action: string, certificate: MappedCertificate, detail: { readonly [name: string]: string }) {
    const subject = `certificate/${certificate.sha256}`;
    await this.#audit.note({ actor: certificateActor(certificate), action, subject, detail });
  }
}

export function certificateUserId({ sha256 }: MappedCertificate): string {
  return `certificate:${sha256}`;
}

/** As the audit log names him. */
export function certificateActor({ subject, serial }: MappedCertificate): string {
  return `certificate:${subject} (${serial})`;
}

function refused(detail: string): ApiProblem {
  return new ApiProblem('not_logged_in', detail, { fields: { 'www-authenticate': 'Bearer realm="countersign"' } });
}
