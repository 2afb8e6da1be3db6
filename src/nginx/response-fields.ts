// `add_header` and `proxy_hide_header` as a rule of responseHeaders.
import type { DraftMap } from '../import/draft.ts';
import { words } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { templateOf } from './request-fields.ts';
import type { Scope } from './scope.ts';
import { expand } from './answers.ts';

/** Empty where it would change nothing. */
export function readResponseFields(scope: Scope, ledger: Ledger): DraftMap {
  const append: DraftMap = {};
  const remove: string[] = [];
  for (const directive of scope.all('add_header')) {
    const [name = '', value = '', always] = words(directive);
    const template = templateOf(expand(value, scope).replace(/\$\{(\w+)\}/g, '$$$1'));
    const isTwice = Object.keys(append).some((one) => one.toLowerCase() === name.toLowerCase());
    if (template === undefined || isTwice)
      ledger.changed(
        directive,
        isTwice ? 'a second one of this name is left out' : 'left out: a variable in it has no counterpart',
      );
    else if (template === '') ledger.left(directive, 'nothing is added');
    else {
      append[name] = template;
      if (always === 'always') ledger.taken(directive, 'responseHeaders, append');
      else
        ledger.changed(directive, 'responseHeaders, append: for every status, nginx only adds it to those below 400');
    }
  }
  for (const name of ['proxy_hide_header', 'grpc_hide_header', 'more_clear_headers'])
    for (const directive of scope.all(name)) {
      remove.push(...words(directive).filter((word) => /^[A-Za-z0-9-]+$/.test(word)));
      ledger.taken(directive, 'responseHeaders, removeHeaders');
    }
  return { ...(remove.length > 0 && { removeHeaders: remove }), ...(Object.keys(append).length > 0 && { append }) };
}
