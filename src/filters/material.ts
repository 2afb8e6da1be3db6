// What a filter's configuration points to, as it was read and checked. Plain data; one value for all routes with the filter.

export type FilterMaterial = {
  /** basicAuth: the text of `usersFile`. */
  readonly users?: string;
  /** jwtAuth: PEM of a public key or a certificate, or the JSON of a key set. */
  readonly keys?: string;
  /** jwtAuth: PEM of the CAs that verify the server of the key set. */
  readonly cas?: string;
};

export const noMaterial: FilterMaterial = {};
