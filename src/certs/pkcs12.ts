// Placeholder of the reader; see below.
import type { MaterialProblem } from '../base/material-problem.ts';
import { materialError } from '../base/material-problem.ts';

export type OpenedPkcs12 = { readonly chainPem: string; readonly keyPem: string };

export async function readPkcs12(
  _bytes: Buffer,
  _password: string,
  name: string,
): Promise<OpenedPkcs12 | { readonly problem: MaterialProblem }> {
  return { problem: materialError('pkcs12_broken', `${name} cannot be read`, '') };
}
