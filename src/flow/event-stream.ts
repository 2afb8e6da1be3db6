// Server-sent events (WHATWG HTML, section 9.2): an answer that may be silent for as long as there is nothing to tell.

const mediaType = /^text\/event-stream *(?:;|$)/i;

/** `type`: Content-Type of an answer. */
export function isEventStream(type: string): boolean {
  return mediaType.test(type);
}
