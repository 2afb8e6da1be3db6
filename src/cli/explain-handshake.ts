// `countersign explain handshake HOST:PORT`: the diagnosis from the name to the first byte of an answer, against any TLS server.
// Knows options and exit codes: 0 everything passed, 1 a step failed, 2 the question could not be asked.
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { safeJson } from '../base/safe-json.ts';
import { UsageError } from '../base/usage-error.ts';
import { diagnoseHandshake } from '../diagnosis/diagnose-handshake.ts';
import { diagnosisToJson, isSound, printDiagnosis } from '../diagnosis/print-diagnosis.ts';
import { type HandshakeOptions, loadTarget, type ProbedVersion } from '../diagnosis/target.ts';
import { parseSeconds } from './seconds-option.ts';

export function explainHandshakeCommand(): Command {
  return new Command('handshake')
    .description('climb from DNS over TLS to the first byte of an answer, and say where and why it breaks')
    .argument('<host:port>', 'any TLS server; [::1]:8443 for IPv6 addresses; without a port 443')
    .option('--cert <file>', 'our certificate with its intermediates (PEM)')
    .option('--key <file>', 'its key (default: in the file of --cert)')
    .option('--ca <file>', 'CAs that the server may come from (default: the built-in roots)')
    .option('--servername <name>', 'name to ask for and to expect (default: HOST)')
    .option('--path <path>', 'what to GET at the end', '/')
    .addOption(versionOption('--min <version>', 'lowest TLS version to offer (default: 1.2)'))
    .addOption(versionOption('--max <version>', 'highest TLS version to offer (default: 1.3)'))
    .option('--ciphers <list>', 'ciphers to offer up to TLS 1.2, in the words of OpenSSL')
    .option('--alpn <names>', 'application protocols to offer, or none', 'http/1.1')
    .option('--proxy-protocol <version>', 'send a PROXY header first, as a balancer does: 1 or 2', parseProxyVersion)
    .option('--timeout <seconds>', 'for everything together', parseSeconds, 10)
    .option('--json', 'for machines')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (place: string, options: HandshakeOptions) => {
      try {
        const target = await loadTarget(place, options, systemClock.now());
        const diagnosis = await diagnoseHandshake(target, systemClock);
        const text =
          options.json === true
            ? `${safeJson(diagnosisToJson(diagnosis, target), 2)}\n`
            : printDiagnosis(diagnosis, target);
        // A resolver that does not answer cannot be called off; nobody should wait for it.
        process.stdout.write(text, () => process.exit(isSound(diagnosis) ? 0 : 1));
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        process.stderr.write(`${error.message}\n`);
        process.exitCode = 2;
      }
    });
}

const versions: Readonly<Record<string, ProbedVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

function parseProxyVersion(text: string): 1 | 2 {
  if (text !== '1' && text !== '2') throw new InvalidArgumentError('1 or 2');
  return text === '1' ? 1 : 2;
}

function versionOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string): ProbedVersion => {
    const version = versions[text.replace(/^TLSv/i, '')];
    if (version === undefined) throw new InvalidArgumentError('1.0, 1.1, 1.2 or 1.3');
    return version;
  });
}
