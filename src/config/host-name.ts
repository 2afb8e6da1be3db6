// Host patterns of policies and routes in their canonical form (base/host.ts), and why something is none.
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { canonicalHostName, isIpLiteral } from '../base/host.ts';

export type HostReading = { readonly host: string } | { readonly problem: string; readonly hint: string };

/** `a.example.com:8443` as its two parts; undefined where no port stands at the end. An IPv6 address has brackets. */
export function splitPort(text: string): { readonly host: string; readonly port: string } | undefined {
  const [, host, port] = /^(\[[^\]]*\]|[^:]+):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** A DNS name; an IP address is none. Underscores pass: container networks use them. */
export function parseHostName(text: string): HostReading {
  const host = canonicalHostName(text);
  if (host !== undefined) return { host };
  if (text === '') return { problem: 'the host name is empty', hint: '' };
  if (isAddress(text)) return { problem: 'an IP address is not a host name', hint: '' };
  return mistakeIn(stripDot(text).toLowerCase());
}

/** `api.example.com` or `*.example.com` (one label or more before the suffix). */
export function parsePolicyHost(text: string): HostReading {
  const pattern = stripDot(text).toLowerCase();
  if (isAddress(pattern))
    return {
      problem: 'a policy is chosen by server name, and a client that connects to an IP address sends none',
      hint: 'Name the policy in gateway.tls.defaultPolicy: it takes clients without a server name.',
    };
  if (pattern === '*')
    return {
      problem: '`*` alone is not a pattern',
      hint: 'Name the policy in gateway.tls.defaultPolicy: it takes every other server name.',
    };
  return withPrefix(pattern, /^\*\./);
}

/** As parsePolicyHost, and Goma's `{sub}.example.com` (exactly one label) and IP addresses. */
export function parseRouteHost(text: string): HostReading {
  const pattern = stripDot(text).toLowerCase();
  if (pattern === '*')
    return { problem: '`*` alone is not a pattern', hint: 'Leave `hosts` out: the route then takes every host.' };
  if (pattern.startsWith('[') && pattern.endsWith(']') && isIP(pattern.slice(1, -1)) === 6) return { host: pattern };
  if (isIP(pattern) === 4) return { host: pattern };
  if (isIP(pattern) === 6) return { problem: 'an IPv6 address stands in brackets', hint: `Write [${pattern}].` };
  return withPrefix(pattern, /^(?:\*|\{[a-z_][a-z0-9_]*\})\./);
}

function withPrefix(pattern: string, prefix: RegExp): HostReading {
  const start = prefix.exec(pattern)?.[0] ?? '';
  const rest = parseHostName(pattern.slice(start.length));
  return 'host' in rest ? { host: start + rest.host } : rest;
}

function stripDot(text: string): string {
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

function isAddress(text: string): boolean {
  // A last label of digits (or 0x…) is read as an IPv4 address by resolvers, whatever stands before it.
  return isIpLiteral(text) || /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i.test(text);
}

function mistakeIn(host: string): { problem: string; hint: string } {
  if (/[^\u0000-\u007f]/.test(host)) {
    const ascii = domainToASCII(host);
    return { problem: 'the host name is not ASCII', hint: ascii === '' ? '' : `Write its ASCII form: ${ascii}` };
  }
  if (/[*{}]/.test(host))
    return { problem: 'a wildcard stands for whole labels at the front only', hint: 'Use `*.example.com`.' };
  if (/[/:@?#]/.test(host))
    return { problem: 'this is not a host name alone', hint: 'Leave out scheme, port and path.' };
  if (host.length > 253) return { problem: 'the host name is longer than 253 characters', hint: '' };
  for (const label of host.split('.')) {
    if (label === '')
      return {
        problem: 'the host name has an empty label',
        hint: 'Two dots follow each other, or it starts with one.',
      };
    if (label.length > 63) return { problem: 'a label of the host name is longer than 63 characters', hint: '' };
    if (!/^[a-z0-9_-]+$/.test(label) || label.startsWith('-') || label.endsWith('-'))
      return {
        problem: `the label "${label}" is not legal in a host name`,
        hint: 'Letters, digits and inner hyphens.',
      };
  }
  return { problem: 'this is not a host name', hint: '' };
}
