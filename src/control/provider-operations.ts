// Signing in with the identity provider, and out again. A browser is sent there by our page, and our page brings back what it came back
// with: so both halves are requests of our own origin, the cookies can be SameSite=Strict, and a link of somebody else does nothing.
import { z } from 'zod';
import { attemptCookie, attemptField } from '../oidc/sign-in-attempt.ts';
import { SignInFault, signInFaultSpec } from '../oidc/sign-in-fault.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { admitIdentity } from './admit-identity.ts';
import { ApiProblem } from './api-problem.ts';
import type { ControlContext } from './control-context.ts';
import { endSession, sessionGone } from './end-session.ts';
import { openOperation, type Operation, operation } from './operation.ts';
import { endProviderSessions, noteProviderSession } from './provider-sessions.ts';
import { me, refuseHurry, startSession } from './start-session.ts';

const beginByProvider = openOperation({
  id: 'beginByProvider',
  method: 'POST',
  path: '/sessions:beginByProvider',
  summary:
    'Begins a login with the identity provider: where the browser goes. The cookie is needed to finish it, within ten minutes.',
  answer: { status: 200, body: z.strictObject({ url: z.string().describe('At the provider.') }) },
  examples: [{ name: 'without a provider', status: 404 }],
  run: async ({ context, authority, remote }) => {
    const { settings, party } = await context.signIn.open();
    try {
      const { protocol, host, hostname } = new URL(settings.redirectUri);
      // Its cookie would not come back.
      if (hostOf(authority) !== hostname)
        throw new SignInFault('other_address', `Open the console at ${protocol}//${host} to sign in.`);
      const { url, cookie } = await party.begin();
      return { status: 200, body: { url }, cookies: [attemptField(cookie)] };
    } catch (error) {
      throw toldProblem(error, remote, context);
    }
  },
});

const logInByProvider = openOperation({
  id: 'logInByProvider',
  method: 'POST',
  path: '/sessions:byProvider',
  summary: 'Finishes a login with the identity provider, with the query that it sent the browser back with.',
  body: z.strictObject({ answer: z.string().max(8192).describe('Behind the ? of the address: `code=…&state=…`.') }),
  answer: { status: 201, body: me },
  examples: [
    { name: 'without a provider', body: { answer: 'code=x&state=y' }, status: 404 },
    { name: 'no answer', body: {}, status: 422 },
  ],
  run: async ({ context, body: { answer }, cookie, remote }) => {
    const { signIn, limits, store, clock } = context;
    const { settings, party } = await signIn.open();
    const account = `provider from ${remote}`;
    refuseHurry(limits.waitFor(account, remote));
    limits.begin(account, remote);
    try {
      const proven = await party.finish(cookie(attemptCookie), answer, async () => signIn.readSecret());
      const { issuer, sid, idToken } = proven;
      const user = await context.inTurn(async () => admitIdentity(proven, settings, store));
      const act = { actor: `user:${user.name}`, reason: `signed in with ${issuer}` };
      const { answer: made, session } = await startSession(context, user, { lastsMs: settings.sessionMs, act });
      if (sid !== undefined) await noteProviderSession({ ...context, clock }, { issuer, sid }, session);
      signIn.keepIdToken(session.digest, idToken);
      limits.succeeded(account, remote);
      return { ...made, cookies: [...(made.cookies ?? []), attemptField(undefined)] };
    } catch (error) {
      // What is not his fault keeps nobody from the other ways in.
      if (error instanceof SignInFault && error.outage) limits.succeeded(account, remote);
      if (error instanceof StoreProblem && error.code === 'invalid')
        throw new ApiProblem('stale', 'The user was changed at the same time: sign in again.');
      if (error instanceof SignInFault) {
        const detail = { remote, code: error.code };
        await store.audit.note({ actor: 'nobody', action: 'login.refuse', subject: 'provider', detail });
      }
      throw toldProblem(error, remote, context);
    }
  },
});

const endByProvider = openOperation({
  id: 'endByProvider',
  method: 'POST',
  path: '/sessions:endByProvider',
  summary: 'For the identity provider: somebody has logged out there (OpenID Connect Back-Channel Logout 1.0).',
  isForm: true,
  body: z.object({ logout_token: z.string().max(16_384) }),
  answer: { status: 200, body: z.strictObject({ ended: z.int().describe('Sessions.') }) },
  examples: [{ name: 'without a provider', body: { logout_token: 'x.y.z' }, status: 404 }],
  run: async ({ context, body: { logout_token: token }, remote }) => {
    const { signIn, limits, store } = context;
    const { settings, party } = await signIn.open();
    const account = `logout from ${remote}`;
    refuseHurry(limits.waitFor(account, remote));
    try {
      const loggedOut = await party.loggedOut(token);
      return { status: 200, body: { ended: await endProviderSessions(store, settings.issuer, loggedOut) } };
    } catch (error) {
      if (!(error instanceof SignInFault)) throw error;
      if (!error.outage) {
        // Counted when it is refused: of many people who log out at the same moment nobody is to stay.
        limits.begin(account, remote);
        const { title } = signInFaultSpec(error.code);
        context.log.warn(
          { code: error.code, remote, hint: error.help },
          `a logout by the provider was refused: ${title}`,
        );
        throw new ApiProblem('bad_request', error.message, { members: { fault: error.code } });
      }
      throw toldProblem(error, remote, context);
    }
  },
});

const logOutEverywhere = operation({
  id: 'logOutEverywhere',
  method: 'POST',
  path: '/session:logOut',
  act: 'account.write',
  summary: 'Ends the session, and says where to log out at the identity provider that it began with.',
  answer: { status: 200, body: z.strictObject({ url: z.string().nullable().describe('Null: nowhere.') }) },
  examples: [],
  run: async ({ context, caller }) => {
    const { signIn } = context;
    await endSession(context, caller);
    const isProvided = caller.kind === 'person' && caller.user.provider !== null;
    if (!isProvided) return { status: 200, body: { url: null }, cookies: [sessionGone] };
    const idToken = signIn.takeIdToken(caller.session.digest);
    const { settings, party } = await signIn.open();
    const url = settings.logoutAtProvider ? await party.logoutUrl(idToken) : undefined;
    return { status: 200, body: { url: url ?? null }, cookies: [sessionGone] };
  },
});

/** A host without its port, as a URL has it. */
function hostOf(authority: string): string | undefined {
  return URL.canParse(`http://${authority}`) ? new URL(`http://${authority}`).hostname : undefined;
}

/** In words, for the log and for who asked: without a token, a code, or a claim. */
function toldProblem(error: unknown, remote: string, { log }: ControlContext): unknown {
  if (!(error instanceof SignInFault)) return error;
  const { code, message, help: hint, outage } = error;
  const { title } = signInFaultSpec(code);
  if (outage)
    log.error({ code, remote, detail: message, hint }, `nobody can sign in with the identity provider: ${title}`);
  else log.warn({ code, remote, detail: message, hint }, `a login with the identity provider was refused: ${title}`);
  const members = { fault: code, hint };
  if (outage) return new ApiProblem('provider_unavailable', message, { members, fields: { 'retry-after': '5' } });
  return new ApiProblem('sign_in_refused', message, { members });
}

export const providerOperations: readonly Operation[] = [
  beginByProvider,
  logInByProvider,
  endByProvider,
  logOutEverywhere,
];
