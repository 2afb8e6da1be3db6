// `if`, `return`, `rewrite` and `set` of a server or a location, in the order in which nginx runs them: who is refused, what is answered
// without a backend, how the path is changed. The first answer that holds ends it.
import { type Answer, type AnswerContext, readReturn, redirectTo } from './answers.ts';
import { type Callers, type Condition, callersOf, holds, readCondition } from './condition.ts';
import { type Directive, firstWord, words } from './directive.ts';
import type { VariableMap } from './maps.ts';
import type { LossCode } from '../import/losses.ts';

export type Phase = {
  /** What every request gets that was not refused. */
  answer?: Answer;
  callers?: Callers;
  methods?: readonly string[] | undefined;
  /** Of the route, in their order. */
  readonly middlewares: string[];
  /** Requests for these hosts are answered so (certbot writes such lines). */
  readonly hosts: { readonly host: string; readonly answer: Answer }[];
  /** The path is changed by these: what `proxy_pass` adds has no place any more. */
  isRewritten?: boolean;
};

export type PhaseContext = AnswerContext & {
  readonly maps: ReadonlyMap<string, VariableMap>;
  /** Of the server block itself, before a location is looked for. */
  readonly isServer: boolean;
};

const ofTheModule = new Set(['if', 'return', 'rewrite', 'set', 'break']);

export function readPhase(directives: readonly Directive[], context: PhaseContext): Phase {
  const phase: Phase = { middlewares: [], hosts: [] };
  const { ledger } = context;
  for (const directive of directives) {
    if (!ofTheModule.has(directive.name)) continue;
    if (phase.answer !== undefined) ledger.left(directive, 'nothing gets so far: an answer stands before it');
    else if (directive.name === 'if') readIf(directive, phase, context);
    else if (directive.name === 'return') {
      const answer = readReturn(directive, context);
      if (answer !== undefined) phase.answer = answer;
    } else if (directive.name === 'rewrite') readRewrite(directive, phase, context);
    else readSet(directive, context);
  }
  return phase;
}

function readSet(directive: Directive, { ledger, scope }: PhaseContext): void {
  const variable = firstWord(directive);
  if (directive.name === 'break') ledger.left(directive, 'nothing follows it');
  else if (scope.constant(variable) !== undefined) ledger.taken(directive, 'its text, where the variable is used');
  else ledger.left(directive, 'a variable that is computed; where it is used, that is said');
}

/** Directives of a block that is lost as a whole are answered for by the loss. */
function readIf(directive: Directive, phase: Phase, context: PhaseContext): void {
  const { ledger } = context;
  const block = directive.block ?? [];
  const condition = readCondition(directive);
  const [first, second] = block;
  const text = words(directive).join(' ');
  const lose = (says: string): boolean => ledger.loses(codeOf(text), directive, says);
  if (condition === undefined || first === undefined || second !== undefined) {
    lose(
      condition === undefined
        ? 'the condition cannot be read'
        : 'only a single return can be taken over from within an if',
    );
    return;
  }
  const { variable, operator, value } = condition;
  const isRefusal = first.name === 'return' && /^(?:4\d\d|5\d\d)$/.test(firstWord(first));
  const callers = callersOf(condition, context.maps);
  if (callers !== undefined && isRefusal) {
    addCallers(phase, callers, directive, context);
    ledger.taken(first, 'status 403, or the handshake fails');
    return;
  }
  if (callers !== undefined && first.name === 'return') {
    addCallers(phase, callers, directive, context);
    ledger.changed(first, 'whoever is refused gets 403, and is sent nowhere');
    return;
  }
  const methods = variable === '$request_method' && isRefusal ? methodsOf(condition) : undefined;
  if (methods !== undefined) {
    phase.methods = meet(phase.methods, methods);
    ledger.taken(directive, 'methods of the route; others get 405');
    ledger.seen(first);
    return;
  }
  const agents = variable === '$http_user_agent' && operator === '~*' && isRefusal ? literals(value) : undefined;
  if (agents !== undefined) {
    phase.middlewares.push(context.middlewares.add('userAgentBlock', { userAgents: agents }, 'user-agents'));
    ledger.taken(directive, 'middleware userAgentBlock');
    ledger.seen(first);
    return;
  }
  if (first.name === 'return' && sendsOn(first) && isPlain(condition)) {
    const answer = readReturn(first, context);
    if (answer?.middleware !== undefined) phase.middlewares.push(answer.middleware);
    ledger.taken(directive, 'requests without TLS are sent on');
    return;
  }
  // A location has no routes beside its own, where such a host could be answered.
  if (context.isServer && first.name === 'return' && operator === '=' && /^\$(?:host|http_host)$/.test(variable)) {
    const host = value.toLowerCase();
    const answer = readReturn(first, { ...context, onlyName: host });
    if (answer !== undefined) phase.hosts.push({ host, answer });
    ledger.taken(directive, `a route for the host ${host}`);
    return;
  }
  lose('the condition has no counterpart');
}

/** A redirect, which a middleware makes in front of everything; another answer would be for every request. */
function sendsOn(directive: Directive): boolean {
  const [first = '', second] = words(directive);
  return /^(?:https?:\/\/|\$scheme:)/.test(first) || (/^30[12378]$/.test(first) && second !== undefined);
}

/** Where several lists of methods hold at once. undefined: every method. */
export function meet(...lists: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const known = lists.filter((list) => list !== undefined);
  const [first, ...others] = known;
  return first?.filter((method) => others.every((list) => list.includes(method)));
}

function isPlain(condition: Condition): boolean {
  const { variable } = condition;
  if (variable === '$scheme') return holds(condition, 'http') === true && holds(condition, 'https') === false;
  if (variable === '$https') return holds(condition, '') === true && holds(condition, 'on') === false;
  return false;
}

function addCallers(phase: Phase, callers: Callers, directive: Directive, { ledger }: PhaseContext): void {
  const known = phase.callers;
  const isSecond = known?.allow !== undefined && callers.allow !== undefined;
  if (isSecond && JSON.stringify(known) !== JSON.stringify(callers)) {
    ledger.loses(
      'identity_rule',
      directive,
      'a second list of subjects: both would have to hold, and here one rule of a list suffices',
    );
    return;
  }
  phase.callers = callers.allow === undefined ? (known ?? callers) : callers;
  const became = callers.allow === undefined ? 'required: true' : 'allow';
  if (callers.allow?.some(({ subject }) => typeof subject === 'object' && 'regex' in subject) === true)
    ledger.changed(
      directive,
      'security.clientCert.allow: in a value of the subject, characters that are escaped are hex pairs here (\\2C for a comma)',
    );
  else ledger.taken(directive, `security.clientCert.${became}`);
}

/** `!~ ^(GET|POST)$`, `!= GET`. */
function methodsOf({ operator, value }: Condition): string[] | undefined {
  const match = operator === '!=' ? [value, value] : /^\^\(?(?:\?:)?([A-Z|]+)\)?\$$/.exec(value);
  if ((operator !== '!=' && operator !== '!~') || match === null) return undefined;
  const methods = (match[1] ?? '').split('|');
  return methods.every((method) => /^[A-Z]+$/.test(method)) ? methods : undefined;
}

/** `(bot|crawler)`: texts, of which one is looked for. */
function literals(pattern: string): string[] | undefined {
  const inner = pattern.replace(/^\((.*)\)$/, '$1');
  const parts = inner.split('|').map((part) => part.replaceAll(/\\([^A-Za-z0-9])/g, '$1'));
  return /^(?:[^.*+?()[\]{}^$\\]|\\[^A-Za-z0-9])+$/.test(inner) && parts.every((part) => part !== '')
    ? parts
    : undefined;
}

/** What would be gone with a condition. */
function codeOf(condition: string): LossCode {
  if (/\$ssl_client/.test(condition)) return 'identity_rule';
  if (/\$(?:remote_addr|binary_remote_addr|realip_remote_addr|geoip)/.test(condition)) return 'address_rule';
  return 'match_condition';
}

function readRewrite(directive: Directive, phase: Phase, context: PhaseContext): void {
  const { ledger, middlewares } = context;
  const [pattern = '', target = '', flag] = words(directive);
  const isRedirect = flag === 'permanent' || flag === 'redirect' || /^(?:https?:\/\/|\$scheme)/.test(target);
  if (isRedirect && /^(?:\^|\^\/|\^\.\*|\.\*|\^\/\.\*|\^\(\.\*\)|\(\.\*\)|\^\/\(\.\*\))\$?$/.test(pattern)) {
    // Everything is sent on; `?` at the end keeps the query from being added once more.
    const whole = target
      .replace(/\?$/, '')
      .replace(/\/\$1$/, pattern.includes('/(') ? '$uri' : '/$1')
      .replace(/\$1$/, '$uri');
    const asked = target.includes('$request_uri') || target.endsWith('?') ? whole : `${whole}$is_args$args`;
    const answer = redirectTo(directive, asked, flag === 'permanent', context);
    if (answer !== undefined) phase.answer = answer;
    return;
  }
  const replacement = target.replace(/\?$/, '').replace(/\$(\d)/g, '${$1}');
  const isSimple =
    /^[^$]*(?:\$\{\d\}[^$]*)*$/.test(replacement) &&
    replacement.startsWith('/') &&
    !replacement.includes('?') &&
    !target.endsWith('?');
  if (isRedirect || !isSimple) {
    ledger.loses(
      isRedirect ? 'route_left_out' : 'path_rewrite',
      directive,
      'only a rewrite of the path, with groups of its expression, can be taken over',
    );
    return;
  }
  if (flag !== 'break' || context.isServer) {
    ledger.loses(
      'path_rewrite',
      directive,
      'the new path would be looked up among the locations again; only break within a location is the same here',
    );
    return;
  }
  if (phase.isRewritten === true) {
    ledger.loses(
      'path_rewrite',
      directive,
      'a second rewrite: nginx stops at the first that fits, here both would change the path',
    );
    return;
  }
  // It replaces the path as a whole, wherever the expression fits.
  const whole = `${pattern.startsWith('^') ? '' : '^.*'}${pattern}${pattern.endsWith('$') ? '' : '.*$'}`;
  phase.middlewares.push(middlewares.add('rewriteRegex', { pattern: whole, replacement }, 'rewrite'));
  phase.isRewritten = true;
  ledger.taken(directive, 'middleware rewriteRegex');
}
