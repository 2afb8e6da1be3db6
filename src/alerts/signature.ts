// The signature of a webhook, as Standard Webhooks has it (https://www.standardwebhooks.com): HMAC-SHA256 over id, moment and body, so
// that nothing of it can be changed, and nothing can be sent again later as if it were new.
import { createHmac } from 'node:crypto';
import { keyOfSecret } from '../config/alert-secrets.ts';

export type SignedFields = {
  readonly 'webhook-id': string;
  /** Seconds since the epoch. */
  readonly 'webhook-timestamp': string;
  /** One for each secret, with blanks between: `v1,BASE64`. Absent where there is no secret. */
  readonly 'webhook-signature'?: string;
};

/** `nowMs`: of this attempt, not of the message. */
export function signMessage(id: string, body: string, secrets: readonly string[], nowMs: number): SignedFields {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', keyOfSecret(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
    return `v1,${mac}`;
  });
  const fields = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  return signatures.length === 0 ? fields : { ...fields, 'webhook-signature': signatures.join(' ') };
}
