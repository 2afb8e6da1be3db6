// Files that somebody uploads: text or bytes, as members of a body of JSON. What is wrong with them is told of the file.
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { MaterialProblem } from '../base/material-problem.ts';
import { ApiProblem, type FieldError } from './api-problem.ts';
import { inspectUpload, type Material, type Upload, type UploadOptions } from './inspect.ts';

/** One upload may hold a private key: no limit is larger than it must be. */
const maxFiles = 10;
export const maxFileLength = 512 * 1024;
const fileName = z.string().min(1).max(200).describe('As messages call it.');

export const uploadFiles = z
  .array(
    z.union([
      z.strictObject({ name: fileName, text: z.string().max(maxFileLength) }),
      z.strictObject({ name: fileName, base64: z.base64().max(maxFileLength).describe('Of the bytes.') }),
    ]),
  )
  .min(1)
  .max(maxFiles)
  .describe('PEM, base64 of PEM, DER or PKCS #12; in any order, key and chain in one or several.');
export type UploadFiles = z.output<typeof uploadFiles>;

export const uploadPassword = z.string().max(1000).describe('Of a PKCS #12 file.');

export function toUploads(files: UploadFiles): Upload[] {
  return files.map((file) => ({
    name: file.name,
    bytes: 'text' in file ? Buffer.from(file.text) : Buffer.from(file.base64, 'base64'),
  }));
}

/** Throws `invalid` with everything that is wrong. `pointer`: of the files in the body. */
export async function readUpload(
  files: UploadFiles,
  options: Omit<UploadOptions, 'now'>,
  clock: Pick<Clock, 'now'>,
  pointer = '/files',
): Promise<Material> {
  const { material, problems } = await inspectUpload(toUploads(files), { ...options, now: clock.now() });
  if (material !== undefined) return material;
  const errors = problems.filter(({ severity }) => severity === 'error').map((one) => toError(one, files, pointer));
  throw new ApiProblem('invalid', 'What was uploaded cannot be used: see errors.', { errors });
}

function toError({ message, code, hint }: MaterialProblem, files: UploadFiles, pointer: string): FieldError {
  const index = files.findIndex(({ name }) => message.includes(name));
  const place = code === 'pkcs12_password' ? pointer.replace(/files$/, 'password') : pointer;
  const at = index < 0 || place !== pointer ? place : `${pointer}/${index}`;
  return { pointer: at, code, detail: message, ...(hint !== '' && { hint }) };
}
