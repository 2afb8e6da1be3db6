// What is asked of clients, in words.
export const modeWords = {
  required: { label: 'required', detail: 'who has none that is trusted is refused' },
  optional: { label: 'optional', detail: 'who shows one has it checked; routes may ask for it' },
  off: { label: 'not asked for', detail: 'clients prove nothing' },
} as const;

export type Mode = keyof typeof modeWords;

export function namesOf(hosts: readonly string[]): string {
  return hosts.length === 0 ? 'every other name' : hosts.join(', ');
}
