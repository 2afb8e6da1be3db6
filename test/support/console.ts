// The console as a person has it: the real gateway with a store, Chromium without a window, the first administrator made through
// the printed link. Pages are found by role and name; what axe finds, and what the CSP refused, fails the test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium as playwright, type Page } from 'playwright-core';
import { type Gateway, startGateway } from './gateway.ts';
import { requireCommand } from './peers.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { SAFETY_NET_MS } from './wait-for.ts';

export type { Page } from 'playwright-core';

export type ConsoleOptions = {
  /** With `gateway.store`; default: a store and nothing else. */
  readonly yaml?: string;
  readonly dir?: TempDir;
  readonly workers?: number;
  /** Leave the first administrator to the test. */
  readonly withoutUser?: true;
};

export type ConsoleUnderTest = AsyncDisposable & {
  readonly gateway: Gateway;
  /** `http://localhost:PORT`, no slash at its end. */
  readonly url: string;
  readonly setupLink: string;
  readonly browser: Browser;
  /** Logged in as `admin`, at the overview. */
  readonly page: Page;
  /** Another person: nobody is logged in there. */
  openStranger(): Promise<Page>;
  /** Asks the API as the page's user. `path` below /api/v1. Fails where the status is 400 or more, unless that is named. */
  api(method: string, path: string, options?: ApiOptions): Promise<ApiReply>;
};

export type ApiOptions = {
  readonly body?: unknown;
  readonly ifMatch?: string;
  /** As another page's user. */
  readonly page?: Page;
  readonly mayFail?: true;
};

export type ApiReply = {
  readonly status: number;
  readonly etag: string;
  readonly body: Readonly<Record<string, unknown>>;
};

export const adminName = 'admin';
export const adminPassword = 'four words and more';

const storeOnly = `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  entryPoints: {webSecure: {enabled: false}}
`;

export async function openConsole(options: ConsoleOptions = {}): Promise<ConsoleUnderTest> {
  await using stack = new AsyncDisposableStack();
  const dir = options.dir ?? stack.use(openTempDir('console'));
  const { yaml = storeOnly, workers } = options;
  const gateway = stack.use(await startGateway({ yaml, dir, ...(workers !== undefined && { workers }) }));
  const line = await gateway.waitForLog(({ msg }) => msg.startsWith('there is no user yet'), {
    what: 'the setup link',
  });
  const setupLink = String(line['link']);
  const chromium = stack.use(await openChromium());
  const page = await chromium.openStranger();
  if (options.withoutUser !== true) await setUp(page, setupLink);
  const kept = stack.move();
  return {
    gateway,
    url: `http://localhost:${gateway.ports.admin}`,
    setupLink,
    browser: chromium.browser,
    page,
    openStranger: async () => chromium.openStranger(),
    api: async (method, path, given = {}) => askApi(given.page ?? page, method, path, given),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

export type Chromium = AsyncDisposable & {
  readonly browser: Browser;
  /** A page of somebody who is logged in nowhere. */
  openStranger(): Promise<Page>;
};

/** Its end fails where a page had an error, or its CSP refused something. */
export async function openChromium(): Promise<Chromium> {
  const browser = await playwright.launch({
    executablePath: requireCommand('chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  const refused: string[] = [];
  return {
    browser,
    openStranger: async () => openPage(browser, refused),
    async [Symbol.asyncDispose]() {
      await browser.close();
      assert.deepEqual(refused, [], 'errors of a page, or what its CSP refused');
    },
  };
}

async function openPage(browser: Browser, refused: string[]): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    timezoneId: 'UTC',
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(SAFETY_NET_MS);
  page.on('pageerror', (error) => refused.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) refused.push(message.text());
  });
  return page;
}

/** Through the form, as the first person does it. */
export async function setUp(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.getByLabel('Name').fill(adminName);
  await page.getByLabel('Password').fill(adminPassword);
  await page.getByRole('button', { name: 'Make the administrator' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

export async function logIn(page: Page, url: string, name = adminName, password = adminPassword): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

async function askApi(
  page: Page,
  method: string,
  path: string,
  { body, ifMatch, mayFail }: ApiOptions,
): Promise<ApiReply> {
  const reply = await page.evaluate(
    async ({ method: verb, url, text, etag }) => {
      const response = await fetch(url, {
        method: verb,
        headers: {
          ...(text !== undefined && {
            'content-type': verb === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
          }),
          ...(etag !== undefined && { 'if-match': etag }),
        },
        ...(text !== undefined && { body: text }),
      });
      return { status: response.status, etag: response.headers.get('etag') ?? '', text: await response.text() };
    },
    { method, url: `/api/v1${path}`, text: body === undefined ? undefined : JSON.stringify(body), etag: ifMatch },
  );
  if (mayFail !== true) assert.ok(reply.status < 400, `${method} ${path}: ${reply.status} ${reply.text}`);
  const parsed = reply.text === '' ? {} : (JSON.parse(reply.text) as Record<string, unknown>);
  return { status: reply.status, etag: reply.etag, body: parsed };
}

type AxeResults = {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
};

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

/** Fails with what axe finds, at both widths and in both themes; and where the page is wider than a small screen. Leaves the page as it was. */
export async function expectAccessible(page: Page): Promise<void> {
  const before = page.viewportSize() ?? { width: 1440, height: 900 };
  const found: string[] = [];
  for (const width of [1440, 320])
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      // Both are painted before anything is measured.
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
      const where = `${new URL(page.url()).pathname}, ${width} px, ${colorScheme}`;
      const wide = Number(await page.evaluate(overflow));
      if (wide > 0) found.push(`${where}: ${wide} px wider than the screen`);
      for (const one of await runAxe(page)) found.push(`${where}: ${one}`);
    }
  await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null });
  assert.deepEqual(found, []);
}

async function runAxe(page: Page): Promise<string[]> {
  const isThere = await page.evaluate(() => 'axe' in globalThis);
  // Over the DevTools protocol, which the page's CSP does not bind.
  if (!isThere) await page.evaluate(axeSource);
  const options = {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
  };
  const { violations: results } = (await page.evaluate(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => JSON.parse(JSON.stringify({ violations })))`,
  )) as AxeResults;
  return results.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ html, failureSummary = '' }) => `${id} (${help}): ${html.slice(0, 300)} ${failureSummary.slice(0, 300)}`,
    ),
  );
}
