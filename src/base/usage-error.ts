// What a person at the keyboard got wrong.

/** One line for standard error, without a stack. */
export class UsageError extends Error {}
