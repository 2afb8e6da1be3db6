// Takes a revision back by a new one.
export function RevertButton(_: { readonly revision: string }) {
  return null;
}
