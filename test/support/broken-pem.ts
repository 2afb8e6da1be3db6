// Every way in which a block of PEM is found broken in what people upload.

/** Of one good certificate in PEM. */
export function brokenBlocks(certPem: string): readonly string[] {
  const lines = certPem.trimEnd().split('\n');
  const second = lines[2] ?? '';
  return [
    lines.slice(0, -1).join('\n'),
    lines.slice(1).join('\n'),
    certPem.replace('-----BEGIN', '----BEGIN'),
    certPem.replace('-----END', '-- --END'),
    certPem.replace('END CERTIFICATE', 'END X509 CRL'),
    certPem.replace(second, `${second.slice(0, -1)}*`),
    certPem.replace(`${second}\n`, ''),
    `${lines[0]}\n${lines.at(-1)}`,
    certPem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'),
    certPem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
    certPem.replaceAll('CERTIFICATE', 'PKCS7'),
  ];
}
