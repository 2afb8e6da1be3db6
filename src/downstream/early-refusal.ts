// What a client is told that is refused before TLS starts: an alert that its TLS stack understands, or plain text where it
// spoke plain HTTP. Afterwards Node offers no way to send an alert.

/** Fatal alerts in a plaintext record (RFC 8446 section 6.2), for what is refused before TLS starts. */
export const alert = {
  decodeError: Buffer.from([21, 3, 3, 0, 2, 2, 50]),
  internalError: Buffer.from([21, 3, 3, 0, 2, 2, 80]),
  unrecognizedName: Buffer.from([21, 3, 3, 0, 2, 2, 112]),
} as const;

const plainHttpText = 'Client sent plain HTTP to an HTTPS port\n';
export const plainHttpAnswer = Buffer.from(
  `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${plainHttpText.length}\r\nConnection: close\r\n\r\n${plainHttpText}`,
);
