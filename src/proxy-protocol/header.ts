// What the PROXY protocol (HAProxy's proxy-protocol.txt) says of a connection that a balancer passes on, and what its two
// forms have in common: who is told apart by which first bytes, and how long a header may be.

export type SocketName = {
  /** Canonical text (RFC 5952). */
  readonly address: string;
  readonly port: number;
};

/** The two ends of the connection that the balancer accepted. */
export type ProxiedAddresses = { readonly source: SocketName; readonly destination: SocketName };

/** A line of version 1, its CRLF included. */
export const maxLineBytes = 107;
/** A header of version 2 with its TLVs; nginx draws the line at the same place. */
export const maxHeaderBytes = 4096;

/** Each byte of it ends a line or is none of HTTP's or TLS's first ones. */
export const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
export const linePrefix = Buffer.from('PROXY ', 'latin1');

/** Of version 2: signature, version and command, family and protocol, length of what follows. */
export const fixedBytes = 16;
export const command = { local: 0x20, proxy: 0x21 } as const;
export const family = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21, unixStream: 0x31 } as const;
/** Type and length of a TLV, before its value. */
export const tlvHeadBytes = 3;
export const checksumType = 0x03;
