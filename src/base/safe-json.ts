// JSON that is safe to look at: what certificates say may reorder or hide text on a terminal.

/** As JSON.stringify; everything beyond plain ASCII as \uXXXX, which every reader turns back. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
