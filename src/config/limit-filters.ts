// Middlewares that keep requests out by what they are: `bodyLimit`, `userAgentBlock`.
import { list, map, text } from './atoms.ts';
import { parseByteSize } from './byte-size.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';

const maxAgents = 1_000;
const maxAgentLength = 256;

export const bodyLimit = filterType({
  kind: 'bodyLimit',
  names: ['bodyLimit'],
  guards: true,
  says: 'Refuses bodies of requests that are larger (413).',
  rule: map({
    limit: key(text, {
      says: 'A size with its unit: 10MB, 512Ki; required.',
      unset: 'required',
      page: 'Goma. A size: `10MB` (`K`, `M`, `G` are powers of 1000), `512Ki` (`Ki`, `Mi`, `Gi` of 1024), or bytes. `maxBodyBytes` of the route counts where it is less.',
    }),
  }),
  read: ({ limit }, at, problems) => {
    if (limit === undefined) {
      if (!at.isBroken('limit')) problems.error('missing_key', at.place, 'the rule has no `limit`');
      return undefined;
    }
    const bytes = parseByteSize(limit);
    if (bytes !== undefined && bytes > 0) return { bytes };
    reportMistake(problems, 'wrong_value', at.down('limit'), limit, {
      problem: 'is no size above 0',
      hint: 'For example 10MB, 512Ki or 1Gi.',
    });
    return undefined;
  },
});

export const userAgentBlock = filterType({
  kind: 'userAgentBlock',
  names: ['userAgentBlock'],
  guards: true,
  says: 'Refuses clients that name themselves so (403 `user_agent_denied`). Who wants to get in names himself otherwise: it keeps out honest robots.',
  rule: map({
    userAgents: key(list(text), {
      says: 'Texts that are looked for in User-Agent, whatever the case; required.',
      unset: 'required',
      page: 'Goma. Texts that are looked for in `User-Agent`, whatever the case.',
    }),
  }),
  read: ({ userAgents = [] }, at, problems) => {
    if (userAgents.length === 0 && !at.isBroken('userAgents'))
      problems.error('missing_key', at.place, 'the rule lists no `userAgents`');
    if (userAgents.length > maxAgents) problems.error('too_many', at.place, `more than ${maxAgents} user agents`);
    for (const [i, agent] of userAgents.entries())
      if (agent.trim() === '' || agent.length > maxAgentLength)
        reportMistake(problems, 'wrong_value', at.down('userAgents', i), agent, {
          problem: agent.trim() === '' ? 'is empty, and in every name' : `is longer than ${maxAgentLength} characters`,
          hint: '',
        });
    return { userAgents: userAgents.map((agent) => agent.trim().toLowerCase()) };
  },
});
