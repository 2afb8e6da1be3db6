// A file with certificates or keys, as the API takes it: text where it is text, else base64 of its bytes. It stays in memory and goes
// nowhere but into the request that somebody sends.
export type MaterialFile =
  | { readonly name: string; readonly text: string; readonly base64?: undefined }
  | { readonly name: string; readonly base64: string; readonly text?: undefined };

export const maxFiles = 10;
const maxBytes = 384 * 1024;

/** What is wrong with it, where it cannot be taken. */
export async function readFile(file: Pick<File, 'name' | 'size' | 'arrayBuffer'>): Promise<MaterialFile | string> {
  if (file.size > maxBytes) return `${file.name} is larger than ${maxBytes / 1024} KiB: no certificate is.`;
  if (file.size === 0) return `${file.name} is empty.`;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const name = file.name.slice(0, 200);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return { name, text };
  } catch {
    // Bytes that are no text: DER, or PKCS #12.
  }
  return { name, base64: bytes.toBase64() };
}
