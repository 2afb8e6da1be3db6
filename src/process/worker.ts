// A worker process: one Gateway, driven by the primary's messages. It serves until it is told to drain, gets SIGTERM, or
// its primary dies. Loaded by fork(), so this module does its work when it is imported.
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { systemClock } from '../base/clock.ts';
import { takeCollector } from '../base/read-garbage.ts';
import { Gateway } from '../gateway/gateway.ts';
import { FailureReporter } from './failure-reporter.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { runtimePrint } from './runtime-fingerprint.ts';
import { Payloads } from './payload.ts';
import { SeenReporter } from './seen-reporter.ts';

/**
 * How often a function is called before V8 spends its slowest compiler on it; V8's own figure is 3000. Under load everything hot
 * comes there at once, in the first second, and compiling it takes the time that the first requests need. Ten times as many come
 * a second later, when the rest is warm. Not more: this times the length of a function's code, of 60 KiB at most, has to stay below
 * 2^31, and that compiler is worth a tenth of the CPU of a request.
 */
const callsBeforeTurbofan = 30_000;

/**
 * How far the old generation of objects may grow before V8 collects everything, in per cent of what is alive: it measures a worker as so
 * quick to collect that it allows 10, which bytes outside the heap use up at once (decision 92).
 */
const heapGrowingPercent = 150;

function say(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

const payloads = new Payloads();
const seen = new SeenReporter(systemClock, say);
const failures = new FailureReporter(systemClock, say);
const gateway = new Gateway({
  clock: systemClock,
  reusePort: true,
  onIntermediate: (der) => say({ kind: 'intermediate', der }),
  onSpent: (report) => say({ kind: 'spent', report }),
  onVerified: (verified) => seen.note(verified),
  failures: failures.tally,
  onSpans: (batch, done) => {
    // What a primary that is too slow does not take stays here, within bounds.
    if (process.connected) process.send?.({ kind: 'spans', batch } satisfies FromWorker, () => done());
    else done();
  },
});

async function act(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'piece':
      return payloads.add(message.id, message.piece);
    case 'prepare':
      try {
        const loaded = payloads.complete(message.id, message.loaded, gateway.rulesOf(message.base));
        await gateway.prepare(message.generation, loaded, message.ticketSeed);
        say({ kind: 'prepared', id: message.id });
      } catch (error) {
        say({ kind: 'failed', id: message.id, message: String(error) });
      }
      return;
    case 'commit':
      // A throw ends the process: better than to serve on by rules that are no longer active.
      gateway.commit(message.generation);
      return say({ kind: 'committed', generation: message.generation });
    case 'abandon':
      return gateway.abandon(message.generation);
    case 'listen':
      try {
        const runtime = runtimePrint();
        if (runtime !== message.proven) await (await import('../downstream/self-test.ts')).selfTest();
        gateway.setSelfTestKey(message.selfTestKey);
        await gateway.listen(message.ports);
        // Workers are ended by signals that leave no time for it: what the next one need not compile is kept now, the files of the
        // test of the runtime included.
        flushCompileCache();
        say({ kind: 'listening', runtime });
      } catch (error) {
        say({ kind: 'listenFailed', message: String(error) });
      }
      return;
    case 'ping':
      return say({ kind: 'pong' });
    case 'snapshot':
      return say({ kind: 'snapshot', id: message.id, metrics: gateway.snapshot() });
    case 'observe':
      return say({ kind: 'observed', id: message.id, observation: gateway.observe() });
    case 'crlPiece':
    case 'crls':
      return gateway.takeCrls(message);
    case 'intermediates':
      for (const der of message.ders) gateway.addIntermediate(Buffer.from(der));
      return;
    case 'spent':
      return gateway.takeSpent(message.report);
    case 'seen':
      return seen.report(message.id);
    case 'forgetSeen':
      return seen.forget(message.keys);
    case 'ticketKeys':
      return gateway.shareTicketKeys(message.shared, message.rotationMs);
    case 'staple':
      return gateway.setStaple(message.sha256, message.staple);
    case 'challenges':
      gateway.setChallenges(message.answers);
      return say({ kind: 'challenged', id: message.id });
    case 'reopen':
      return gateway.reopenLogs();
    case 'drain':
      return end();
  }
}

/** Defects that a worker may have while it ends. */
const maxLastDefects = 1000;
let ending = false;

async function end(exitCode = 0): Promise<void> {
  if (ending) return;
  ending = true;
  await gateway.drain();
  seen.report();
  failures.report();
  // What was counted since the primary last asked would be lost with us.
  const last: FromWorker = { kind: 'snapshot', id: 0, metrics: gateway.snapshot() };
  if (process.connected) process.send?.(last, () => process.exit(exitCode));
  else process.exit(exitCode);
}

process.on('message', (message) => void act(message as ToWorker));
// Without its primary a worker would serve on, unsupervised and with no way to reload.
process.on('disconnect', () => void end());
process.on('SIGTERM', () => void end());
// Ctrl-C reaches the whole process group; the primary decides what it means.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
// The last net under a defect: say what it was, let the other connections finish, make room for a fresh process.
let lastDefects = 0;
process.on('uncaughtException', (error) => {
  // A defect that comes again and again keeps the end from being reached.
  if (ending && ++lastDefects > maxLastDefects) process.exit(1);
  gateway.reportDefect(error);
  if (!ending) say({ kind: 'leaving' });
  void end(1);
});
takeCollector();
// Not among the arguments of the process: code that was compiled under other flags counts for nothing, and with it what Node
// brings of its own. By now all of that is loaded.
setFlagsFromString(`--invocation-count-for-turbofan=${callsBeforeTurbofan}`);
setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
say({ kind: 'up' });
