// `type: accessLog`: what the line of a request says besides. Secrets are none of it.
import { isToken } from '../http/field.ts';
import { list, map, text } from './atoms.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';
import { ignored } from './support.ts';

/** Of one middleware. */
const maxNames = 16;
const maxNameLength = 64;

/** Who has one of these is the client that sent it. */
const secret = /^(?:proxy-)?authorization$|cookie|token|secret|password|passwd|api-?key|credential|session/i;

export const accessLog = filterType({
  kind: 'accessLog',
  names: ['accessLog'],
  guards: false,
  says: 'Adds what requests say to their lines in the access log, under `noted`.',
  rule: map({
    headers: key(list(text), {
      says: 'Names of request fields.',
      default: [],
      page: 'Goma. Names of request fields. `Authorization`, `Cookie` and what else is a secret by its name: an error.',
    }),
    query: key(list(text), { says: 'Names in the query.', default: [], page: 'Goma. Names in the query; likewise.' }),
    cookies: ignored('cookies are secrets, none is written to a log'),
  }),
  read: ({ headers, query }, at, problems) => {
    if (headers.length + query.length > maxNames) problems.error('too_many', at.place, `more than ${maxNames} names`);
    if (headers.length + query.length === 0)
      problems.warn('unused_value', at.place, 'the middleware adds nothing to the log', 'Write headers or query.');
    for (const [name, names] of Object.entries({ headers, query }))
      for (const [i, one] of names.entries()) {
        const here = at.down(name, i);
        if (one.length > maxNameLength || (name === 'headers' && !isToken(one)) || !/^[\x21-\x7e]+$/.test(one))
          reportMistake(problems, 'wrong_value', here, one, { problem: 'is no name', hint: '' });
        else if (secret.test(one))
          reportMistake(problems, 'secret_logged', here, one, {
            problem: 'is a secret by its name, which no log should have',
            hint: 'Whoever reads the log could do what the client can.',
          });
      }
    return { headers: headers.map((name) => name.toLowerCase()), query };
  },
});
