// Certificates of the store: uploaded, replaced under their id, made current again. An upload is verified as the gateway verifies
// files, then its key is sealed; what comes back is the chain, and never the key.
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { JsonObject } from '../store/canonical-json.ts';
import type { StoredObject } from '../store/object.ts';
import { ApiProblem } from './api-problem.ts';
import { changeAnswer, changeQuery, planAnswer, reasonText } from './change-answer.ts';
import { answerChange } from './change-config.ts';
import type { ControlContext } from './control-context.ts';
import type { Material } from './inspect.ts';
import { type Operation, operation } from './operation.ts';
import { objectId } from './plan-operations.ts';
import { readUpload, uploadFiles, uploadPassword } from './uploads.ts';
import { deleteObject, findStored, requireFree, requireStored } from './write-resources.ts';

const kind = 'certificates' as const;
const use = z.enum(['server', 'client', 'any']).default('any').describe('Shown to clients, to backends, or either.');
const upload = {
  files: uploadFiles,
  password: uploadPassword.optional(),
  use,
  reason: reasonText.optional(),
};
const answer = { body: z.union([changeAnswer, planAnswer]) };
const noPem = { files: [{ name: 'a.pem', text: 'hello' }] };
const absent = { params: { id: 'there-is-none' } };
const anyState = { 'if-match': '"1"' };

type Uploaded = {
  readonly files: z.output<typeof uploadFiles>;
  readonly password?: string | undefined;
  readonly use: z.output<typeof use>;
};

function bodyOf({ certificates, keyPem }: Material): JsonObject {
  return { cert: certificates.join(''), ...(keyPem !== undefined && { key: keyPem }) };
}

/** `present`: whose key stays where none comes along; it has to be that of the new certificate. */
async function readCertificate(
  { files, password, use: side }: Uploaded,
  { clock }: ControlContext,
  present: StoredObject | undefined,
): Promise<JsonObject> {
  const material = await readUpload(files, { use: side, password, keyMayStay: present !== undefined }, clock);
  if (material.keyPem === undefined && present !== undefined) requireSameKey(material, present);
  return bodyOf(material);
}

function requireSameKey({ certificates }: Material, { body }: StoredObject): void {
  const [leaf] = certificates;
  const stored = body['cert'];
  const isSame = leaf !== undefined && typeof stored === 'string' && keyOf(leaf).equals(keyOf(stored));
  if (isSame) return;
  const detail = 'There is no private key among it, and the one that is stored belongs to another certificate.';
  throw new ApiProblem('invalid', detail, {
    errors: [{ pointer: '/files', code: 'no_private_key', detail, hint: 'Add the key of the certificate.' }],
  });
}

/** Of the first certificate. */
function keyOf(pem: string): Buffer {
  return new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
}

const createCertificate = operation({
  id: 'createCertificate',
  method: 'POST',
  path: '/certificates',
  act: 'certificates.write',
  summary: 'Uploads a certificate with its key under a new id. The key is sealed, and given out to nobody.',
  query: changeQuery,
  body: z.strictObject({ id: objectId, ...upload }),
  repeatable: { secrets: ['password'] },
  answer: { status: 201, also: [200, 202], ...answer },
  examples: [
    { name: 'no PEM', body: { id: 'example', ...noPem }, status: 422 },
    { name: 'no files', body: { id: 'example', files: [] }, status: 422 },
  ],
  run: async (call) => {
    const { context, body, query } = call;
    const name = { kind, id: body.id };
    const put = await readCertificate(body, context, undefined);
    return answerChange(call, {
      changes: async () => {
        await requireFree(context, name);
        return [{ ...name, put }];
      },
      reason: body.reason,
      query,
      pointerOf: () => '/files',
      status: 201,
      fields: { location: `/api/v1/certificates/${encodeURIComponent(body.id)}` },
    });
  },
});

const replaceCertificate = operation({
  id: 'replaceCertificate',
  method: 'PUT',
  path: '/certificates/{id}',
  act: 'certificates.write',
  summary: 'Puts another certificate with its key under the id: a new version.',
  query: changeQuery,
  body: z.strictObject(upload),
  conditional: true,
  answer: { status: 200, also: [202], ...answer },
  examples: [
    { name: 'none', ...absent, fields: anyState, body: noPem, status: 404 },
    { name: 'without If-Match', ...absent, body: noPem, status: 428 },
  ],
  run: async (call) => {
    const { context, params, body, query, ifMatch } = call;
    const name = { kind, id: params['id'] ?? '' };
    return answerChange(call, {
      changes: async () => {
        await requireStored(context, name, ifMatch);
        return [{ ...name, put: await readCertificate(body, context, undefined) }];
      },
      reason: body.reason,
      query,
      pointerOf: () => '/files',
    });
  },
});

const changeCertificate = operation({
  id: 'changeCertificate',
  method: 'PATCH',
  path: '/certificates/{id}',
  act: 'certificates.write',
  summary: 'Puts another chain under the id; where no key comes along, the one that is there stays.',
  query: changeQuery,
  body: z.strictObject(upload),
  conditional: true,
  answer: { status: 200, also: [202], ...answer },
  examples: [{ name: 'none', ...absent, fields: anyState, body: noPem, status: 404 }],
  run: async (call) => {
    const { context, params, body, query, ifMatch } = call;
    const name = { kind, id: params['id'] ?? '' };
    return answerChange(call, {
      changes: async () => {
        const present = await requireStored(context, name, ifMatch);
        return [{ ...name, put: await readCertificate(body, context, present) }];
      },
      reason: body.reason,
      query,
      pointerOf: () => '/files',
    });
  },
});

const addCertificateVersion = operation({
  id: 'addCertificateVersion',
  method: 'POST',
  path: '/certificates/{id}/versions',
  act: 'certificates.write',
  summary: 'Uploads the next version, for who renews: whatever is there now is replaced, and kept. The key may stay.',
  query: changeQuery,
  body: z.strictObject(upload),
  repeatable: { secrets: ['password'] },
  answer: { status: 200, also: [202], ...answer },
  examples: [{ name: 'none', ...absent, body: noPem, status: 404 }],
  run: async (call) => {
    const { context, params, body, query } = call;
    const name = { kind, id: params['id'] ?? '' };
    return answerChange(call, {
      changes: async () => {
        const present = await findStored(context, name);
        return [{ ...name, put: await readCertificate(body, context, present) }];
      },
      reason: body.reason,
      query,
      pointerOf: () => '/files',
    });
  },
});

const getCertificateChain = operation({
  id: 'getCertificateChain',
  method: 'GET',
  path: '/certificates/{id}/chain.pem',
  act: 'config.read',
  summary: 'The chain that runs under the id, or is stored, as PEM: leaf first, no key.',
  answer: { status: 200, body: z.string(), type: 'application/pem-certificate-chain' },
  examples: [
    { name: 'one of the file', params: { id: 'spare' }, status: 200 },
    { name: 'none', ...absent, status: 404 },
  ],
  run: async ({ context: { view, stored }, params: { id = '' } }) => {
    const { certificates } = await view();
    const cert = (await stored.read()).find({ kind, id })?.body['cert'];
    const running = certificates.find((one) => one.id === id)?.chainPem;
    const chain = running ?? (typeof cert === 'string' ? cert : undefined);
    if (chain === undefined) throw new ApiProblem('not_found', 'There is no certificate of this id.');
    return { status: 200, body: chain, fields: { 'content-type': 'application/pem-certificate-chain' } };
  },
});

export const certificateOperations: readonly Operation[] = [
  createCertificate,
  replaceCertificate,
  changeCertificate,
  addCertificateVersion,
  getCertificateChain,
  deleteObject({ noun: 'Certificate', path: 'certificates', kind, act: 'certificates.write' }),
];
