// How a password is kept: hashed in one of the forms that are checked here, or as plain text. Which of them a text is; how it is
// checked is filters/password-checks.ts. What looks like a hash of another form is refused: taken for plain text, it would be one
// that nobody knows.

export type PasswordForm =
  /** `$2b$…`: the other letters of bcrypt name the same computation. */
  | { readonly kind: 'bcrypt'; readonly hash: string }
  | {
      readonly kind: 'argon2id';
      /** KiB. */
      readonly memory: number;
      readonly passes: number;
      readonly parallelism: number;
      /** Base64, as the next. */
      readonly salt: string;
      readonly tag: string;
    }
  /** Base64 of the digest. */
  | { readonly kind: 'sha1'; readonly digest: string }
  | { readonly kind: 'plain'; readonly text: string };

export type PasswordMistake = { readonly problem: string; readonly hint: string };

const maxBcryptCost = 14;
const maxArgonMemory = 256 * 1024;
/** Passes over memory, in KiB: some seconds of one core. */
const maxArgonWork = 4 * 1024 * 1024;
const make = 'Make one with `htpasswd -nB USER` (bcrypt) or an argon2id tool.';

/** What is said of a password never holds a part of it. */
export function readPasswordForm(text: string): PasswordForm | PasswordMistake {
  if (text === '') return { problem: 'the password is empty', hint: make };
  if (/^\$2[abxy]?\$/.test(text)) return readBcrypt(text);
  if (text.startsWith('$argon2')) return readArgon(text);
  if (text.startsWith('{SHA}')) {
    const digest = text.slice('{SHA}'.length);
    if (Buffer.from(digest, 'base64').length === 20 && /^[A-Za-z0-9+/]{27}=$/.test(digest))
      return { kind: 'sha1', digest };
    return { problem: 'what stands behind {SHA} is no SHA-1 digest in base64', hint: make };
  }
  const foreign = nameForeign(text);
  if (foreign !== undefined) return { problem: `passwords in the form ${foreign} are not supported`, hint: make };
  return { kind: 'plain', text };
}

/** What Apache writes by `htpasswd -d`: 13 characters that nobody could tell from a plain password elsewhere. */
export function looksLikeCrypt(text: string): boolean {
  return /^[./0-9A-Za-z]{13}$/.test(text);
}

function nameForeign(text: string): string | undefined {
  const known: Readonly<Record<string, string>> = {
    apr1: '$apr1$ (MD5)',
    '1': '$1$ (MD5)',
    '5': '$5$ (crypt, SHA-256)',
    '6': '$6$ (crypt, SHA-512)',
    y: '$y$ (yescrypt)',
    '7': '$7$ (scrypt)',
  };
  const [, modular] = /^\$([a-z0-9-]{1,16})\$/.exec(text) ?? [];
  if (modular !== undefined) return known[modular] ?? 'of this $…$';
  const [, scheme] = /^\{([A-Z0-9-]{2,16})\}/.exec(text) ?? [];
  return scheme && `{${scheme}}`;
}

function readBcrypt(text: string): PasswordForm | PasswordMistake {
  const [, letter, cost = '', rest] = /^\$2([aby])\$(\d\d)\$([./A-Za-z0-9]{53})$/.exec(text) ?? [];
  if (letter === undefined || rest === undefined)
    return { problem: 'this is no whole bcrypt hash ($2b$, two digits, $, 53 characters)', hint: make };
  if (Number(cost) < 4 || Number(cost) > maxBcryptCost)
    return {
      problem: `a bcrypt hash of cost ${cost} is not checked: from 04 to ${maxBcryptCost} are`,
      hint: 'Each step doubles the time of every login; 10 to 12 are usual.',
    };
  return { kind: 'bcrypt', hash: `$2b$${cost}$${rest}` };
}

const argon =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,172})$/;

function readArgon(text: string): PasswordForm | PasswordMistake {
  if (!text.startsWith('$argon2id$')) return { problem: 'of argon2 the form argon2id alone is supported', hint: make };
  const [, m, t, p, salt, tag] = argon.exec(text) ?? [];
  if (salt === undefined || tag === undefined)
    return { problem: 'this is no whole argon2id hash ($argon2id$v=19$m=…,t=…,p=…$SALT$HASH)', hint: make };
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)];
  if (passes < 1 || parallelism < 1 || parallelism > 16 || memory < 8 * parallelism)
    return { problem: 'these parameters of argon2id are not legal', hint: 'For example m=19456,t=2,p=1.' };
  if (memory > maxArgonMemory || memory * passes > maxArgonWork)
    return {
      problem: `argon2id with m=${memory},t=${passes} asks for more than a login may take`,
      hint: `At most m=${maxArgonMemory}, and m times t at most ${maxArgonWork}; m=19456,t=2,p=1 is usual.`,
    };
  return { kind: 'argon2id', memory, passes, parallelism, salt, tag };
}
