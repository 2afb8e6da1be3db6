/** One minute of requests and handshakes, by how they ended: class of the status, reason code, verdict. */
export type TrafficMinute = {
  /** When it began, milliseconds since the epoch. */
  readonly at: number;
  /** `2xx`; `0xx`: cut off before an answer. */
  readonly requests: Readonly<Record<string, number>>;
  /** Requests that failed or were refused, by code. */
  readonly faults: Readonly<Record<string, number>>;
  /** With clients; `ok` and reason codes. */
  readonly handshakes: Readonly<Record<string, number>>;
};
