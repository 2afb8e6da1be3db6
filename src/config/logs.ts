// `gateway.log` and `gateway.accessLog`.
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { type AccessLogField, accessLogFields, defaultAccessLogFields } from '../telemetry/access-log-fields.ts';
import { flag, list, map, oneOf, ratio, text } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { ignored } from './support.ts';

const notRotated = ignored('log files are not rotated', 'Let logrotate or the service manager do it.');

export const logKeys = {
  level: key(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'off'], true), {
    says: 'Default {default}.',
    default: 'info',
    page: 'Goma: `trace`, `debug`, `info`, `warn`, `error`, `off`.',
  }),
  format: key(oneOf(['text', 'json'], true), {
    says: 'Default: text on a terminal, else json.',
    unset: '`text` on a terminal, else `json`',
    page: 'Goma: `text` or `json`.',
  }),
  filePath: key(text, {
    says: 'File; omitted: standard error.',
    unset: 'standard error',
    page: 'Goma. Relative to the configuration file. SIGHUP reopens it.',
  }),
  maxAgeDays: notRotated,
  maxBackups: notRotated,
  maxSizeMB: notRotated,
};

export const accessLogKeys = {
  enabled: key(flag, { says: 'Default {default}.', default: true, restricts: true, page: 'own.' }),
  path: key(text, {
    says: 'stdout, stderr or a file. Default {default}.',
    default: 'stdout',
    restricts: true,
    page: 'own. `stdout`, `stderr` or a file.',
  }),
  format: key(oneOf(['text', 'json'], true), {
    says: 'Default: as log.format on standard output or error, json in a file.',
    unset: 'as `log.format` on standard output or error, `json` in a file',
    page: 'own. `json`, or `text` for people to read.',
  }),
  fields: key(list(oneOf(['default', 'all', ...accessLogFields])), {
    says: 'What is said of the connection and the certificates on both sides; `default` stands for what is logged without this key.',
    default: ['default'],
    page: `own. What is said of the connection and the certificates on both sides: a list of \`all\`, \`default\` (${defaultAccessLogFields.map((name) => `\`${name}\``).join(', ')}) and ${accessLogFields
      .filter((name) => !defaultAccessLogFields.includes(name))
      .map((name) => `\`${name}\``)
      .join(', ')}.`,
  }),
  sample: key(ratio, {
    says: 'Share of requests that are logged, 0 to 1. Default {default}.',
    default: 1,
    page: 'own. Share of requests that are logged, 0 to 1.',
  }),
};

const logs = map({ log: map(logKeys), accessLog: map(accessLogKeys) });

function stands(written: AccessLogField | 'default' | 'all', name: AccessLogField): boolean {
  return written === name || written === 'all' || (written === 'default' && defaultAccessLogFields.includes(name));
}

/** `file`: the main file, to which paths are relative. */
export function readLogs(shape: z.output<typeof logs>, file: string): Pick<GatewayConfig, 'log' | 'accessLog'> {
  const absolute = (path: string): string => resolve(dirname(file), path);
  const { level, format, filePath = '' } = shape.log;
  const { enabled, path, fields, sample } = shape.accessLog;
  const isStream = path === 'stdout' || path === 'stderr';
  return {
    log: { level, format, file: filePath === '' ? undefined : absolute(filePath) },
    accessLog: {
      enabled,
      path: isStream ? path : absolute(path),
      format: shape.accessLog.format ?? (isStream ? format : 'json'),
      fields: accessLogFields.filter((name) => fields.some((one) => stands(one, name))),
      sample,
    },
  };
}
