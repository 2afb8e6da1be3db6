// The versions of certificates and CA bundles: every document that ever stood under the id, with who put it there; an earlier
// one is made current by a revision that points to it.
import { z } from 'zod';
import type { StoredObject } from '../store/object.ts';
import type { Act } from './acts.ts';
import { ApiProblem } from './api-problem.ts';
import { certificateFacts, factsOf } from './certificate-facts.ts';
import { changeAnswer, changeQuery, planAnswer, reasonText } from './change-answer.ts';
import { answerChange } from './change-config.ts';
import { type Operation, operation } from './operation.ts';
import { timeOf } from './times.ts';
import { findStored } from './write-resources.ts';

type VersionedKind = {
  readonly noun: string;
  readonly path: string;
  readonly kind: 'certificates' | 'caBundles';
  readonly act: Act;
};

/** The newest so many are shown. */
const maxVersions = 100;

const version = z.strictObject({
  version: z.int(),
  current: z.boolean(),
  since: z
    .strictObject({
      revision: z.int(),
      at: z.iso.datetime(),
      actor: z.string(),
      reason: z.string().nullable(),
    })
    .describe('When it first stood there.'),
  certificates: z.array(certificateFacts),
});

function pemOf({ kind, body }: StoredObject): string {
  const value = kind === 'certificates' ? body['cert'] : body['ca'];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((one) => typeof one === 'string').join('\n');
}

export function versionOperations({ noun, path, kind, act }: VersionedKind): Operation[] {
  return [
    operation({
      id: `list${noun}Versions`,
      method: 'GET',
      path: `/${path}/{id}/versions`,
      act: 'config.read',
      summary: 'Every version that stood under the id, newest first; none of what stands in a file.',
      answer: { status: 200, body: z.strictObject({ items: z.array(version), next: z.null() }) },
      examples: [{ name: 'none', params: { id: 'there-is-none' }, status: 200 }],
      run: async ({ context: { store, clock }, params: { id = '' } }) => {
        const name = { kind, id };
        const known = (await store.revisions.versions(name)).toReversed().slice(0, maxVersions);
        const items = [];
        for (const { version: number, current, since } of known) {
          const [stored, revision] = [
            await store.revisions.readVersion(name, number),
            await store.revisions.find(since),
          ];
          if (stored === undefined || revision === undefined) continue;
          const { at, actor, reason } = revision;
          const first = { revision: since, at: timeOf(at), actor, reason };
          const certificates = factsOf(stored, pemOf(stored), clock.now());
          items.push({ version: number, current, since: first, certificates });
        }
        return { status: 200, body: { items, next: null } };
      },
    }),
    operation({
      id: `makeCurrent${noun}Version`,
      method: 'POST',
      path: `/${path}/{id}/versions/{version}:makeCurrent`,
      act,
      summary: 'An earlier version is current again. Nothing is made anew: keys stay as they were sealed.',
      query: changeQuery.extend({ reason: reasonText.optional() }),
      answer: { status: 200, also: [202], body: z.union([changeAnswer, planAnswer]) },
      examples: [
        { name: 'none', params: { id: 'there-is-none', version: '1' }, status: 404 },
        { name: 'no number', params: { id: 'there-is-none', version: 'last' }, status: 404 },
      ],
      run: async (call) => {
        const { context, params, query } = call;
        const { reason, ...how } = query;
        const name = { kind, id: params['id'] ?? '' };
        const number = /^[1-9]\d{0,8}$/.test(params['version'] ?? '') ? Number(params['version']) : 0;
        return answerChange(call, {
          changes: async () => {
            await findStored(context, name);
            if ((await context.store.revisions.readVersion(name, number)) === undefined)
              throw new ApiProblem('not_found', 'There is no such version.');
            return [{ ...name, version: number }];
          },
          reason,
          query: how,
          pointerOf: () => '',
        });
      },
    }),
  ];
}
