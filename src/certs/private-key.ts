// Private keys from PEM (PKCS #8, SEC 1, PKCS #1): the one key of a file, and whether TLS can use it.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { encodePem } from '../asn1/der-writer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { materialError, type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { fileInCommand } from '../base/shell.ts';
import { certificateLabels, type PemBlock, splitPem } from '../asn1/pem.ts';

export type ParsedKey = {
  readonly key: KeyObject | undefined;
  readonly keyPem: string;
  readonly problems: MaterialProblem[];
  /** What stands in blocks besides, the key's parameters apart. */
  readonly others: readonly PemBlock[];
};

/** `openssl ecparam -genkey` writes the curve before the key, which names it too. */
export function isKeyPart(label: string): boolean {
  return label.endsWith('PRIVATE KEY') || label === 'EC PARAMETERS';
}

const keyLabels: ReadonlySet<string> = new Set([
  'PRIVATE KEY',
  'EC PRIVATE KEY',
  'RSA PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
]);
const tlsCurves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** The one private key of a PEM text (PKCS #8, SEC 1, PKCS #1). `keyPem` is that key alone, as PKCS #8. */
export function parsePrivateKey(pem: string, name = 'inline PEM'): ParsedKey {
  const { blocks, problems } = splitPem(pem, name);
  const file = fileInCommand(name);
  const others = blocks.filter(({ label }) => !isKeyPart(label));
  const none = (problem?: MaterialProblem): ParsedKey => ({
    key: undefined,
    keyPem: '',
    others,
    problems: problem === undefined ? problems : [...problems, problem],
  });
  if (problems.length > 0) return none();
  const keys = blocks.filter((block) => block.label.endsWith('PRIVATE KEY'));
  const [block] = keys;
  if (block === undefined) {
    const found = blocks.length === 0 ? '' : ` (it holds ${[...new Set(blocks.map((one) => one.label))].join(', ')})`;
    const swapped = blocks.some((one) => certificateLabels.has(one.label));
    return none(
      materialError(
        'no_private_key',
        `${name} holds no private key${found}`,
        swapped
          ? 'This looks like the certificate file: are certificate and key swapped?'
          : 'It should hold one PRIVATE KEY block.',
      ),
    );
  }
  if (keys.length > 1)
    return none(
      materialError(
        'several_keys',
        `${name} holds ${keys.length} private keys`,
        'Keep the one that belongs to the certificate.',
      ),
    );
  if (block.encrypted || block.label === 'ENCRYPTED PRIVATE KEY') {
    return none(
      materialError(
        'encrypted_key',
        `${name} is protected with a passphrase`,
        `Passphrases are not supported. Decrypt it: openssl pkey -in ${file} -out ${file}.plain (openssl makes that readable by its owner alone), and name the new file.`,
      ),
    );
  }
  if (!keyLabels.has(block.label)) {
    return none(
      materialError(
        'unsupported_key',
        `${name} holds a ${escapeForLog(block.label, 60)}, which TLS cannot use`,
        block.label === 'OPENSSH PRIVATE KEY'
          ? `It is a key in SSH's own format. RSA and ECDSA: cp ${file} ${file}.pem, then ssh-keygen -p -N '' -m PKCS8 -f ${file}.pem; it still needs a certificate.`
          : 'Use an EC P-256, RSA 2048 or Ed25519 key.',
      ),
    );
  }
  return openKey(block, name, none, { problems, others });
}

function openKey(
  block: PemBlock,
  name: string,
  none: (problem?: MaterialProblem) => ParsedKey,
  { problems, others }: Pick<ParsedKey, 'problems' | 'others'>,
): ParsedKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(encodePem(block.label, block.der));
  } catch {
    return none(
      materialError(
        'broken_key',
        `${name} is not a valid private key`,
        'Copy it again from its source, or make a new key and certificate.',
      ),
    );
  }
  const weakness = verifyKey(key, name);
  if (weakness?.severity === 'error') return none(weakness);
  if (weakness !== undefined) problems.push(weakness);
  // Most are PKCS #8 as they are; to have OpenSSL write them anew takes as long as to read them.
  const keyPem =
    block.label === 'PRIVATE KEY' ? encodePem(block.label, block.der) : key.export({ format: 'pem', type: 'pkcs8' });
  return { key, keyPem, problems, others };
}

function verifyKey(key: KeyObject, name: string): MaterialProblem | undefined {
  const type = key.asymmetricKeyType ?? 'unknown';
  const details = key.asymmetricKeyDetails ?? {};
  const hint = 'Use an EC P-256, RSA 2048 or Ed25519 key.';
  if (type === 'rsa' || type === 'rsa-pss') {
    const bits = details.modulusLength ?? 0;
    if (bits < 2048)
      return materialError('weak_key', `${name} is an RSA key of ${bits} bits, under the 2048 that are needed`, hint);
    return bits > 8192
      ? materialWarning('slow_key', `${name} is an RSA key of ${bits} bits: every handshake is slow`, hint)
      : undefined;
  }
  if (type === 'ec') {
    const curve = details.namedCurve ?? 'an unnamed curve';
    return tlsCurves.has(curve)
      ? undefined
      : materialError('unsupported_key', `${name} is an EC key on ${curve}, which TLS clients do not accept`, hint);
  }
  if (type === 'ed25519' || type === 'ed448') return undefined;
  return materialError('unsupported_key', `${name} is a key of type ${type}, which cannot serve TLS`, hint);
}
