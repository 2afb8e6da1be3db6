// Writing one object: made, replaced, changed by a merge patch, removed. Each is a change of one object (change-config.ts) that
// says which state of it is meant; what stands in the file is changed there.
import { z } from 'zod';
import type { JsonObject } from '../store/canonical-json.ts';
import type { ObjectName, StoredObject } from '../store/object.ts';
import type { Act } from './acts.ts';
import { ApiProblem } from './api-problem.ts';
import { changeAnswer, changeQuery, planAnswer, reasonText } from './change-answer.ts';
import { answerChange } from './change-config.ts';
import type { ControlContext } from './control-context.ts';
import { mergePatch } from './merge-patch.ts';
import { type Operation, operation } from './operation.ts';
import { objectId } from './plan-operations.ts';
import { objectValue, revisionOf, valueOf } from './stored-parts.ts';
import { timeOf } from './times.ts';
import type { ConfigView, Origin, Usage } from './view.ts';

export type WrittenKind = {
  /** For operation ids: `Service`. */
  readonly noun: string;
  readonly path: string;
  /** As the store calls it. */
  readonly kind: 'certificates' | 'caBundles' | 'services' | 'routes' | 'policies' | 'middlewares';
  /** Of one that is made; it need not be usable. */
  readonly example: { readonly id: string; readonly value: JsonObject };
  /** Default `config.write`. */
  readonly act?: Act;
};

type Shown = { readonly id: string; readonly origin: Origin; readonly usedBy?: readonly Usage[] };

export function findShown(view: ConfigView, { kind, id }: ObjectName): Shown | undefined {
  const lists: Readonly<Record<string, readonly Shown[]>> = {
    certificates: view.certificates,
    caBundles: view.caBundles,
    services: view.services,
    routes: view.routes,
    policies: view.policies,
    middlewares: view.middlewares,
  };
  return lists[kind]?.find((one) => one.id === id);
}

/** What stands in a file: `gateway.yml:12`. */
function placeOf(shown: Shown | undefined): { readonly file: string; readonly line: number } | undefined {
  return shown?.origin.kind === 'file' ? shown.origin.place : undefined;
}

/** Throws `duplicate`, wherever the name stands. */
export async function requireFree({ view, stored }: ControlContext, name: ObjectName, pointer = '/id'): Promise<void> {
  const place = placeOf(findShown(await view(), name));
  const present = (await stored.read()).find(name);
  if (place === undefined && present === undefined) return;
  const where = place === undefined ? 'the store' : `${place.file}:${place.line}`;
  const detail = `There is one of this name in ${where}.`;
  throw new ApiProblem('duplicate', detail, {
    errors: [{ pointer, code: 'duplicate', detail, ...(place && { place }) }],
    members: place === undefined ? { changedIn: present?.revision } : { place },
  });
}

/** The object as it is stored. Throws `read_only` for one of the file, `not_found`, `stale` for another state than is meant. */
export async function requireStored(
  context: ControlContext,
  name: ObjectName,
  ifMatch: string | undefined,
): Promise<StoredObject> {
  const meant = revisionOf(ifMatch);
  const present = await findStored(context, name);
  if (present.revision === meant) return present;
  const change = await context.store.revisions.find(present.revision);
  const changedBy =
    change === undefined
      ? null
      : { revision: change.number, actor: change.actor, at: timeOf(change.at), reason: change.reason };
  throw new ApiProblem(
    'stale',
    `It was changed${change === undefined ? '' : ` by ${change.actor}`} since you saw it.`,
    {
      members: { changedBy, current: { changedIn: present.revision, value: valueOf(present) } },
    },
  );
}

/** As requireStored, in whichever state. */
export async function findStored({ view, stored }: ControlContext, name: ObjectName): Promise<StoredObject> {
  const present = (await stored.read()).find(name);
  if (present !== undefined) return present;
  const place = placeOf(findShown(await view(), name));
  if (place !== undefined)
    throw new ApiProblem('read_only', `It stands in ${place.file}:${place.line} and is changed there.`, {
      members: { place },
    });
  throw new ApiProblem('not_found', 'There is nothing of this id.');
}

/** Throws `in_use`, with everything that refers to it. */
async function requireUnused({ view }: ControlContext, name: ObjectName): Promise<void> {
  const usedBy = findShown(await view(), name)?.usedBy ?? [];
  if (usedBy.length === 0) return;
  const names = usedBy.slice(0, 5).map(({ kind, id }) => `${kind}/${id}`);
  const more = usedBy.length > names.length ? ` and ${usedBy.length - names.length} more` : '';
  throw new ApiProblem('in_use', `It is used by ${names.join(', ')}${more}.`, { members: { usedBy } });
}

const answer = { body: z.union([changeAnswer, planAnswer]) };

export function writeOperations(of: WrittenKind): Operation[] {
  return [createObject(of), replaceObject(of), patchObject(of), deleteObject(of)];
}

const absent = { params: { id: 'there-is-none' }, fields: { 'if-match': '"1"' } };
const inValue = (_: number, pointer: string): string => `/value${pointer}`;

function createObject({ noun, path, kind, example }: WrittenKind): Operation {
  return operation({
    id: `create${noun}`,
    method: 'POST',
    path: `/${path}`,
    act: 'config.write',
    summary: `Makes one of the ${path}.`,
    query: changeQuery,
    body: z.strictObject({ id: objectId, value: objectValue, reason: reasonText.optional() }),
    repeatable: { secrets: [] },
    answer: { status: 201, also: [200, 202], ...answer },
    examples: [
      { name: 'a dry run', query: { dryRun: 'true' }, body: example, status: 200 },
      { name: 'nothing', body: {}, status: 422 },
      { name: 'what is none', body: { id: 'none', value: { nothing: 'of it' } }, status: 422 },
    ],
    run: async (call) => {
      const { context, body, query } = call;
      const name = { kind, id: body.id };
      return answerChange(call, {
        changes: async () => {
          await requireFree(context, name);
          return [{ ...name, put: body.value }];
        },
        reason: body.reason,
        query,
        pointerOf: inValue,
        status: 201,
        fields: { location: `/api/v1/${path}/${encodeURIComponent(body.id)}` },
      });
    },
  });
}

function replaceObject({ noun, path, kind, example }: WrittenKind): Operation {
  return operation({
    id: `replace${noun}`,
    method: 'PUT',
    path: `/${path}/{id}`,
    act: 'config.write',
    summary: `Puts another document in the place of one of the ${path}.`,
    query: changeQuery,
    body: z.strictObject({ value: objectValue, reason: reasonText.optional() }),
    conditional: true,
    answer: { status: 200, also: [202], ...answer },
    examples: [
      { name: 'none', ...absent, body: { value: example.value }, status: 404 },
      { name: 'without If-Match', params: absent.params, body: { value: example.value }, status: 428 },
    ],
    run: async (call) => {
      const { context, params, body, query, ifMatch } = call;
      const name = { kind, id: params['id'] ?? '' };
      return answerChange(call, {
        changes: async () => {
          await requireStored(context, name, ifMatch);
          return [{ ...name, put: body.value }];
        },
        reason: body.reason,
        query,
        pointerOf: inValue,
      });
    },
  });
}

export function patchObject({ noun, path, kind }: Omit<WrittenKind, 'example'>): Operation {
  return operation({
    id: `change${noun}`,
    method: 'PATCH',
    path: `/${path}/{id}`,
    act: 'config.write',
    summary: `Changes what is named of one of the ${path} (JSON Merge Patch): null takes away, what is absent stays.`,
    query: changeQuery,
    body: z.strictObject({ value: objectValue, reason: reasonText.optional() }),
    conditional: true,
    answer: { status: 200, also: [202], ...answer },
    examples: [
      { name: 'none', ...absent, body: { value: {} }, status: 404 },
      { name: 'a list', ...absent, body: { value: [] }, status: 422 },
    ],
    run: async (call) => {
      const { context, params, body, query, ifMatch } = call;
      const name = { kind, id: params['id'] ?? '' };
      return answerChange(call, {
        changes: async () => {
          const present = await requireStored(context, name, ifMatch);
          return [{ ...name, put: mergePatch(present.body, body.value) }];
        },
        reason: body.reason,
        query,
        pointerOf: inValue,
      });
    },
  });
}

export function deleteObject({ noun, path, kind, act = 'config.write' }: Omit<WrittenKind, 'example'>): Operation {
  return operation({
    id: `delete${noun}`,
    method: 'DELETE',
    path: `/${path}/{id}`,
    act,
    summary: `Removes one of the ${path}, where nothing refers to it.`,
    query: changeQuery.extend({ reason: reasonText.optional() }),
    conditional: true,
    answer: { status: 200, also: [202], ...answer },
    examples: [
      { name: 'none', ...absent, status: 404 },
      { name: 'without If-Match', params: absent.params, status: 428 },
    ],
    run: async (call) => {
      const { context, params, query, ifMatch } = call;
      const { reason, ...how } = query;
      const name = { kind, id: params['id'] ?? '' };
      return answerChange(call, {
        changes: async () => {
          await requireStored(context, name, ifMatch);
          // Who plans is shown what would be wrong instead.
          if (how.dryRun === 'false') await requireUnused(context, name);
          return [{ ...name, remove: true }];
        },
        reason,
        query: how,
        pointerOf: () => '',
      });
    },
  });
}
