// A real browser without a window: Chromium, which finds CA and client certificate where users have them (its NSS database) and is
// driven over the DevTools protocol, by `ws`. Everything that it keeps is in a folder that goes with it.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { runToEnd, startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

export type BrowserOptions = {
  /** File of the CA that its servers are to have. */
  readonly ca: string;
  /** What it shows to every server that asks, without asking its user; none where it is left out. Files. */
  readonly as?: { readonly cert: string; readonly key: string };
};

export type Browser = AsyncDisposable & {
  openPage(): Promise<Page>;
};

export type Page = {
  /** Resolves when the page is there; why it is not (`net::ERR_…`), where it is not. */
  goTo(url: string): Promise<string | undefined>;
  /** The value of an expression, of a promise that one gives where it does; what it throws is thrown. */
  evaluate(expression: string): Promise<unknown>;
};

/** No user is asked which certificate to take. */
const preferences = {
  profile: { content_settings: { exceptions: { auto_select_certificate: { '*,*': { setting: { filters: [{}] } } } } } },
};

/** What a browser does of its own accord would only take time. Names below `test` are this machine. */
const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--remote-debugging-port=0',
  '--host-resolver-rules=MAP *.test 127.0.0.1',
];

export async function startBrowser({ ca, as }: BrowserOptions): Promise<Browser> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(openTempDir('browser'));
  await fillDatabase(dir, ca, as);
  dir.write('profile/Default/Preferences', JSON.stringify(preferences));
  const args = [...flags, `--user-data-dir=${dir.file('profile')}`, 'about:blank'];
  const home = { HOME: dir.path, XDG_CONFIG_HOME: dir.path, XDG_CACHE_HOME: dir.path };
  const browser = stack.use(await startProcess(requireCommand('chromium'), args, { env: home, name: 'chromium' }));
  const { text } = await browser.lines.waitFor((line) => line.text.startsWith('DevTools listening on '));
  const devTools = new DevTools(text.slice('DevTools listening on '.length).trim());
  stack.defer(() => devTools.close());
  await devTools.open();
  const kept = stack.move();
  return { openPage: () => openPage(devTools), [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function fillDatabase(dir: TempDir, ca: string, as: BrowserOptions['as']): Promise<void> {
  dir.write('.pki/nssdb/.keep', '');
  const database = `sql:${dir.file('.pki/nssdb')}`;
  await run('certutil', ['-N', '-d', database, '--empty-password']);
  await run('certutil', ['-A', '-d', database, '-t', 'C,,', '-n', 'servers', '-i', ca]);
  if (as === undefined) return;
  const bag = dir.file('client.p12');
  await run('openssl', ['pkcs12', '-export', '-in', as.cert, '-inkey', as.key, '-passout', 'pass:none', '-out', bag]);
  await run('pk12util', ['-i', bag, '-d', database, '-W', 'none']);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(requireCommand(command), args);
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${stderr}`);
}

type Message = {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
};

/** The DevTools protocol: commands with numbers, their answers, events. */
class DevTools {
  readonly messages = new Feed<Message>('DevTools');
  readonly #socket: WebSocket;
  #last = 0;

  constructor(url: string) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as Message));
    this.#socket.on('close', () => this.messages.end('the browser is gone'));
    this.#socket.on('error', () => undefined);
  }

  async open(): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) await once(this.#socket, 'open');
  }

  close(): void {
    this.#socket.terminate();
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    this.#last += 1;
    const id = this.#last;
    const from = this.messages.length;
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    const answer = await this.messages.waitFor((message) => message.id === id, { from, what: method });
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }
}

async function openPage(devTools: DevTools): Promise<Page> {
  const { targetId } = await devTools.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await devTools.send('Target.attachToTarget', { targetId, flatten: true });
  const session = String(sessionId);
  await devTools.send('Page.enable', {}, session);
  return {
    async goTo(url) {
      const from = devTools.messages.length;
      const { errorText } = await devTools.send('Page.navigate', { url }, session);
      const isThere = (one: Message): boolean => one.sessionId === session && one.method === 'Page.loadEventFired';
      await devTools.messages.waitFor(isThere, { from, what: url });
      return typeof errorText === 'string' ? errorText : undefined;
    },
    async evaluate(expression) {
      const params = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await devTools.send('Runtime.evaluate', params, session);
      if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
      return (result as { readonly value?: unknown }).value;
    },
  };
}
