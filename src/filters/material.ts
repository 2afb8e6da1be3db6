// What a filter's configuration points to, as it was read and checked. Plain data; one value for all routes with the filter.

export type FilterMaterial = {
  /** basicAuth: the text of `usersFile`. */
  readonly users?: string;
  /** jwtAuth: PEM of a public key or a certificate, or the JSON of a key set. */
  readonly keys?: string;
  /** PEM of the CAs that verify the server of the key set, or the authentication service. */
  readonly cas?: string;
  /** forwardAuth: what the gateway shows to the service, PEM. */
  readonly pair?: { readonly chainPem: string; readonly keyPem: string } | undefined;
  /** errorInterceptor: the texts of its files, by their path. */
  readonly pages?: Readonly<Record<string, string>>;
};

export const noMaterial: FilterMaterial = {};
