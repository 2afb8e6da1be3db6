// One look-up of a host name, in the order of the usual nsswitch.conf: /etc/hosts, the names that are special (RFC 6761), then
// the name servers with the search list of resolv.conf, and last what only the system's own resolver knows.
import type { Clock } from '../base/clock.ts';
import { type Answer, answerOf, failed, isFailure } from './answer.ts';
import type { NameServers } from './name-servers.ts';
import { searchNames } from './resolv-conf.ts';
import type { SystemFiles } from './system-files.ts';
import type { SystemLookup } from './system-lookup.ts';

export type LookUpDependencies = {
  readonly clock: Clock;
  readonly files: SystemFiles;
  readonly servers: NameServers;
  /** undefined where the configuration names the servers: then nobody else is asked. */
  readonly system: SystemLookup | undefined;
  readonly timeoutMs: number;
};

/** A file is cheap to look at again. */
const fileTtlMs = 5_000;
/** getaddrinfo tells no time to live. */
const systemTtlMs = 30_000;

export class LookUp {
  readonly #name: string;
  readonly #setup: LookUpDependencies;
  readonly #done: (answer: Answer) => void;
  readonly #names: string[];
  /** Of a server that failed for one name of the list, as in glibc: the next may be found. */
  #failure: Answer | undefined;
  #over = false;
  #cancelTimer: (() => void) | undefined;
  #cancelSystem: (() => void) | undefined;

  /** `done` is called once, at once where no server has to be asked. */
  constructor(name: string, setup: LookUpDependencies, done: (answer: Answer) => void) {
    this.#name = name;
    this.#setup = setup;
    this.#done = done;
    this.#names = [...searchNames(name, setup.files.resolvConf)];
  }

  start(): void {
    const known = this.#setup.files.hosts.get(this.#name) ?? specialAddresses(this.#name);
    if (known !== undefined && known.length > 0) return this.#finish(answerOf(known, fileTtlMs));
    if (known !== undefined) return this.#finish(notFound(this.#name));
    this.#cancelTimer = this.#setup.clock.after(this.#setup.timeoutMs, () => this.#late());
    this.#askNext();
  }

  #askNext(): void {
    const name = this.#names.shift();
    if (name === undefined) return this.#askSystem();
    this.#setup.servers.ask(name, (answer) => {
      if (!this.#over) this.#onAnswer(answer);
    });
  }

  #onAnswer(answer: Answer): void {
    const { v4, v6 } = answer;
    const found = [v4, v6].some((family) => !isFailure(family) && family.addresses.length > 0);
    if (found) return this.#finish(answer);
    const failures = [v4, v6].filter(isFailure);
    // A silent server is silent for the next name as well.
    if (failures.some(({ code }) => code === 'timeout')) return this.#finish(answer);
    if (failures.length > 0) this.#failure ??= answer;
    this.#askNext();
  }

  #askSystem(): void {
    const { system } = this.#setup;
    const nothing = this.#failure ?? notFound(this.#name);
    // Where there is a name server that fails, the system asks the same one.
    if (system === undefined || (this.#failure !== undefined && !isServerless(this.#failure)))
      return this.#finish(nothing);
    this.#cancelSystem = system.ask(this.#name, (answer) => {
      if ('addresses' in answer) this.#finish(answerOf(answer.addresses, systemTtlMs));
      else this.#finish(nothing);
    });
  }

  #late(): void {
    const detail = `no name server answered for ${this.#name} within ${this.#setup.timeoutMs} ms`;
    this.#finish(this.#failure ?? failed({ code: 'timeout', raw: 'ETIMEOUT', detail }));
  }

  #finish(answer: Answer): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer?.();
    this.#cancelSystem?.();
    this.#done(answer);
  }
}

/** No server listens where resolv.conf says, or none is named. */
function isServerless({ v4, v6 }: Answer): boolean {
  return [v4, v6].filter(isFailure).every(({ raw }) => raw === 'ECONNREFUSED');
}

function notFound(name: string): Answer {
  return failed({ code: 'not_found', raw: 'ENOTFOUND', detail: `there is no address for ${name}` });
}

/** RFC 6761 sections 6.3 and 6.4; none for names that never exist. */
function specialAddresses(name: string): readonly string[] | undefined {
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  return name === 'invalid' || name.endsWith('.invalid') ? [] : undefined;
}
