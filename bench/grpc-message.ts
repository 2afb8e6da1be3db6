/** A message of gRPC in so many bytes: the prefix, not compressed, and its length, then zeros. At least five. */
export function grpcMessage(bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  message.writeUInt32BE(bytes - 5, 1);
  return message;
}
