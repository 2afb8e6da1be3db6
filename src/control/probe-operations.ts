// Connecting to the backends of a service as the gateway does: one that runs, one that no route names yet, one that is not saved.
import { z } from 'zod';
import type { JsonObject } from '../store/canonical-json.ts';
import { ApiProblem } from './api-problem.ts';
import { auditActor, type Person, type Program } from './caller.ts';
import { errorsOf } from './change-answer.ts';
import type { ControlContext } from './control-context.ts';
import type { PlanQuestion } from './messages.ts';
import { type Operation, operation } from './operation.ts';
import { objectId } from './plan-operations.ts';
import { requireSealKey, toStored, type WrittenChange } from './stored-change.ts';
import { objectValue } from './stored-parts.ts';
import { readUpload, uploadFiles, uploadPassword } from './uploads.ts';

const answer = {
  status: 200,
  body: z.strictObject({
    backends: z.array(
      z.looseObject({
        route: z.string(),
        backend: z.string(),
        ok: z.boolean(),
        failure: z.looseObject({ cause: z.string(), remedy: z.string() }).nullable(),
      }),
    ),
  }),
};

/** Throws `invalid` where it cannot be loaded. A backend that refuses is an answer. */
async function probe(
  { ask, store }: ControlContext,
  caller: Person | Program,
  service: string,
  proposed: { readonly change: PlanQuestion; readonly written: readonly WrittenChange[] } | null,
): Promise<object> {
  const subject = `services/${service}`;
  // Where one that is not saved leads, nothing else tells later.
  const addresses = proposed?.written.flatMap((one) => addressesOf(one));
  const detail = addresses === undefined ? {} : { detail: { addresses } };
  await store.audit.note({ ...auditActor(caller), action: 'service.probe', subject, ...detail });
  const found = await ask('probe', { service, change: proposed?.change ?? null });
  if ('backends' in found) return { backends: found.backends };
  const written = proposed?.written ?? [];
  throw new ApiProblem('invalid', 'It cannot be loaded, so nobody was asked: see errors.', {
    errors: errorsOf(found, written, (index, pointer) => pointerIn(written[index]?.kind, pointer)),
  });
}

/** Host and port, perhaps behind a scheme. */
const plainAddress = /^(?:[a-z]{1,10}:\/\/)?(?:[\w.-]{1,255}|\[[\da-fA-F:.]{2,45}\])(?::\d{1,5})?$/;

/** A few of them. What is none may be anything, also a secret in the wrong place. */
function addressesOf(change: WrittenChange): string[] {
  if (change.kind !== 'services' || !('put' in change)) return [];
  const { address, addresses } = change.put;
  const all = [address, ...(Array.isArray(addresses) ? (addresses as unknown[]) : [])].map((one) =>
    typeof one === 'object' && one !== null && 'address' in one ? one.address : one,
  );
  return all.filter((one): one is string => typeof one === 'string' && plainAddress.test(one)).slice(0, 20);
}

/** Where in the body what is wrong with an object stands. */
function pointerIn(kind: string | undefined, pointer: string): string {
  if (kind === 'certificates') return '/certificate/files';
  return kind === 'caBundles' ? '/caBundle/files' : `/value${pointer}`;
}

const probeService = operation({
  id: 'probeService',
  method: 'POST',
  path: '/services/{id}:probe',
  act: 'services.probe',
  summary:
    'Connects to every address of a service as its route does, or would, and says what it speaks or why it refuses.',
  answer,
  examples: [{ name: 'none', params: { id: 'there-is-none' }, status: 404 }],
  run: async ({ context, caller, params: { id = '' } }) => {
    const { services } = await context.view();
    if (!services.some((one) => one.id === id))
      throw new ApiProblem('not_found', 'There is no service of this id among those that run.');
    return { status: 200, body: await probe(context, caller, id, null) };
  },
});

const probeUnsaved = operation({
  id: 'probeUnsavedService',
  method: 'POST',
  path: '/services:probe',
  act: 'services.probe',
  summary:
    'The same with a service that is not saved, and with a certificate and a CA bundle that are not. Stores nothing.',
  body: z.strictObject({
    id: objectId.default('unsaved').describe('Of one that is there: what it would be after a change.'),
    value: objectValue.describe('Of the service, in the words of the configuration.'),
    certificate: z
      .strictObject({ id: objectId, files: uploadFiles, password: uploadPassword.optional() })
      .optional()
      .describe('To be shown, by the id that the service names.'),
    caBundle: z.strictObject({ id: objectId, files: uploadFiles }).optional().describe('That the service names.'),
  }),
  answer,
  examples: [
    {
      name: 'nobody listens there',
      body: { value: { address: '127.0.0.1:1', tls: { mode: 'off' } } },
      status: 200,
    },
    {
      name: 'no certificate',
      body: { value: {}, certificate: { id: 'a', files: [{ name: 'a', text: 'a' }] } },
      status: 422,
    },
  ],
  run: async ({ context, caller, body }) => {
    const written: WrittenChange[] = [{ kind: 'services', id: body.id, put: body.value }];
    const { certificate, caBundle } = body;
    if (certificate !== undefined) {
      const { id, files, password } = certificate;
      const { certificates, keyPem = '' } = await readUpload(
        files,
        { use: 'client', password },
        context.clock,
        '/certificate/files',
      );
      written.push({ kind: 'certificates', id, put: { cert: certificates.join(''), key: keyPem } });
    }
    if (caBundle !== undefined) written.push(await bundleOf(context, caBundle.id, caBundle.files));
    const { stored, ask } = context;
    const head = await stored.read();
    const change = await toStored(written, {
      find: async (name) => head.find(name),
      sealKey: async () => requireSealKey(await ask('sealKey', null)),
    });
    const asked = { change: { ...change, inPlaceOfFile: true }, written };
    return { status: 200, body: await probe(context, caller, body.id, asked) };
  },
});

async function bundleOf(
  { clock }: ControlContext,
  id: string,
  files: z.output<typeof uploadFiles>,
): Promise<WrittenChange> {
  const { certificates } = await readUpload(files, { use: 'ca' }, clock, '/caBundle/files');
  const put: JsonObject = { ca: [...certificates] };
  return { kind: 'caBundles', id, put };
}

export const probeOperations: readonly Operation[] = [probeService, probeUnsaved];
