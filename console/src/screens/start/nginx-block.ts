// What to paste into the nginx of the backend: mutual TLS with the files that were just made, and an answer that says whom it saw.
export type NginxBlockOptions = {
  /** Name of the backend, as in its certificate. */
  readonly name: string;
  readonly port: string;
};

/** Where the files are put; the same in the block, in the list of files and in the line that copies them. */
export const nginxFolder = '/etc/nginx/countersign';

export function nginxBlock({ name, port }: NginxBlockOptions): string {
  return `server {
    listen ${port} ssl;
    server_name ${name};

    ssl_certificate        ${nginxFolder}/server.crt;
    ssl_certificate_key    ${nginxFolder}/server.key;
    ssl_protocols          TLSv1.2 TLSv1.3;

    # Whoever has no certificate of this CA gets nothing.
    ssl_client_certificate ${nginxFolder}/ca.crt;
    ssl_verify_client      on;

    location / {
        # Take this line out and put your proxy_pass or root here.
        return 200 "hello, $ssl_client_s_dn\\n";
    }
}
`;
}

/** `orders.internal:8443` → name and port; 443 where none is said. Undefined for what is neither name nor IPv4 address. */
export function readAddress(address: string): { readonly name: string; readonly port: string } | undefined {
  const [, name, port = '443'] =
    /^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(\d{1,5}))?$/.exec(address.trim()) ?? [];
  return name === undefined || Number(port) < 1 || Number(port) > 65_535
    ? undefined
    : { name: name.toLowerCase(), port };
}
