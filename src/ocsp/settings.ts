// How one policy asks about its clients over OCSP (RFC 6960).
export type OcspSettings = {
  readonly mode: 'soft' | 'hard';
  readonly responder: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly timeoutMs: number;
  readonly refreshMs: number;
};
