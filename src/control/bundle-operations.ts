// CA bundles of the store: made and replaced from files or in the words of the configuration; and, before anything is changed, who of
// those seen lately would be refused or let in with other CAs, also for a bundle of the file.
import { z } from 'zod';
import type { JsonObject } from '../store/canonical-json.ts';
import type { StoredObject } from '../store/object.ts';
import { ApiProblem } from './api-problem.ts';
import { changeAnswer, changeQuery, planAnswer, reasonText } from './change-answer.ts';
import { answerChange, planOnly } from './change-config.ts';
import type { ControlContext } from './control-context.ts';
import { type Operation, operation } from './operation.ts';
import { objectId } from './plan-operations.ts';
import { objectValue } from './stored-parts.ts';
import { readUpload, uploadFiles } from './uploads.ts';
import { deleteObject, findShown, findStored, patchObject, requireFree, requireStored } from './write-resources.ts';

const kind = 'caBundles' as const;
const what = z.union([
  z.strictObject({ files: uploadFiles, reason: reasonText.optional() }),
  z.strictObject({ value: objectValue, reason: reasonText.optional() }),
]);
type What = z.output<typeof what>;
const made = z.union([
  z.strictObject({ id: objectId, files: uploadFiles, reason: reasonText.optional() }),
  z.strictObject({ id: objectId, value: objectValue, reason: reasonText.optional() }),
]);
const answer = { body: z.union([changeAnswer, planAnswer]) };
const absent = { params: { id: 'there-is-none' } };
const noPem = { files: [{ name: 'ca.pem', text: 'hello' }] };

/** What else the bundle says (revocation lists) stays, where files come alone. */
async function bodyOf(body: What, { clock }: ControlContext, present: StoredObject | undefined): Promise<JsonObject> {
  if ('value' in body) return body.value;
  const { certificates } = await readUpload(body.files, { use: 'ca' }, clock);
  return { ...present?.body, ca: [...certificates] };
}

const pointerIn =
  (body: What) =>
  (_: number, pointer: string): string =>
    'value' in body ? `/value${pointer}` : '/files';

const createBundle = operation({
  id: 'createCaBundle',
  method: 'POST',
  path: '/ca-bundles',
  act: 'config.write',
  summary: 'Makes a CA bundle, from files or in the words of the configuration.',
  query: changeQuery,
  body: made,
  repeatable: { secrets: [] },
  answer: { status: 201, also: [200, 202], ...answer },
  examples: [
    { name: 'no PEM', body: { id: 'example', ...noPem }, status: 422 },
    { name: 'what is none', query: { dryRun: 'true' }, body: { id: 'example', value: { ca: 'none' } }, status: 200 },
  ],
  run: async (call) => {
    const { context, body, query } = call;
    const name = { kind, id: body.id };
    const put = await bodyOf(body, context, undefined);
    return answerChange(call, {
      changes: async () => {
        await requireFree(context, name);
        return [{ ...name, put }];
      },
      reason: body.reason,
      query,
      pointerOf: pointerIn(body),
      status: 201,
      fields: { location: `/api/v1/ca-bundles/${encodeURIComponent(body.id)}` },
    });
  },
});

const replaceBundle = operation({
  id: 'replaceCaBundle',
  method: 'PUT',
  path: '/ca-bundles/{id}',
  act: 'config.write',
  summary: 'Puts other CAs under the id: a new version.',
  query: changeQuery,
  body: what,
  conditional: true,
  answer: { status: 200, also: [202], ...answer },
  examples: [
    { name: 'none', ...absent, fields: { 'if-match': '"1"' }, body: noPem, status: 404 },
    { name: 'without If-Match', ...absent, body: noPem, status: 428 },
  ],
  run: async (call) => {
    const { context, params, body, query, ifMatch } = call;
    const name = { kind, id: params['id'] ?? '' };
    return answerChange(call, {
      changes: async () => {
        const present = await requireStored(context, name, ifMatch);
        return [{ ...name, put: await bodyOf(body, context, present) }];
      },
      reason: body.reason,
      query,
      pointerOf: pointerIn(body),
    });
  },
});

const addVersion = operation({
  id: 'addCaBundleVersion',
  method: 'POST',
  path: '/ca-bundles/{id}/versions',
  act: 'config.write',
  summary: 'The next version: whatever is there now is replaced, and kept.',
  query: changeQuery,
  body: what,
  repeatable: { secrets: [] },
  answer: { status: 200, also: [202], ...answer },
  examples: [{ name: 'none', ...absent, body: noPem, status: 404 }],
  run: async (call) => {
    const { context, params, body, query } = call;
    const name = { kind, id: params['id'] ?? '' };
    return answerChange(call, {
      changes: async () => {
        const present = await findStored(context, name);
        return [{ ...name, put: await bodyOf(body, context, present) }];
      },
      reason: body.reason,
      query,
      pointerOf: pointerIn(body),
    });
  },
});

const previewBundle = operation({
  id: 'previewCaBundle',
  method: 'POST',
  path: '/ca-bundles/{id}:preview',
  act: 'config.plan',
  summary: 'What other CAs under the id would do: who of those seen lately would be refused or let in. Stores nothing.',
  body: what,
  answer: { status: 200, body: planAnswer },
  examples: [
    { name: 'none', ...absent, body: noPem, status: 404 },
    { name: 'no PEM', params: { id: 'internal' }, body: noPem, status: 422 },
  ],
  run: async ({ context, params, body }) => {
    const name = { kind, id: params['id'] ?? '' };
    const present = (await context.stored.read()).find(name);
    if (present === undefined && findShown(await context.view(), name) === undefined)
      throw new ApiProblem('not_found', 'There is no CA bundle of this id.');
    const put = await bodyOf(body, context, present);
    const plan = await planOnly(context, {
      changes: async () => [{ ...name, put }],
      reason: undefined,
      query: { wait: 'local', dryRun: 'true' },
      pointerOf: pointerIn(body),
      inPlaceOfFile: true,
    });
    return { status: 200, body: plan };
  },
});

const written = { noun: 'CaBundle', path: 'ca-bundles', kind } as const;

export const bundleOperations: readonly Operation[] = [
  createBundle,
  replaceBundle,
  patchObject(written),
  deleteObject(written),
  addVersion,
  previewBundle,
];
