// What PostgreSQL, TLS and the network report, as problems of a store. SQLSTATE codes: appendix A of PostgreSQL's manual. Of the
// server's own words only those about the connection are shown: others may quote what is in the rows.
import { StoreProblem, type StoreProblemCode } from '../store/store-problem.ts';

/** Class or whole code: the code, what happened, and whether the words of the server are shown. */
const states: readonly (readonly [string, StoreProblemCode, string, boolean])[] = [
  ['28', 'login_refused', 'the database does not let us in', true],
  ['3D000', 'no_database', 'there is no such database', true],
  ['42501', 'denied', 'the role may not do this', true],
  ['25006', 'standby', 'the database takes no writes: it is a standby, or set to read only', false],
  ['53100', 'disk_full', 'the database has no room left on its disk', false],
  ['53300', 'too_many_connections', 'the database has no connection left for us', false],
  ['53', 'io', 'the database is out of memory or of another resource', false],
  ['55P03', 'locked', 'another gateway held the lock for writers for too long', false],
  ['40P01', 'locked', 'two transactions waited for each other', false],
  ['57014', 'timed_out', 'the database took too long', false],
  ['25P03', 'timed_out', 'the database ended a transaction that was idle', false],
  ['57P', 'unreachable', 'the database is shutting down or starting up', true],
  ['08', 'unreachable', 'the connection to the database failed', false],
  ['22', 'altered', 'the database holds what was never stored', false],
  ['3F000', 'not_found', 'the database has no schema countersign', false],
  ['42P01', 'not_found', 'a table of the store is not there', false],
  ['XX001', 'corrupt', 'the database says that its data is damaged', false],
  ['XX002', 'corrupt', 'the database says that an index is damaged', false],
  ['58', 'io', 'the database reports an error of its system', true],
];

const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOENT',
  'EACCES',
  'ECONNABORTED',
]);

/** The problem that an error stands for; the error itself where it stands for a mistake of ours. */
export function asStoreProblem(error: unknown): unknown {
  if (error instanceof StoreProblem || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // An error of the server has a severity; without one a code of five letters is the system's.
  if ('severity' in error && /^[0-9A-Z]{5}$/.test(code)) return ofState(code, error);
  if (isTlsCode(code))
    return new StoreProblem('tls_failed', `TLS with the database failed: ${error.message}`, { cause: error });
  if (/does not support SSL|establishing an SSL connection/.test(error.message))
    return new StoreProblem('tls_failed', 'the database does not speak TLS', { cause: error });
  if (networkCodes.has(code))
    return new StoreProblem('unreachable', `the database cannot be reached (${code})`, { cause: error });
  if (/^SASL|SCRAM/.test(error.message))
    return new StoreProblem('login_refused', `the database does not let us in: ${error.message}`, { cause: error });
  if (/Connection terminated|connection error|not queryable/i.test(error.message))
    return new StoreProblem('unreachable', 'the connection to the database was lost', { cause: error });
  return error;
}

/** Those after which the connection is of no use. */
export function endsConnection(problem: unknown): boolean {
  if (!(problem instanceof StoreProblem)) return true;
  return ['unreachable', 'timed_out', 'standby', 'tls_failed', 'closed'].includes(problem.code);
}

function ofState(state: string, error: Error): unknown {
  const [, code, what, shown] = states.find(([prefix]) => state.startsWith(prefix)) ?? [];
  if (code === undefined || what === undefined) return error;
  const words = shown === true ? `: ${error.message}` : '';
  return new StoreProblem(code, `${what}${words} (SQLSTATE ${state})`, { cause: error });
}

/** Codes of OpenSSL and of Node's own look at the name. */
function isTlsCode(code: string): boolean {
  return /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_|INVALID_CA|PATH_LENGTH|EPROTO)/.test(
    code,
  );
}
