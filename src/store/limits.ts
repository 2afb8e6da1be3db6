// How much of everything a store takes. Who writes more is refused (`invalid`), or the oldest makes room, as said here.

/** Characters of a name: kind and id of an object, actor, gateway, user. */
export const maxNameLength = 200;
/** Characters of the reason of a change. */
export const maxReasonLength = 2_000;
/** One object as canonical JSON, in bytes: a certificate with its chain has 10 kB, a bundle of all public CAs 250 kB. */
export const maxObjectBytes = 4 * 1024 * 1024;
/** How deep objects and lists stand in each other. */
export const maxObjectDepth = 32;
/** Objects that one revision may hold. */
export const maxObjects = 100_000;
/** Objects that one append may change. */
export const maxChanges = 20_000;
/** Fields that a difference names per object; beyond that it says that there are more. */
export const maxFieldDifferences = 500;
/** One sealed secret, before it is sealed, in bytes. */
export const maxSecretBytes = 64 * 1024;
/** What an entry of the audit log says beside its subject, as JSON, in bytes. */
export const maxAuditDetailBytes = 16 * 1024;
/** Rows of a page of a list. */
export const maxPageSize = 1_000;
export const defaultPageSize = 100;
export const maxUsers = 10_000;
/** Characters of an issuer or a subject; OpenID Connect ends a subject at 255. */
export const maxProviderPart = 500;
/** Of one user; the least recently used gives way. */
export const maxSessionsPerUser = 20;
export const maxTokens = 10_000;
export const maxGateways = 1_000;
/** Gateways that a revision may name that is not for all. */
export const maxCanaryGateways = 100;
/** A gateway's report as JSON, in bytes. */
export const maxReportBytes = 1024 * 1024;
/** Groups of failed handshakes; the one not seen for longest gives way. */
export const maxHandshakeFailures = 10_000;
/** How long a group of failed handshakes is kept after it was last seen, in days. */
export const handshakeFailureDays = 14;
/** The example of a group as JSON, in bytes. */
export const maxFailureSampleBytes = 8 * 1024;
/** Answers that are kept to be given again; the oldest gives way. */
export const maxIdempotencyKeys = 10_000;
/** An answer that is kept, as JSON, in bytes. */
export const maxKeptAnswerBytes = 256 * 1024;

/** Shared records by kind: how many, and the bytes of one. Of too many those that end first give way. */
export const recordLimits = {
  /** Who does a thing for all gateways, for a while. */
  lease: { maxRows: 1_000, maxBytes: 1024 },
  /** Secrets that session tickets are made with, sealed and authenticated. */
  'ticket-secret': { maxRows: 1_000, maxBytes: 64 * 1024 },
  crl: { maxRows: 1_000, maxBytes: 1024 * 1024 },
  ocsp: { maxRows: 10_000, maxBytes: 64 * 1024 },
  /** Clients that were seen, by gateway and identity. */
  seen: { maxRows: 20_000, maxBytes: 256 * 1024 },
  /** Reviews of whom the gateways trust, as they were recorded; the audit log has the digest of each. */
  'trust-audit': { maxRows: 400, maxBytes: 1024 * 1024 },
  /** Which session here began with which one at an identity provider, so that its end there is its end here. */
  login: { maxRows: 20_000, maxBytes: 1024 },
  /** What needs somebody, by gateway. */
  alerts: { maxRows: 1_000, maxBytes: 512 * 1024 },
  /** What each receiver of alerts was told, and what is on its way. */
  'alert-receiver': { maxRows: 100, maxBytes: 512 * 1024 },
  /** Alerts that nobody is to be reminded of for a while. */
  'alert-silence': { maxRows: 500, maxBytes: 4 * 1024 },
  /** Issuers of clients that were let in, by policy. */
  'alert-issuers': { maxRows: 1_000, maxBytes: 256 * 1024 },
} as const;
