// A service of the running configuration as it was declared, and rules over names in the words in which they are written.
import type { SanRuleConfig, ServiceConfig } from '../config/gateway-config.ts';
import { hostAndPort } from './host-and-port.ts';
import type { Origin, RuleView, ServiceView } from './view.ts';

export function showService(service: ServiceConfig, origin: Origin): Omit<ServiceView, 'usedBy'> {
  const { name, source, protocol, addresses, mode, certificateId, caBundle, serverName, verified, tls } = service;
  const { notVerifiedBecause, healthCheck } = service;
  return {
    id: name,
    origin,
    source,
    protocol,
    addresses: addresses.map(({ host, port, weight, backup }) => ({
      address: hostAndPort(host, port),
      weight,
      backup,
    })),
    tls: {
      mode,
      certificateId: certificateId ?? null,
      caBundle: caBundle ?? null,
      serverName: serverName ?? null,
      verified,
      notVerifiedBecause: notVerifiedBecause ?? null,
      nameCheck: tls.nameCheck,
      minVersion: tls.minVersion,
      maxVersion: tls.maxVersion,
      allowedSANs: tls.allowedSANs?.map(showRule) ?? null,
      allowedFingerprints: tls.allowedFingerprints ?? null,
      allowedSPKI: tls.allowedSPKI ?? null,
      crl: tls.crl !== undefined,
    },
    healthCheck:
      healthCheck === undefined
        ? null
        : {
            path: healthCheck.path,
            intervalMs: healthCheck.intervalMs,
            timeoutMs: healthCheck.timeoutMs,
            healthyThreshold: healthCheck.healthyThreshold,
            unhealthyThreshold: healthCheck.unhealthyThreshold,
          },
  };
}

export function showRule(rule: SanRuleConfig): RuleView {
  switch (rule.kind) {
    case 'spiffe':
      return { spiffe: rule.id };
    case 'trustDomain':
      return { trustDomain: rule.domain };
    case 'san':
      return {
        type: rule.type,
        [rule.matcher]: rule.value,
        ...(rule.ignoreCase && { ignoreCase: true }),
        ...(rule.oid !== undefined && { oid: rule.oid }),
      };
    default:
      return { [rule.kind]: { [rule.matcher]: rule.value, ...(rule.ignoreCase && { ignoreCase: true }) } };
  }
}
