// A header list as the decoder gives it (RFC 9113 section 8.1). Blocks that are the same give the same object, so nobody may
// change it; and what header-list.ts makes of it is kept with it, so that it is made once.
import type { Fields } from '../http/field.ts';
import type { HeaderField } from './header-field.ts';
import type { Http2RequestHead, Malformed, RequestProblem, ResponseSection } from './message-head.ts';

export class DecodedHeaders {
  readonly fields: HeaderField[] = [];
  /** As SETTINGS_MAX_HEADER_LIST_SIZE counts. */
  bytes = 0;
  /** Of the fields that came, those above a limit included. */
  count = 0;
  /** Which limit was exceeded; the fields above it are not kept. '' where none. */
  excess = '';
  /** The list read as a request without a body, and as one with a body; as a response; as trailers. */
  bodyless: Http2RequestHead | RequestProblem | undefined;
  withBody: Http2RequestHead | RequestProblem | undefined;
  response: ResponseSection | Malformed | undefined;
  trailers: Fields | Malformed | undefined;
}
