// A backend has said that it did not begin with a request (RFC 9113 sections 6.8 and 8.7): it is as good as new.
import { Fault } from '../base/fault.ts';

/** Why the request comes back: its stream alone was refused, or the connection ends, which may have served others before. */
export type RefusedBy = 'stream' | 'connection that served others' | 'connection that served nothing';

export class StreamRefused extends Fault {
  readonly by: RefusedBy;

  /** `raw`: what the backend sent, in words of HTTP/2. */
  constructor(by: RefusedBy, options: { readonly detail: string; readonly raw: string }) {
    super('stream_refused', 'backend', options);
    this.by = by;
  }
}
