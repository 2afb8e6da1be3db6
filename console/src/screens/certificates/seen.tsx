export function Seen() {
  return null;
}
