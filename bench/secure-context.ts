// What clients of the load show and trust: one context for all connections of a job.
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Job } from './job.ts';

const contexts = new WeakMap<Job, SecureContext>();

export function contextOf(job: Job): SecureContext {
  const known = contexts.get(job);
  if (known !== undefined) return known;
  const { ca, cert, key } = job;
  // X25519 for everybody: what a gateway's OpenSSL knows of post-quantum groups is not what is compared here.
  const made = createSecureContext({ ca, cert, key, ecdhCurve: 'X25519' });
  contexts.set(job, made);
  return made;
}
