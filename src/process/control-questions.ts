// What the control process asks, answered by who has the keys: what runs, how a backend answers, which route a request would
// meet. What an answer needs is loaded with the first question of its kind.
import { basename } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { SharedFetches } from '../base/shared-fetch.ts';
import { Turns } from '../base/turns.ts';
import { UsageError } from '../base/usage-error.ts';
import type { Commitment, NoAnswer, PlanQuestion, Question, Questions, RouteQuestion } from '../control/messages.ts';
import type { TestQuestion } from '../control/test-report.ts';
import type { ConfigView } from '../control/view.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import type { MergedRecord } from '../inventory/merge-records.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { StoreState } from '../loading/store-source.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ActiveConfig } from './active-config.ts';
import type { StatusReader } from './gateway-status.ts';
import type { LiveTrust } from './live-trust.ts';
import { findLoginProvider, readProviderSecret } from './login-provider.ts';
import type { PlanSettings } from './plan-question.ts';
import type { Reloader } from './reloader.ts';
import type { TrafficHistory } from './traffic-history.ts';
import type { Workers } from './workers.ts';

export type AnswerDependencies = {
  readonly active: Pick<ActiveConfig, 'loaded' | 'generation' | 'startedWith' | 'ports'>;
  readonly status: Pick<StatusReader, 'read'>;
  readonly traffic: Pick<TrafficHistory, 'read'>;
  readonly workers: Pick<Workers, 'list'>;
  readonly trust: Pick<LiveTrust, 'crls' | 'record' | 'sources'>;
  readonly reloader: Pick<Reloader, 'reload'>;
  readonly log: Logger;
  readonly clock: Clock;
  /** How the store is, as who loads from it sees it. */
  readonly storeState: () => StoreState;
  readonly planning: PlanSettings;
  /** With the other gateways on the store. */
  readonly fetches?: SharedFetches | undefined;
  /** Of an attempt to tell a receiver of alerts, for the metrics. */
  readonly onDelivery?: (receiver: string, result: string) => void;
  /** Who came, to this gateway and to the others on its store; undefined where nobody keeps a record. */
  readonly seen: () => Promise<MergedRecord | undefined>;
};

export type QuestionOutcome = { readonly answer: unknown } | { readonly why: NoAnswer };

/** Of each backend of a probe. */
const probeMs = 8_000;
/** Probes at one time: each is a handful of handshakes. */
const maxProbes = 2;
let probes = 0;
/** Each is a request with its body, and a handshake with some backends. */
const maxTests = 2;
let tests = 0;
/** Plans that wait: each is a load of everything. */
const maxPlans = 4;
let plans = 0;
const planTurns = new Turns();

/** Never rejects. */
export async function answerQuestion(question: Question, from: AnswerDependencies): Promise<QuestionOutcome> {
  try {
    if (question.topic === 'view') return { answer: await viewUnlessKnown(question.asked, from) };
    if (question.topic === 'status') return { answer: await from.status.read() };
    if (question.topic === 'traffic') return { answer: await from.traffic.read() };
    if (question.topic === 'clients') return { answer: await readClients(from) };
    if (question.topic === 'review') return { answer: await review(question.asked, from) };
    if (question.topic === 'probe') return await probe(question.asked, from);
    if (question.topic === 'test') return await test(question.asked, from);
    if (question.topic === 'plan') return await plan(question.asked, from);
    if (question.topic === 'commit') return { answer: await commit(question.asked.revision, from) };
    if (question.topic === 'provider') return { answer: findLoginProvider(from.active.loaded) };
    if (question.topic === 'providerSecret') return { answer: await readProviderSecret(from.active.loaded) };
    if (question.topic === 'sealKey') return { answer: await findSealKey(from) };
    if (question.topic === 'deliver' || question.topic === 'tryReceiver') return await deliver(question, from);
    return { answer: await match(question.asked, from) };
  } catch (error) {
    if (error instanceof StoreProblem) return { why: { code: 'store', problem: error.code, detail: error.message } };
    if (error instanceof UsageError) return { why: { code: 'invalid', detail: error.message } };
    from.log.error({ err: error }, 'internal error: please report this');
    return { why: { code: 'internal', detail: 'The log says more.' } };
  }
}

async function readClients({ seen, active, clock }: AnswerDependencies): Promise<Questions['clients']['answer']> {
  const { readClientsSeen } = await import('./clients-seen.ts');
  return readClientsSeen(await seen(), active.loaded, clock.now());
}

async function review(
  { staleDays }: Questions['review']['asked'],
  { seen, active, clock }: AnswerDependencies,
): Promise<Questions['review']['answer']> {
  const [{ reviewTrust }, { showReview }] = await Promise.all([
    import('../audit/trust-review.ts'),
    import('../audit/review-file.ts'),
  ]);
  return showReview(reviewTrust(active.loaded, await seen(), { now: clock.now(), staleDays }));
}

/** By what it was made of: the next process asks for the same. */
const views = new WeakMap<LoadedConfig, ConfigView>();

async function viewUnlessKnown(
  { known }: Questions['view']['asked'],
  { active }: AnswerDependencies,
): Promise<ConfigView | null> {
  if (known === active.generation) return null;
  const { makeView } = await import('../control/make-view.ts');
  const { loaded, generation } = active;
  const made = views.get(loaded) ?? makeView(loaded, generation);
  views.set(loaded, made);
  return made;
}

async function probe(
  { service, change }: Questions['probe']['asked'],
  from: AnswerDependencies,
): Promise<QuestionOutcome> {
  if (change === null && !from.active.loaded.config.named.services.some(({ name }) => name === service))
    return { why: { code: 'absent', detail: 'There is no service of this id among those that run.' } };
  if (probes >= maxProbes)
    return { why: { code: 'busy', detail: 'Other probes are under way: try again in a moment.' } };
  probes++;
  try {
    const reached = await reach(service, change, from);
    if ('problems' in reached) return { answer: reached };
    const { probeBackends, probesToJson } = await import('../probe/probe-backends.ts');
    return { answer: { backends: probesToJson(await probeBackends(reached.loaded, reached.crls, probeMs)) } };
  } finally {
    probes--;
  }
}

async function test(asked: TestQuestion, { active, trust }: AnswerDependencies): Promise<QuestionOutcome> {
  if (tests >= maxTests) return { why: { code: 'busy', detail: 'Other requests are tried: try again in a moment.' } };
  tests++;
  try {
    const { runTest } = await import('./test-question.ts');
    return { answer: await runTest(asked, active.loaded, active.ports, lookUp(trust)) };
  } finally {
    tests--;
  }
}

/** A receiver that hangs holds one of these until its deadline. */
const maxDeliveries = 8;
let deliveries = 0;

async function deliver(
  { topic, asked: { receiver: name, id, body } }: Extract<Question, { topic: 'deliver' | 'tryReceiver' }>,
  { active, clock, onDelivery }: AnswerDependencies,
): Promise<QuestionOutcome> {
  const receiver = active.loaded.alertReceivers.find((one) => one.name === name);
  if (receiver === undefined) return { why: { code: 'absent', detail: 'There is no receiver of this name.' } };
  if (deliveries >= maxDeliveries)
    return { why: { code: 'busy', detail: 'Other messages are under way: try again in a moment.' } };
  deliveries++;
  try {
    if (topic === 'deliver') {
      const { postMessage } = await import('../alerts/post.ts');
      const attempt = await postMessage(receiver, { id, body }, clock);
      onDelivery?.(name, attempt.code);
      return { answer: attempt };
    }
    const { tryReceiver } = await import('../alerts/try-receiver.ts');
    return { answer: await tryReceiver(receiver, { id, body }, clock) };
  } finally {
    deliveries--;
  }
}

/** As a route of it does, all of which do alike; as one would that there is not, where there is none or it is not saved. */
async function reach(
  service: string,
  change: PlanQuestion | null,
  from: AnswerDependencies,
): Promise<{ loaded: LoadedConfig; crls: CrlLookup } | { problems: readonly object[] }> {
  const { active, trust, clock, planning, fetches } = from;
  const route = change === null && active.loaded.routes.find(({ config }) => config.service === service);
  if (route) return { loaded: { ...active.loaded, routes: [route] }, crls: lookUp(trust) };
  const { proposeService } = await import('./plan-question.ts');
  const around = { settings: planning, clock, deliveries: trust.sources, fetches };
  return planTurns.take(async () => proposeService(service, change, around));
}

async function plan(asked: PlanQuestion, from: AnswerDependencies): Promise<QuestionOutcome> {
  if (plans >= maxPlans) return { why: { code: 'busy', detail: 'Other plans are under way: try again in a moment.' } };
  plans++;
  try {
    return await planTurns.take(async () => {
      const { planChange } = await import('./plan-question.ts');
      const { active, trust, clock, planning, fetches } = from;
      return {
        answer: await planChange(asked, {
          settings: planning,
          clock,
          active: { loaded: active.loaded, crls: lookUp(trust) },
          deliveries: trust.sources,
          fetches,
          record: await from.seen(),
        }),
      };
    });
  } finally {
    plans--;
  }
}

async function findSealKey(from: AnswerDependencies): Promise<Questions['sealKey']['answer']> {
  const { readOpener } = await import('../loading/read-opener.ts');
  return readOpener(from.planning.store)?.publicParts()[0] ?? null;
}

/** What the watch of the store would do a moment later, and what came of it. */
async function commit(revision: number, from: AnswerDependencies): Promise<Commitment> {
  const { reloader, active, storeState } = from;
  const committed = (): Commitment => ({ state: 'committed', revision, generation: active.generation });
  if (isInForce(revision, storeState())) return committed();
  const outcome = await reloader.reload(`revision ${revision} of the store`);
  const state = storeState();
  if (outcome.ok && isInForce(revision, state)) return committed();
  if (outcome.ok) return { state: 'pending', why: state.problem?.message ?? 'the store could not be read' };
  if (outcome.blame === 'moment') return { state: 'pending', why: outcome.why };
  const { showProblems } = await import('./plan-question.ts');
  return { state: 'refused', why: outcome.why, problems: showProblems(outcome.problems) };
}

function isInForce(revision: number, state: StoreState): boolean {
  return state.up && state.problem === undefined && state.revision >= revision;
}

function lookUp({ crls }: Pick<LiveTrust, 'crls'>): CrlLookup {
  const groups = new Map(crls.groups().map((group) => [group.key, group.crls]));
  return { find: (key) => groups.get(key) ?? [] };
}

async function match(asked: RouteQuestion, { active, trust }: AnswerDependencies): Promise<object> {
  const { checkEntryPoint, explainRequest, readFields, splitUrl } = await import('../access/explain-request.ts');
  const { Told } = await import('../access/told.ts');
  const { method, url, headers, certificate } = asked;
  const place = splitUrl(url);
  const { entryPoint = place.entryPoint } = asked;
  checkEntryPoint(active.loaded.config, asked.entryPoint, place.scheme);
  const client = certificate === undefined ? undefined : await readClient(certificate);
  const told = new Told();
  const request = { ...place, method, entryPoint, client, headers: readFields(headers) };
  explainRequest(active.loaded, lookUp(trust), request, told);
  const { route, ...rest } = told.toJson({ method, url }) as { readonly route: { readonly file: string } | null };
  // As elsewhere in the API: folders say more of a machine than is needed.
  return { ...rest, route: route && { ...route, file: basename(route.file) } };
}

/** Throws UsageError where it is no chain. */
async function readClient(pem: string) {
  const { parseCertificates } = await import('../certs/material.ts');
  const { certificates, problems } = parseCertificates(pem, 'the certificate');
  const [leaf, ...above] = certificates;
  const wrong = problems.find(({ severity }) => severity === 'error')?.message;
  if (leaf === undefined || wrong !== undefined) throw new UsageError(wrong ?? 'it holds no certificate');
  return [leaf, ...above] as const;
}
